import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { quoted } from '../../extension/plans/commands.ts';
import { slurmQueue, submitSlurm } from '../../extension/plans/slurm.ts';
import type { SlurmOptions } from '../../extension/plans/slurmScript.ts';
import { submissionsOf } from '../../extension/plans/submissions.ts';
import { messageOf } from '../support/errors.ts';
import { Slurm, slurmMissing } from '../support/slurm.ts';

// The script and its signals, with a program of a few lines in place of the real one.
const skip = slurmMissing();
let slurm: Slurm;
const root = mkdtempSync(join(tmpdir(), 'slurm-script-'));
before(async () => {
  if (skip) return;
  slurm = await Slurm.start();
  process.env.SLURM_CONF = slurm.env.SLURM_CONF;
});
after(async () => {
  await slurm?.stop();
  rmSync(root, { recursive: true, force: true });
});

/**
 * A plan whose tasks note down each start with node and processors, work for `seconds` the first time and not at all afterwards,
 * and end with 75 when they are told to stop. The folder's name has all that a shell, SLURM and a pattern could take for its own.
 */
function plan(seconds: number) {
  const folder = mkdtempSync(join(root, `a 'b' "c" $HOME %a ; # é `));
  const program = join(folder, 'program.sh');
  const text = `#!/bin/bash
cd "$4"
set -- "$4" "$2"
trap 'echo TERM >> "signals.$2"; exit 75' TERM
trap 'echo USR1 >> "signals.$2"; exit 75' USR1
runs=$(cat "starts.$2" 2>/dev/null | wc -l)
echo "$SLURMD_NODENAME $SLURM_CPUS_PER_TASK" >> "starts.$2"
[ "$runs" -gt 0 ] || { sleep ${seconds} & wait; }
echo done > "result.$2"
`;
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  const starts = (task: number) =>
    existsSync(join(folder, `starts.${task}`))
      ? readFileSync(join(folder, `starts.${task}`), 'utf8')
          .trimEnd()
          .split('\n')
      : [];
  const isDone = (task: number) => existsSync(join(folder, `result.${task}`));
  return {
    folder,
    starts,
    isDone,
    submit: (tasks: readonly number[], options: SlurmOptions = {}) =>
      submitSlurm({ folder, tasks, group: 1, program: quoted(program) }, options, {}),
    begun: (tasks: readonly number[]) => slurm.until(() => tasks.every((task) => starts(task).length > 0), 20),
  };
}

test('an array runs on both nodes, with the processors that it asks for, whatever its folder is called', {
  skip,
}, async () => {
  const { folder, starts, isDone, submit } = plan(0.5);
  const tasks = [0, 1, 2, 3, 5, 7];
  const job = submit(tasks, { cpusPerTask: 2, mem: '100M', time: '10' });
  const queued = slurmQueue(submissionsOf(folder))!;
  assert.deepEqual(queued.map(({ task }) => task).sort(), tasks);
  assert.ok(queued.every((each) => each.job === job));
  await slurm.drained(20);
  assert.deepEqual(
    tasks.map(isDone),
    tasks.map(() => true),
  );
  assert.deepEqual([...new Set(tasks.flatMap(starts))].sort(), ['n1 2', 'n2 2']);
  assert.deepEqual(
    readdirSync(join(folder, 'logs')).sort(),
    tasks.map((task) => `${job}_${task}.log`),
  );
  assert.deepEqual(slurmQueue(submissionsOf(folder)), []);
  assert.deepEqual(
    submissionsOf(folder).map(({ tasks, job }) => ({ tasks, job })),
    [{ tasks: '0-3,5,7', job }],
  );
});

test('told by USR1, a task stops and begins again under its own number', { skip }, async () => {
  const { folder, starts, isDone, submit, begun } = plan(60);
  const job = submit([4, 6]);
  await begun([4, 6]);
  const begin = performance.now();
  slurm.run('scancel', '--batch', '--signal=USR1', `${job}_6`);
  await slurm.until(() => performance.now() - begin > 10_500, 20);
  slurm.run('scancel', '--batch', '--signal=USR1', `${job}_4`);
  await slurm.drained(20);
  assert.deepEqual(
    [4, 6].map((task) => [starts(task).length, isDone(task)]),
    [
      [2, true],
      [2, true],
    ],
  );
  const told = (task: number) => readFileSync(join(folder, `signals.${task}`), 'utf8');
  assert.deepEqual(
    [told(6), told(4)],
    ['TERM\n', 'USR1\n'],
    'what has just begun gets the signal that everything knows',
  );
});

test('what the user cancels stays cancelled', { skip }, async () => {
  const { starts, isDone, submit, begun } = plan(60);
  const job = submit([0]);
  await begun([0]);
  slurm.run('scancel', job);
  await slurm.drained(20);
  assert.deepEqual([starts(0).length, isDone(0)], [1, false]);
});

for (const partition of ['low', 'spot'])
  test(`taken away for another job, a task begins again (${partition})`, { skip }, async () => {
    const { starts, isDone, submit, begun } = plan(60);
    const job = submit([0, 1], { partition, sbatch: ['--exclusive'] });
    await begun([0, 1]);
    slurm.run('sbatch', '--partition=high', '--exclusive', '--output=/dev/null', '--wrap=true');
    await slurm.until(() => slurm.queue().some(({ reason }) => reason === 'BeginTime'), 20);
    const other = slurm.queue().filter((each) => each.job === job && each.state === 'RUNNING');
    assert.equal(other.length, 1, 'one node is enough');
    slurm.run('scancel', '--batch', '--signal=USR1', `${job}_${other[0].index}`);
    await slurm.drained(20);
    assert.deepEqual(
      [0, 1].map((task) => [starts(task).length, isDone(task)]),
      [
        [2, true],
        [2, true],
      ],
    );
  });

test('numbers that the cluster’s arrays do not reach, and what sbatch refuses, are said; nothing is submitted', {
  skip,
}, () => {
  const { folder, submit } = plan(0);
  assert.equal(
    messageOf(() => submit([3, 250])),
    "The plan has tasks up to number 250, and this cluster's arrays end at 100 (MaxArraySize).\nGive --group 3 or more: as many points are one task then.",
  );
  assert.match(
    messageOf(() => submit([0], { partition: 'none' })),
    /^sbatch did not take the job: sbatch: error: invalid partition specified: none[\s\S]*\nNothing was submitted\. --submit print shows the script\.$/,
  );
  assert.deepEqual(submissionsOf(folder), []);
  assert.equal(slurm.queue().length, 0);
});

test('where there is no SLURM, or its controller is down, that is said', { skip }, () => {
  const { folder, submit } = plan(0);
  const { PATH } = process.env;
  const empty = join(root, 'empty');
  mkdirSync(empty);
  const remedy = 'Submit where sbatch works, or take the script of --submit print there.';
  try {
    process.env.PATH = empty;
    assert.equal(
      messageOf(() => submit([0])),
      `SLURM does not answer here: there is no program scontrol.\n${remedy}`,
    );
    writeFileSync(join(empty, 'scontrol'), '#!/bin/sh\necho "Unable to contact slurm controller" >&2\nexit 1\n');
    chmodSync(join(empty, 'scontrol'), 0o755);
    assert.equal(
      messageOf(() => submit([0])),
      `SLURM does not answer here: Unable to contact slurm controller\n${remedy}`,
    );
  } finally {
    process.env.PATH = PATH;
  }
  assert.deepEqual(submissionsOf(folder), []);
});
