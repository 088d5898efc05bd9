import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readNpz } from '../../extension/datasets/npz.ts';
import type { Tensor } from '../../extension/onnx/tensor.ts';
import { readRun } from '../../extension/runStore/store.ts';
import { cli, fixtures } from '../support/paths.ts';

/** Through the command line, as a user would, against PyTorch's float64 numbers. */

interface Trajectory {
  readonly id: string;
  readonly steps: number;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly epsPlacement: string;
}
interface Case {
  readonly loss: string;
  readonly lr: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly static: readonly { readonly placement: string; readonly eps: number }[];
  readonly trajectories: readonly Trajectory[];
  readonly freeze: readonly string[];
  readonly trainable: readonly string[];
  readonly tolerance: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

const scratch = mkdtempSync(join(tmpdir(), 'references-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** ‖got − expected‖/‖expected‖ over all tensors together. */
function relativeError(
  expected: ReadonlyMap<string, Tensor>,
  prefix: string,
  got: ReadonlyMap<string, Tensor>,
  kind: string,
): number {
  let error = 0;
  let size = 0;
  let compared = 0;
  for (const [name, tensor] of expected) {
    if (!name.startsWith(`${prefix}/`)) continue;
    const own = got.get(`${kind}/${name.slice(prefix.length + 1)}`);
    // An initializer that does not reach the loss is not trained, and its gradient is zero.
    if (!own) continue;
    compared++;
    assert.deepEqual([...own.shape], [...tensor.shape], name);
    for (let i = 0; i < tensor.data.length; i++) {
      error += (Number(own.data[i]) - Number(tensor.data[i])) ** 2;
      size += Number(tensor.data[i]) ** 2;
    }
  }
  assert.ok(compared > 0, `nothing to compare for ${prefix}`);
  return Math.sqrt(error / size);
}

for (const name of readdirSync(fixtures).filter((entry) => !entry.endsWith('.md'))) {
  const folder = join(fixtures, name);
  const spec = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;
  const run = async (options: readonly string[]) => {
    const out = mkdtempSync(join(scratch, 'run-'));
    const files = [
      '--model',
      join(folder, 'model.onnx'),
      '--data',
      join(folder, 'data.npz'),
      '--loss',
      spec.loss,
      '--out',
      out,
      '--arrays',
    ];
    execFileSync(
      process.execPath,
      [cli, 'inspect', ...files, ...options, ...spec.freeze.flatMap((glob) => ['--freeze', glob])],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    return { run: readRun(out), arrays: await readNpz(join(out, 'arrays.npz')) };
  };
  const within = (value: number, bound: number | undefined, what: string) =>
    assert.ok(value <= (bound ?? 1e-6), `${what}: ${value} exceeds ${bound ?? 1e-6}`);

  describe(name, () => {
    for (const trajectory of spec.trajectories) {
      it(`Adam, ${trajectory.steps} steps, ε ${trajectory.epsPlacement} the root`, async () => {
        const expected = await readNpz(join(folder, 'expected.npz'));
        const { run: result, arrays } = await run([
          ...[
            '--lr',
            `${trajectory.lr}`,
            '--beta1',
            `${trajectory.beta1}`,
            '--beta2',
            `${trajectory.beta2}`,
            '--eps',
            `${trajectory.eps}`,
          ],
          ...['--eps-placement', trajectory.epsPlacement, '--steps', `${trajectory.steps}`, '--every', '7'],
        ]);
        assert.equal(result.steps.length, trajectory.steps + 1);
        const tolerance = spec.tolerance[`traj.${trajectory.id}`] ?? {};
        const loss = expected.get(`traj.${trajectory.id}.loss`)!.data as Float64Array;
        const norm = expected.get(`traj.${trajectory.id}.pnorm`)!.data as Float64Array;
        // Initializers that do not reach the loss are not trained and add nothing to the norm.
        const untrained = spec.trainable.length > result.header.tensors.length ? 9 * Math.sqrt(trajectory.eps) : 0;
        result.steps.forEach((line, i) => {
          within(
            Math.abs(line.loss! / loss[i] - 1),
            tolerance.loss_rtol_all_steps ?? tolerance.loss_rtol,
            `loss at step ${i}`,
          );
          within(
            Math.abs(line.perturbedNorm! / (norm[i] - untrained) - 1),
            tolerance.pnorm_rtol_all_steps ?? tolerance.pnorm_rtol,
            `norm at step ${i}`,
          );
          assert.equal(line.kappa !== undefined, i % 7 === 0 || i === trajectory.steps, `correction at step ${i}`);
        });
        within(relativeError(expected, 'grad', arrays, 'initial/gradient'), spec.tolerance.grad.relL2, 'gradient');
        within(relativeError(expected, `traj.${trajectory.id}.theta`, arrays, 'final/parameters'), 1e-5, 'parameters');
      });
    }
    for (const { placement, eps } of spec.static) {
      it(`q and correction, ε ${placement} the root`, async () => {
        const expected = await readNpz(join(folder, 'expected.npz'));
        for (const stage of ['0', 'inf']) {
          const { arrays } = await run([
            ...['--lr', `${spec.lr}`, '--beta1', `${spec.beta1}`, '--beta2', `${spec.beta2}`, '--eps', `${eps}`],
            ...['--eps-placement', placement, '--steps', '0', '--stage', stage],
          ]);
          within(
            relativeError(expected, `Hs.${placement}`, arrays, 'initial/normGradient'),
            spec.tolerance[`Hs.${placement}`]?.relL2,
            'q',
          );
          const key = `corr.${placement}.${stage === '0' ? 'n0' : 'inf'}`;
          if (![...expected.keys()].some((entry) => entry.startsWith(`${key}/`))) continue;
          within(relativeError(expected, key, arrays, 'initial/correction'), spec.tolerance[key]?.relL2, key);
        }
      });
    }
  });
}
