import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sample } from '../support/paths.ts';
import { done, planIn, run, sameResult, statusIn } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'plans-'));
after(() => rmSync(folder, { recursive: true }));

const data = ['--sample', '--limit', '120', '--steps', '12'];
const test = ['--test-data', join(sample, 'digits.npz')];

/** Commands, the number of their points, and an order in which these are run. */
const kinds: readonly [name: string, argv: readonly string[], order: readonly number[]][] = [
  [
    'a sweep against the twin',
    ['sweep', ...data, ...test, '--sweep', 'beta2=0.9,0.99,0.999', '--seeds', '0,1', '--every', '4'],
    [4, 1, 5, 0, 3, 2],
  ],
  [
    'a sweep against the flow, of points that need different programs',
    ['sweep', ...data, '--sweep', 'beta1=0.5,0.9', '--sweep', 'amsgrad=true,false', '--reference', 'flow'],
    [3, 0, 2, 1],
  ],
  [
    'a comparison on mini-batches',
    ['compare', ...data, ...test, '--batch-size', '32', '--try', 'beta2=0.9,0.99', '--seeds', '0,1'],
    [5, 2, 0, 4, 1, 3],
  ],
  ['a comparison of weights', ['compare', ...data, '--try', 'beta1=0.5+beta2=0.5', '--seeds', '0,3'], [3, 0, 1, 2]],
  ['an experiment in pieces', ['experiment', 'closeness', '--limit', '60', '--steps', '6'], [2, 0, 1]],
  [
    'an experiment that needs a piece twice',
    ['experiment', 'norm-and-accuracy', '--limit', '60', '--width', '4', '--steps', '4', '--seeds', '0', '--beta2', '0.9,0.99', '--beta1', '0.5,0.9'], // biome-ignore format: one command
    [1, 2, 0],
  ],
  [
    'an experiment with convolutions, on more threads than there are cores',
    ['experiment', 'norm-and-accuracy', '--network', 'cnn', '--limit', '80', '--steps', '3', '--seeds', '0', '--beta2', '0.9', '--beta1', '0.5', '--threads', '5'], // biome-ignore format: one command
    [1, 0],
  ],
  ['an experiment of one piece', ['experiment', 'table-1'], [0]],
];

describe('points of a plan, run one by one in any order, come to what one machine would have written', () => {
  for (const [i, [name, argv, order]] of kinds.entries())
    it(name, () => {
      const [local, plan] = [join(folder, `local-${i}`), join(folder, `plan-${i}`)];
      done(folder, ...argv, '--out', local);
      const said = done(folder, ...argv, '--plan', plan);
      assert.match(said, new RegExp(`with ${order.length} points? .*nothing was run`));
      assert.deepEqual(readdirSync(plan).sort(), ['commands.txt', 'plan.json']);
      assert.deepEqual(
        planIn(plan).points.map(({ number }) => number),
        [...order].sort((a, b) => a - b),
      );
      for (const [done_, number] of order.entries()) {
        assert.equal(statusIn(plan).counts.done, done_);
        done(folder, '--point', String(number), '--in', plan);
      }
      done(folder, '--collect', plan);
      sameResult(local, plan);
    });
});

it('tasks of several points, and what is there already is not run again', () => {
  const plan = join(folder, 'grouped');
  done(folder, 'sweep', ...data, '--sweep', 'beta2=0.9,0.99,0.999', '--plan', plan, '--group', '2');
  const commands = readFileSync(join(plan, 'commands.txt'), 'utf8').trim().split('\n');
  assert.equal(commands.length, 2);
  assert.match(commands[1], / --point 2 --group 2 --in \.$/);
  done(folder, '--point', '1', '--in', plan);
  const [, { folder: point }] = planIn(plan).points;
  const before = readFileSync(join(plan, point, 'run.json'), 'utf8');
  done(folder, '--point', '0', '--group', '2', '--in', plan);
  assert.equal(statusIn(plan).counts.done, 2);
  assert.equal(readFileSync(join(plan, point, 'run.json'), 'utf8'), before);
});

it('what there is of a result is shown, and --resume runs what is missing here', () => {
  const plan = join(folder, 'partial');
  const argv = ['sweep', ...data, '--sweep', 'beta2=0.9,0.99,0.999'];
  done(folder, ...argv, '--plan', plan);
  const none = run(folder, '--collect', plan);
  assert.equal(none.code, 1);
  assert.match(none.err, /None of the 3 points/);
  done(folder, '--point', '2', '--in', plan);
  const partial = run(folder, '--collect', plan);
  assert.equal(partial.code, 0);
  assert.match(partial.err, /Made of 1 of 3 points; missing: 0-1\./);
  assert.match(partial.out, /2 of 3 points have not finished/);
  done(folder, '--resume', plan);
  done(folder, ...argv, '--out', join(folder, 'partial-local'));
  sameResult(join(folder, 'partial-local'), plan);
  assert.ok(!existsSync(join(plan, 'tasks', '0', 'failure.json')));
});
