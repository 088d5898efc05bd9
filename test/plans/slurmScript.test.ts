import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersOf, rangesOf } from '../../extension/plans/arrays.ts';
import { type SlurmOptions, secondsOf, slurmScript } from '../../extension/plans/slurmScript.ts';
import { messageOf } from '../support/errors.ts';

const array = {
  folder: '/scratch/plan',
  name: 'optimizer-bias-0a1b2c3d',
  tasks: [0, 1, 2, 5, 7, 8],
  group: 1,
  program: "/usr/bin/node '/opt/optimizer bias/cli.js'",
};
const directives = (options: SlurmOptions, folder = array.folder) =>
  slurmScript({ ...array, folder }, options)
    .split('\n')
    .filter((line) => line.startsWith('#SBATCH'))
    .map((line) => line.slice('#SBATCH '.length));

test('numbers as ranges, and back', () => {
  for (const [numbers, text] of [
    [[], ''],
    [[4], '4'],
    [[0, 1, 2, 5, 7, 8], '0-2,5,7-8'],
    [[8, 7, 0, 7], '0,7-8'],
  ] as const) {
    assert.equal(rangesOf(numbers), text);
    assert.deepEqual(
      numbersOf(text),
      [...new Set(numbers)].sort((a, b) => a - b),
    );
  }
});

test('what nobody asked for is left to the cluster', () => {
  assert.deepEqual(directives({}), [
    '--job-name=optimizer-bias-0a1b2c3d',
    '--array=0-2,5,7-8',
    '--output=/scratch/plan/logs/%A_%a.log',
    '--open-mode=append',
    '--requeue',
    '--signal=B:USR1@60',
  ]);
});

test('a task is one point, or several from its first', () => {
  const command = (group: number, folder: string) =>
    /^ {2}(.* --point .*) &$/m.exec(slurmScript({ ...array, group, folder }, {}))?.[1];
  assert.equal(command(1, '/scratch/plan'), `${array.program} --point "$SLURM_ARRAY_TASK_ID" --in /scratch/plan`);
  assert.equal(
    command(3, "/a 'b'"),
    `${array.program} --point "$((SLURM_ARRAY_TASK_ID * 3))" --group 3 --in '/a '\\''b'\\'''`,
  );
});

test('options are passed on, in quotes where SLURM needs them', () => {
  const told = directives({
    ...{ partition: 'long', time: '1-12', cpusPerTask: 4, mem: '8G', gres: 'gpu:a100:1', account: 'group one' },
    ...{ throttle: 20, signalAhead: 300, sbatch: ['--constraint=icelake', '--mail-user me@example.org'] },
  });
  assert.deepEqual(told.slice(1), [
    '--array=0-2,5,7-8%20',
    '--output=/scratch/plan/logs/%A_%a.log',
    '--open-mode=append',
    '--requeue',
    '--signal=B:USR1@300',
    '--partition=long',
    '--time=1-12',
    '--cpus-per-task=4',
    '--mem=8G',
    '--gres=gpu:a100:1',
    '--account="group one"',
    '--constraint=icelake',
    '--mail-user me@example.org',
  ]);
  assert.equal(directives({}, '/a b/50%a "x"')[2], '--output="/a b/50%%a \\"x\\"/logs/%A_%a.log"');
});

test('a time limit in SLURM’s ways to write it, of which a short one is not all taken by the signal', () => {
  const times = ['2', '2:30', '1:00:00', '1-0', '1-2:30', '1-0:0:1', 'soon', '1-', '1:2:3:4'];
  assert.deepEqual(times.map(secondsOf), [120, 150, 3600, 86400, 95400, 86401, undefined, undefined, undefined]);
  const signal = (options: SlurmOptions) => directives(options).find((line) => line.startsWith('--signal'));
  assert.equal(signal({ time: '1' }), '--signal=B:USR1@30');
  assert.equal(signal({ time: '10' }), '--signal=B:USR1@60');
  assert.equal(signal({ time: 'soon' }), '--signal=B:USR1@60');
  assert.equal(
    messageOf(() => directives({ time: '1', signalAhead: 60 })),
    '--signal-ahead is 60 seconds, and --time 60: a task would be stopped before it has begun.\nGive more --time, or a smaller --signal-ahead.',
  );
});

test('what cannot stand in a script is refused', () => {
  const refused: readonly (readonly [SlurmOptions, string | undefined, string])[] = [
    [
      { partition: 'a\n#SBATCH --uid=0' },
      undefined,
      '--partition "a\\u000a#SBATCH --uid=0" has a line break.\nWrite it on one line.',
    ],
    [{ sbatch: ['--a\nrm'] }, undefined, '--sbatch "--a\\u000arm" has a line break.\nWrite it on one line.'],
    [
      { sbatch: ['icelake'] },
      undefined,
      "--sbatch \"icelake\" is no option of sbatch.\nWrite it as on sbatch's command line: --sbatch '--constraint=icelake'.",
    ],
    ...['--array=0', '-a 0', '--job-name=x', '-J x'].map(
      (option) =>
        [
          { sbatch: [option] },
          undefined,
          `--sbatch ${option.split(/[= ]/)[0]} is set by the plan itself: by it the tasks are found again.\nLeave it out.`,
        ] as const,
    ),
    [
      {},
      '/a\\b',
      '"/a\\b" has a backslash or a line break in its name, which SLURM cannot write to.\nMove the plan to a folder with another name.',
    ],
  ];
  for (const [options, folder, message] of refused)
    assert.equal(
      messageOf(() => directives(options, folder)),
      message,
    );
});
