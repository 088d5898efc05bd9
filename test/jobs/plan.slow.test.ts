import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import type { RunPlan } from '../../extension/jobs/plan.ts';

describe('a dry run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dry-run-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const run = (...more: readonly string[]) =>
    execFileSync(process.execPath, [resolve('dist/cli.js'), 'inspect', '--sample', '--dry-run', ...more], {
      cwd: folder,
      encoding: 'utf8',
    });

  it('counts parameters and operations, times steps, and writes nothing', () => {
    const plan = JSON.parse(run('--json')) as RunPlan;
    assert.deepEqual([plan.parameters, plan.tensors, plan.samples, plan.batch], [2410, 4, 1797, 1797]);
    // Layers of 64·32 and 32·10: products forward, for both weights and for the hidden layer; the rest is element by element.
    const forward = 2 * 1797 * (64 * 32 + 32 * 10);
    const products = 2 * forward + 2 * 1797 * 32 * 10;
    assert.ok(plan.flops.plain > products && plan.flops.plain < 1.05 * products, `${plan.flops.plain} of ${products}`);
    assert.ok(plan.flops.corrected > 2 * plan.flops.plain && plan.flops.corrected < 3 * plan.flops.plain);
    assert.ok(plan.secondsPerCorrection > 0 && plan.memory > 0);
    // A process with the runtime and a small network.
    assert.ok(plan.peakMemory > 80e6 && plan.peakMemory < 600e6, String(plan.peakMemory));
    assert.deepEqual(readdirSync(folder), []);
  });

  it('tells a step of mini-batches, in words', () => {
    assert.match(run('--batch-size', '32', '--steps', '100'), /^parameters {2}2,410 in 4 tensors\nsamples {5}1,797, 32 in a step; .*\narithmetic .*\ntime {8}about .* 100 steps take at most .*\nmemory .* MiB at the peak, from what the timed steps took\n\nNothing was written\./); // biome-ignore format: one line
  });
});
