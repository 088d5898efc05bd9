import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { sample } from '../support/paths.ts';
import { done, ended, planIn, run, sameResult, start, statusIn, until } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'plan-faults-'));
after(() => rmSync(folder, { recursive: true }));

const task = (plan: string, number = 0) => join(plan, 'tasks', String(number));
const claims = (plan: string, number = 0) =>
  existsSync(task(plan, number)) ? readdirSync(task(plan, number)).filter((name) => name.startsWith('claim-')) : [];
/** Lines of the run that an attempt is writing. */
function linesIn(plan: string, number = 0): number {
  if (!existsSync(task(plan, number))) return 0;
  const made = readdirSync(task(plan, number)).find((name) => name.startsWith('made-'));
  const path = made === undefined ? undefined : join(task(plan, number), made, 'steps.jsonl');
  return path !== undefined && existsSync(path) ? readFileSync(path, 'utf8').split('\n').length : 0;
}

/** Works for some seconds, so that there is something to disturb. */
const long = ['sweep', '--sample', '--steps', '500', '--every', '10', '--sweep', 'beta2=0.9,0.99'];
const short = ['sweep', '--sample', '--steps', '4', '--limit', '60', '--sweep', 'beta2=0.9,0.99'];
const batches = ['sweep', '--sample', '--steps', '6000', '--every', '40', '--batch-size', '32', '--sweep', 'beta2=0.9,0.99']; // biome-ignore format: one command
const tested = ['--test-data', join(sample, 'digits.npz'), '--test-every', '40'];

describe('a point that is told to stop goes on where it was, and comes to the same', () => {
  const kinds: readonly [name: string, argv: readonly string[], signals: readonly NodeJS.Signals[]][] = [
    ['a sweep on all samples', [...long, ...tested], ['SIGTERM', 'SIGUSR1', 'SIGINT']],
    ['a sweep on mini-batches', batches, ['SIGTERM', 'SIGTERM']],
    ['a sweep against the flow', [...long, '--reference', 'flow', '--limit', '500'], ['SIGUSR1', 'SIGTERM']],
    [
      'a comparison',
      ['compare', '--sample', '--steps', '6000', '--try', 'beta2=0.9', '--seeds', '0', ...tested],
      ['SIGTERM', 'SIGUSR1'],
    ],
  ];
  for (const [i, [name, argv, signals]] of kinds.entries())
    it(name, async () => {
      const [local, plan] = [join(folder, `stop-local-${i}`), join(folder, `stop-${i}`)];
      done(folder, ...argv, '--plan', plan);
      let kept = 0;
      let lines = 0;
      for (const signal of signals) {
        const child = start(folder, '--point', '1', '--in', plan);
        const exit = ended(child);
        await until(() => claims(plan, 1).length === 1);
        // A comparison has no lines that could be counted: the second time it has longer, where the first was too soon.
        if (argv[0] === 'compare') await wait(1500 * (1 + signals.indexOf(signal)));
        else await until(() => linesIn(plan, 1) > lines + 5);
        lines = linesIn(plan, 1);
        child.kill(signal);
        const code = await exit;
        assert.ok(code === 75 || code === 0, `${signal}: ${code}`);
        if (code === 0) break;
        if (existsSync(join(task(plan, 1), 'saved', 'state.bin'))) kept++;
        assert.deepEqual(claims(plan, 1), []);
        assert.equal(statusIn(plan).counts.waiting, planIn(plan).points.length);
      }
      assert.ok(kept > 0, 'it was stopped in the middle');
      done(folder, '--resume', plan);
      assert.ok(!existsSync(join(task(plan, 1), 'saved')), 'its state is not needed any more');
      done(folder, ...argv, '--out', local);
      sameResult(local, plan);
    });
});

describe('a point', () => {
  const plan = join(folder, 'faults');
  const local = join(folder, 'faults-local');

  it('that is killed leaves nothing under its name, and is run again at once', async () => {
    done(folder, ...long, '--plan', plan);
    const child = start(folder, '--point', '0', '--in', plan);
    const exit = ended(child);
    await until(() => linesIn(plan) > 20);
    assert.equal(statusIn(plan).counts.running, 1);
    child.kill('SIGKILL');
    assert.equal(await exit, 'SIGKILL');
    assert.ok(!existsSync(join(plan, 'points')));
    assert.equal(statusIn(plan).counts.waiting, 2);
    done(folder, '--point', '0', '--in', plan);
    assert.deepEqual(
      readdirSync(task(plan)).filter((name) => name !== 'times.json'),
      [],
      'nothing of the attempts is left',
    );
  });

  it('that two processes are told to run is run once, and both end well', async () => {
    const [one, two] = [0, 1].map(() => start(folder, '--point', '1', '--in', plan));
    let said = '';
    for (const child of [one, two]) child.stderr!.on('data', (text) => (said += text));
    const exits = [ended(one), ended(two)];
    let most = 0;
    const watch = setInterval(() => {
      const made = existsSync(task(plan, 1))
        ? readdirSync(task(plan, 1)).filter((name) => name.startsWith('made-'))
        : [];
      most = Math.max(most, made.length);
    }, 20);
    assert.deepEqual(await Promise.all(exits), [0, 0]);
    clearInterval(watch);
    assert.equal(most, 1, 'one of them worked on it');
    // Whose it is may not stand there yet.
    assert.match(said, /Point 1 is being computed by (process \d+ of .*|another process).*waiting for its result/);
    done(folder, '--collect', plan);
    done(folder, ...long, '--out', local);
    sameResult(local, plan);
  });

  it('that a silent process of another machine has is waited for, not taken at once', async () => {
    const away = join(folder, 'away');
    done(folder, ...short, '--plan', away);
    done(folder, '--point', '1', '--in', away);
    rmSync(join(away, 'points'), { recursive: true });
    const owner = { host: `not-${hostname()}`, process: 1, token: '', started: new Date().toISOString() };
    const claim = join(task(away), 'claim-away-1.json');
    cpSync(task(away, 1), task(away), { recursive: true });
    writeFileSync(claim, JSON.stringify(owner));
    assert.equal(statusIn(away).points[0].runner!.host, owner.host);
    const child = start(folder, '--point', '0', '--in', away);
    const exit = ended(child);
    await wait(2000);
    assert.ok(existsSync(claim));
    child.kill('SIGTERM');
    assert.equal(await exit, 75);
    rmSync(claim);
    done(folder, '--point', '0', '--in', away);
  });

  it('of a plan that was moved comes to the same', () => {
    const moved = join(folder, 'moved place');
    done(folder, ...short, '--plan', join(folder, 'unmoved'));
    done(folder, '--point', '0', '--in', join(folder, 'unmoved'));
    renameSync(join(folder, 'unmoved'), moved);
    const [, command] = readFileSync(join(moved, 'commands.txt'), 'utf8').trim().split('\n');
    assert.equal(spawnSync('sh', ['-c', command], { cwd: moved }).status, 0);
    done(folder, '--collect', moved);
    done(folder, ...short, '--out', join(folder, 'moved-local'));
    sameResult(join(folder, 'moved-local'), moved);
  });
});

describe('a plan', () => {
  /** A plan with files of its own. */
  function planOf(name: string, ...more: readonly string[]): { plan: string; model: string; data: string } {
    const own = join(folder, name);
    cpSync(sample, own, { recursive: true });
    const [model, data, plan] = [join(own, 'digits.onnx'), join(own, 'digits.npz'), join(own, 'plan')];
    const files = ['--model', model, '--data', data, '--limit', '60', '--steps', '4'];
    done(own, 'sweep', ...files, '--sweep', 'beta2=0.9,0.99', '--plan', plan, ...more);
    return { plan, model, data };
  }

  it('whose model has changed is refused for good, and says why', () => {
    const { plan, model } = planOf('changed');
    writeFileSync(model, Buffer.concat([readFileSync(model), Buffer.of(0x7a, 0)]));
    const { code, err } = run(folder, '--point', '0', '--in', plan);
    assert.equal(code, 2);
    assert.match(err, /digits\.onnx", the model of the plan in .*, has changed since the plan was made\./);
    const status = statusIn(plan);
    assert.equal(status.counts.failed, 1);
    assert.equal(status.points[0].failure!.exit, 2);
    assert.match(status.points[0].failure!.message, /has changed since/);
    assert.match(done(folder, '--status', plan), /0 failed on .*, and would again: beta2=0\.9/);
  });

  it('whose data is not there can be tried again', () => {
    const { plan, data } = planOf('missing');
    renameSync(data, `${data}.away`);
    const { code, err } = run(folder, '--point', '0', '--in', plan);
    assert.equal(code, 1);
    assert.match(err, /digits\.npz", the data of the plan in .*, is not there\.\n.*--copy-inputs/);
    renameSync(`${data}.away`, data);
    done(folder, '--point', '0', '--in', plan);
    assert.equal(statusIn(plan).counts.failed, 0);
  });

  it('with copies needs nothing else', () => {
    const { plan, model, data } = planOf('copied', '--copy-inputs');
    rmSync(model);
    rmSync(data);
    done(folder, '--resume', plan);
    assert.equal(statusIn(plan).counts.done, 2);
  });

  it('of another version of the program is refused for good, by every command that would need it', () => {
    const { plan } = planOf('version');
    const path = join(plan, 'plan.json');
    writeFileSync(path, JSON.stringify({ ...planIn(plan), tool: 'optimizer-bias-inspector 0.0.1' }));
    const { code, err } = run(folder, '--point', '0', '--in', plan);
    assert.equal(code, 2);
    assert.match(err, /was made by optimizer-bias-inspector 0\.0\.1, and this is optimizer-bias-inspector \d/);
    assert.equal(run(folder, '--collect', plan).code, 1);
    assert.equal(statusIn(plan).counts.waiting, 2);
  });

  it('that is damaged, or has no such point, is refused for good; one that is not there may come', () => {
    const { plan } = planOf('wrong');
    const other = run(plan, '--point', '7', '--in', '.');
    assert.match(other.err, /has no point 7/);
    writeFileSync(join(plan, 'plan.json'), '{"format": 1, "points": [{}]}');
    const damaged = run(plan, '--point', '0', '--in', '.');
    assert.match(damaged.err, /holds no readable plan: plan\.json is incomplete/);
    const missing = run(plan, '--point', '0', '--in', 'nowhere');
    assert.match(missing.err, /holds no readable plan/);
    assert.deepEqual([other.code, damaged.code, missing.code], [2, 2, 1]);
  });

  it('is not written over what is there', () => {
    const { plan } = planOf('taken');
    const { code, err } = run(folder, 'sweep', '--sample', '--sweep', 'lr=1e-3,1e-4', '--plan', plan);
    assert.equal(code, 1);
    assert.match(err, /is not empty/);
  });
});
