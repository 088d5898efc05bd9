import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { scheduledStatus, tasksToSubmit } from '../../extension/plans/schedulers.ts';
import { logFolder } from '../../extension/plans/slurmScript.ts';
import { noteAnswer, noteSubmission, submissionsOf } from '../../extension/plans/submissions.ts';
import type { Plan } from '../../extension/shared/plans.ts';

const root = mkdtempSync(join(tmpdir(), 'submissions-'));
const { PATH } = process.env;
before(() => {
  process.env.PATH = `${root}${delimiter}${PATH}`;
});
after(() => {
  process.env.PATH = PATH;
  rmSync(root, { recursive: true, force: true });
});

/** A folder with a plan of six points that nobody reads anything else of, of which the first is there. */
function newPlan(): { folder: string; plan: Plan } {
  const folder = mkdtempSync(join(root, 'plan-'));
  const points = Array.from({ length: 6 }, (_, number) => ({ number, label: `${number}`, folder: `points/${number}` }));
  const plan: Plan = {
    ...{ format: 1, tool: 'optimizer-bias-inspector 0', kind: 'experiment', group: 1, inputs: [], points },
    request: { name: 'closeness', directory: folder, parameters: {} },
    numerics: { device: 'cpu', threads: 1, lanes: 1, memory: 1 },
  } as Plan;
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
  mkdirSync(join(folder, 'points', '0'), { recursive: true });
  return { folder, plan };
}

/** A `squeue` that prints lines, or fails. */
function fakeSqueue(lines: readonly string[] | undefined): void {
  const text = lines === undefined ? 'exit 1' : `cat <<'E'\n${lines.join('\n')}\nE`;
  writeFileSync(join(root, 'squeue'), `#!/bin/sh\n${text}\n`);
  chmodSync(join(root, 'squeue'), 0o755);
}

const skip = process.platform === 'win32';

test('what was submitted is what was not refused; damaged lines are passed over', () => {
  const { folder } = newPlan();
  assert.deepEqual(submissionsOf(folder), []);
  noteSubmission(folder, 'slurm', 'a', { tasks: [0, 1, 2, 5], group: 1 }, { time: '10' });
  noteAnswer(folder, 'a', { job: '17' });
  noteSubmission(folder, 'slurm', 'b', { tasks: [0], group: 3 }, {});
  noteAnswer(folder, 'b', { refused: 'no' });
  appendFileSync(join(folder, 'submissions.jsonl'), '{"name":\nnull\n[]\n{"name":"d","scheduler":"other"}\n');
  noteSubmission(folder, 'slurm', 'c', { tasks: [1], group: 3 }, {});
  assert.deepEqual(
    submissionsOf(folder).map(({ at: _, ...rest }) => rest),
    [
      { scheduler: 'slurm', name: 'a', tasks: '0-2,5', group: 1, options: { time: '10' }, job: '17' },
      { scheduler: 'slurm', name: 'c', tasks: '1', group: 3, options: {} },
    ],
  );
});

test('points are running, queued, or were ended from outside, as SLURM tells', { skip }, () => {
  const { folder, plan } = newPlan();
  noteSubmission(folder, 'slurm', 'first', { tasks: [0, 1, 2], group: 1 }, {});
  noteAnswer(folder, 'first', { job: '17' });
  noteSubmission(folder, 'slurm', 'second', { tasks: [1], group: 3 }, {});
  mkdirSync(join(folder, logFolder));
  writeFileSync(join(folder, logFolder, '17_2.log'), 'a\nb\nslurmstepd: error: Detected 1 oom-kill event\n\n');
  const states = () => scheduledStatus(folder, plan).status.points.map(({ state }) => state);
  fakeSqueue(['first|17|1|RUNNING|None|n1', 'second|18|1|PENDING|Resources|', 'other|19|2|RUNNING|None|n2', '']);
  assert.deepEqual(states(), ['done', 'running', 'failed', 'queued', 'queued', 'queued']);
  const { status, queued, silent } = scheduledStatus(folder, plan);
  assert.deepEqual(status.counts, { done: 1, running: 1, queued: 3, waiting: 0, failed: 1 });
  assert.equal(
    status.points[2].failure?.message,
    'Task 17_2 of SLURM ended without a result. The end of logs/17_2.log:\na\nb\nslurmstepd: error: Detected 1 oom-kill event',
  );
  assert.deepEqual(queued, [
    { task: 1, group: 1, job: '17', state: 'RUNNING', reason: '', node: 'n1' },
    { task: 1, group: 3, job: '18', state: 'PENDING', reason: 'Resources', node: '' },
  ]);
  assert.deepEqual(silent, []);
  assert.deepEqual(tasksToSubmit(status, 1), [2]);
  fakeSqueue([]);
  // Of the second nobody knows whether SLURM ever had it.
  assert.deepEqual(states(), ['done', 'failed', 'failed', 'waiting', 'waiting', 'waiting']);
  assert.deepEqual(tasksToSubmit(scheduledStatus(folder, plan).status, 2), [0, 1, 2]);
});

test('where squeue does not answer, nothing is concluded from that', { skip }, () => {
  const { folder, plan } = newPlan();
  fakeSqueue(undefined);
  assert.deepEqual(scheduledStatus(folder, plan).silent, [], 'nobody is asked who has nothing of it');
  noteSubmission(folder, 'slurm', 'first', { tasks: [1, 2], group: 1 }, {});
  noteAnswer(folder, 'first', { job: '17' });
  const { status, silent } = scheduledStatus(folder, plan);
  assert.deepEqual(silent, ['slurm']);
  assert.deepEqual(status.counts, { done: 1, running: 0, queued: 0, waiting: 5, failed: 0 });
});
