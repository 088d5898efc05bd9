import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { quoted } from '../../extension/plans/commands.ts';
import { cli } from '../support/paths.ts';
import { type QueuedTask, Slurm, slurmMissing } from '../support/slurm.ts';
import { done, ended, run, sameResult, start, statusIn } from './support.ts';

// The whole way, with a real SLURM: plan, submit, be disturbed, resume, collect.
const skip = slurmMissing();
const root = mkdtempSync(join(tmpdir(), 'cluster-'));
let slurm: Slurm;

before(async () => {
  if (skip) return;
  slurm = await Slurm.start();
  process.env.SLURM_CONF = slurm.env.SLURM_CONF;
});
after(async () => {
  await slurm?.stop();
  rmSync(root, { recursive: true, force: true });
});

const settings = ['sweep', '--sample', '--limit', '120', '--every', '200', '--reference', 'none'];
const twelve = [
  ...settings,
  '--steps',
  '600',
  '--sweep',
  'beta2=0.9,0.99,0.999',
  '--sweep',
  'lr=0.001,0.002',
  '--seeds',
  '0,1',
];
const two = [...settings, '--sweep', 'beta2=0.9,0.99', '--steps', '8000'];
const four = [...settings, '--steps', '600', '--sweep', 'beta2=0.9,0.99', '--seeds', '0,1'];

/** What one machine makes of it, once for all tests. */
const local = (() => {
  const made = new Map<string, string>();
  return (argv: readonly string[]): string => {
    const key = argv.join(' ');
    const folder = made.get(key) ?? join(root, `local-${made.size}`);
    if (!made.has(key)) done(root, ...argv, '--out', folder);
    made.set(key, folder);
    return folder;
  };
})();

/** A folder for a plan whose tasks note down on which node each attempt at a point begins, and how they are submitted. */
function newPlan(name: string, argv: readonly string[]) {
  const folder = join(root, name);
  const [program, attempts] = [join(root, `${name}.sh`), join(root, `${name}.attempts`)];
  // `--point K …`
  const lines = [
    `echo "$2 $SLURMD_NODENAME" >> ${quoted(attempts)}`,
    `exec ${quoted(process.execPath)} ${quoted(cli)} "$@"`,
  ];
  writeFileSync(program, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(program, 0o755);
  writeFileSync(attempts, '');
  const begun = () =>
    readFileSync(attempts, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(' '));
  const options = ['--program', quoted(program)];
  return {
    folder,
    options,
    submit: (...more: readonly string[]) =>
      done(root, ...argv, '--plan', folder, '--submit', 'slurm', ...options, ...more),
    resubmit: () => done(root, '--resume', folder, '--submit', 'slurm'),
    begun,
    /** How often each point was begun. */
    attempts: (): number[] => {
      const counts: number[] = [];
      for (const [point] of begun()) counts[Number(point)] = (counts[Number(point)] ?? 0) + 1;
      return counts;
    },
    /** The process that works on a point; waits until one does. */
    worker: async (point: number): Promise<number> => {
      let worker: number | undefined;
      const tasks = join(folder, 'tasks');
      await slurm.until(() => {
        const own = existsSync(tasks) ? readdirSync(tasks).find((task) => Number(task) === point) : undefined;
        const claim = own && readdirSync(join(tasks, own)).find((file) => /^claim-.*\.json$/.test(file));
        if (claim) worker = (JSON.parse(readFileSync(join(tasks, own!, claim), 'utf8')) as { process: number }).process;
        return worker !== undefined;
      }, 30);
      return worker!;
    },
    /** The result is whole, and that of one machine, byte by byte. */
    check: () => {
      assert.equal(statusIn(folder).counts.done, statusIn(folder).points.length);
      done(root, '--collect', folder);
      sameResult(local(argv), folder);
    },
  };
}

test('twelve points over both nodes', { skip }, async () => {
  const plan = newPlan('twelve', twelve);
  const said = plan.submit('--time', '10', '--mem', '100M');
  const [, job] = /^Submitted 12 tasks \(0-11\) as job (\d+)\.$/m.exec(said) ?? [];
  assert.ok(job, said);
  for (const next of ['--status', '--collect', '--resume', `scancel ${job}`]) assert.ok(said.includes(next), next);
  const { counts } = statusIn(plan.folder);
  assert.equal(counts.waiting + counts.failed, 0, 'SLURM has all that is not done');
  assert.match(done(root, '--resume', plan.folder, '--submit', 'slurm'), /^Nothing to submit: /);
  await slurm.drained(120);
  assert.deepEqual(plan.attempts(), Array(12).fill(1));
  assert.deepEqual([...new Set(plan.begun().map(([, node]) => node))].sort(), ['n1', 'n2']);
  plan.check();
});

test('a point that is killed is told, and it alone is submitted again, as before', { skip }, async () => {
  const plan = newPlan('killed', four);
  plan.submit('--time', '10');
  process.kill(await plan.worker(2), 'SIGKILL');
  await slurm.drained(60);
  const { counts, points } = statusIn(plan.folder);
  assert.deepEqual([counts.done, counts.failed], [3, 1]);
  assert.match(points[2].failure!.message, /^Task \d+_2 of SLURM ended without a (?:word|result)/);
  assert.match(plan.resubmit(), /^Submitted 1 task \(2\) as job /);
  const [, again] = readFileSync(join(plan.folder, 'submissions.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"options"'));
  assert.equal((JSON.parse(again) as { options: { time: string } }).options.time, '10');
  await slurm.drained(60);
  assert.deepEqual(plan.attempts(), [1, 1, 2, 1]);
  plan.check();
});

const onFirstNode = ({ index, node }: QueuedTask): number[] => (node === 'n1' ? [index] : []);

test('a node that is drained in the middle', { skip }, async () => {
  const plan = newPlan('drained', four);
  plan.submit('--cpus-per-task', '4');
  await slurm.until(() => plan.begun().length >= 2, 30);
  slurm.run('scontrol', 'update', 'NodeName=n1', 'State=drain', 'Reason=test');
  const begun = [...plan.begun().map(([point]) => Number(point)), ...slurm.queue().flatMap(onFirstNode)];
  await slurm.drained(60);
  slurm.run('scontrol', 'update', 'NodeName=n1', 'State=resume');
  for (const [point, node] of plan.begun()) assert.ok(node === 'n2' || begun.includes(Number(point)), point);
  assert.deepEqual(plan.attempts(), [1, 1, 1, 1]);
  plan.check();
});

test('taken away for another job, a point begins again by itself', { skip }, async () => {
  const plan = newPlan('preempted', four);
  plan.submit('--partition', 'spot', '--sbatch', '--exclusive');
  const running = await slurmRunning(2);
  const engines = await Promise.all(running.map(async ({ index }) => hold(await plan.worker(index))));
  slurm.run('sbatch', '--partition=high', '--exclusive', '--output=/dev/null', '--wrap=true');
  try {
    // What is taken away may be cleaned up in less time than lies between two looks.
    await slurm.until(() => {
      const queue = slurm.queue();
      const runs = ({ job, index }: QueuedTask) =>
        queue.some((each) => each.job === job && each.index === index && each.state === 'RUNNING');
      return !running.every(runs);
    }, 30);
  } finally {
    engines.forEach(letGo);
  }
  await slurm.drained(60);
  assert.deepEqual(plan.attempts().sort(), [1, 1, 1, 2], 'the point of one node begins again');
  plan.check();
});

/** The tasks that run, once there are so many. */
async function slurmRunning(count: number): Promise<QueuedTask[]> {
  const running = () => slurm.queue().filter(({ state }) => state === 'RUNNING');
  await slurm.until(() => running().length === count, 30);
  return running();
}

/** Holds the engine of a process that works on a point, so that it is in the middle until it may go on. */
async function hold(worker: number): Promise<number> {
  const children = () => readFileSync(`/proc/${worker}/task/${worker}/children`, 'utf8').trim();
  await slurm.until(() => children() !== '', 10);
  const engine = Number(children().split(' ')[0]);
  process.kill(engine, 'SIGSTOP');
  return engine;
}

/** SLURM itself lets what it ends go on, so that it can listen. */
function letGo(engine: number): void {
  try {
    process.kill(engine, 'SIGCONT');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

test('at its time limit a point stops ahead of it, and goes on by itself', { skip }, async () => {
  const plan = newPlan('limited', two);
  // Told after ten seconds at the earliest, when it has begun even on a busy machine.
  plan.submit('--time', '1', '--signal-ahead', '50');
  const [worker, task] = [await plan.worker(1), join(plan.folder, 'tasks', '1')];
  const steps = () => {
    const made = readdirSync(task).find((name) => name.startsWith('made-'))!;
    return readFileSync(join(task, made, 'steps.jsonl'), 'utf8').split('\n').length;
  };
  await slurm.until(() => steps() > 2, 30);
  const engine = await hold(worker);
  const logs = join(plan.folder, 'logs');
  const log = () => readdirSync(logs).find((name) => name.endsWith('_1.log'))!;
  try {
    // SLURM looks at limits twice a minute.
    await slurm.until(() => /Told to stop/.test(readFileSync(join(logs, log()), 'utf8')), 60);
  } finally {
    letGo(engine);
  }
  await slurm.until(() => slurm.queue().some(({ index, state }) => index === 1 && state === 'PENDING'), 30);
  assert.ok(existsSync(join(task, 'saved', 'state.bin')), 'it goes on from there');
  await slurm.drained(60);
  assert.equal(plan.attempts()[1], 2);
  plan.check();
});

test('a disk that is full for one point', { skip: skip || noMounts() }, async () => {
  const plan = newPlan('full', four);
  const disk = join(plan.folder, 'tasks', '3');
  done(root, ...four, '--plan', plan.folder);
  mkdirSync(disk, { recursive: true });
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'full', disk]).status, 0);
  try {
    done(root, '--resume', plan.folder, '--submit', 'slurm', ...plan.options);
    await slurm.drained(60);
    const { counts, points } = statusIn(plan.folder);
    assert.deepEqual([counts.done, counts.failed], [3, 1]);
    assert.match(points[3].failure!.message, /there is no space left on the disk/);
  } finally {
    spawnSync('umount', [disk]);
  }
  assert.match(plan.resubmit(), /^Submitted 1 task \(3\) as job /);
  await slurm.drained(60);
  assert.deepEqual(plan.attempts(), [1, 1, 1, 2]);
  plan.check();
});

function noMounts(): string | false {
  const disk = mkdtempSync(join(root, 'disk-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'probe', disk]).status !== 0)
    return 'no file system can be mounted here';
  spawnSync('umount', [disk]);
  return false;
}

test('the submitting process dies before it knows the number of its job', { skip }, async () => {
  const plan = newPlan('orphaned', four);
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const { stdout } = spawnSync('sh', ['-c', 'command -v sbatch'], { encoding: 'utf8' });
  writeFileSync(join(bin, 'sbatch'), `#!/bin/sh\n${stdout.trim()} "$@" > /dev/null\nkill -9 "$PPID"\n`);
  chmodSync(join(bin, 'sbatch'), 0o755);
  const { PATH } = process.env;
  process.env.PATH = `${bin}${delimiter}${PATH}`;
  const submitting = start(root, ...four, '--plan', plan.folder, '--submit', 'slurm', ...plan.options);
  process.env.PATH = PATH;
  assert.equal(await ended(submitting), 'SIGKILL');
  const { counts } = statusIn(plan.folder);
  assert.equal(counts.waiting + counts.failed, 0, 'SLURM has all that is not done');
  assert.match(plan.resubmit(), /^Nothing to submit: /);
  await slurm.drained(60);
  assert.deepEqual(plan.attempts(), [1, 1, 1, 1]);
  plan.check();
});

test('a script that is printed and submitted by hand is followed, too; tasks of several points', { skip }, async () => {
  const plan = newPlan('printed', four);
  done(root, ...four, '--plan', plan.folder);
  const print = ['--submit', 'print', '--group', '3', '--throttle', '1', ...plan.options];
  const script = done(root, '--resume', plan.folder, ...print);
  assert.match(script, /^#SBATCH --array=0-1%1$/m);
  const { status, stderr } = spawnSync('sbatch', { input: script, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { counts } = statusIn(plan.folder);
  assert.equal(counts.waiting + counts.failed, 0, 'SLURM has all that is not done');
  await slurm.drained(60);
  assert.deepEqual(
    plan.begun().map(([first]) => first),
    ['0', '3'],
  );
  plan.check();
});

test('what does not go with a submission is refused', { skip }, () => {
  const plan = newPlan('refused', four);
  const refused = (...argv: readonly string[]) => {
    const { code, err } = run(root, ...four, ...argv);
    assert.equal(code, 2, err);
    assert.ok(!existsSync(plan.folder), 'nothing is written');
    return err;
  };
  const into = ['--plan', plan.folder];
  assert.match(refused('--submit', 'slurm'), /^--submit needs --plan DIR\./);
  assert.match(refused(...into, '--partition', 'low'), /^--partition needs --submit slurm/);
  assert.match(refused(...into, '--submit', 'slurm', '--image', 'x'), /^--image is no option of SLURM\./);
  assert.match(refused(...into, '--submit', 'kubernetes'), /^--image is missing\./);
  assert.match(refused(...into, '--submit', 'kubernetes', '--time', '1'), /^--time is no option of Kubernetes\./);
  assert.match(refused(...into, '--submit', 'slurm', '--for', 'slurm'), /^--for needs --submit print\./);
});

test('a plan of another version is not submitted', { skip }, () => {
  const folder = join(root, 'older');
  done(root, ...four, '--plan', folder);
  const path = join(folder, 'plan.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"tool": ".*"/, '"tool": "optimizer-bias-inspector 0.0.1"'));
  const { code, err } = run(root, '--resume', folder, '--submit', 'slurm');
  assert.equal(code, 1);
  assert.match(err, /was made by optimizer-bias-inspector 0\.0\.1, and this is /);
  assert.ok(!existsSync(join(folder, 'submissions.jsonl')));
});
