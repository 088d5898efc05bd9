import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem } from '../../extension/engine/problem.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { settingsOf } from '../../extension/jobs/setup.ts';
import type { Tensor } from '../../extension/onnx/tensor.ts';
import type { Hyperparameters } from '../../extension/optimizers/optimizer.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { type State, step, zeroState } from '../optimizers/support.ts';
import { ModelBuilder, samples } from '../support/models.ts';
import { denseHessian, gradientFunction } from './oracle.ts';

const m = new ModelBuilder('float64');
const model = m.model([3], m.linear(m.node('Tanh', [m.linear('x', '0', 3, 4)]), '2', 4, 10));
const problem = createProblem(model, samples(12, [3]), { loss: 'cross-entropy' });
const { layout } = problem;
/** n of the correction. */
const n = 6;

interface Case {
  readonly optimizer: string;
  readonly hyper: Record<string, number | boolean>;
  readonly groups?: InspectRequest['groups'];
  readonly clipNorm?: number;
}

const settings = (given: Case) =>
  settingsOf({ framework: 'pytorch', steps: 1, ...given } as unknown as InspectRequest, { model, problem });

/** g, q and the correction of the program, without fillers, and the record. */
async function measured(given: Case) {
  const whole = chunksOf(problem.samples, problem.samples);
  const runner = new Runner(problem, {
    ...settings(given),
    stage: n,
    device: 'cpu',
    chunks: { plain: whole, corrected: whole },
    threads: 1,
  });
  try {
    const { arrays, records } = await runner.correctedSteps(runner.start(), 1, true);
    const flat = (vector: Tensor) =>
      Float64Array.from([...layout.unpack(vector).values()].flatMap(({ data }) => Array.from(data as Float64Array)));
    return { g: flat(arrays!.gradient), correction: flat(arrays!.correction), record: records[0] };
  } finally {
    await runner.release();
  }
}

/**
 * h·C by theory B1 with plain loops: the optimizer is replayed, each coordinate with the numbers of its group, on the clipped
 * gradients and parameters that it would have seen on its way here.
 */
async function replayed(given: Case) {
  const { optimizer, hyper, groups, clipNorm = Number.POSITIVE_INFINITY } = settings(given);
  const theta = Float64Array.from(
    [...layout.unpack(problem.theta).values()].flatMap(({ data }) => Array.from(data as Float64Array)),
  );
  const oracle = await gradientFunction(problem);
  const raw = await oracle.at(theta);
  await oracle.release();
  const H = await denseHessian(problem, theta);
  const of = layout.segments.flatMap(({ size }, i) => new Array<number>(size).fill(groups?.of[i] ?? 0));
  const numbers: Hyperparameters[] = [hyper, ...(groups?.numbers ?? []).map((group) => group.hyper)];
  const clip = (g: Float64Array) => {
    const factor = Math.min(1, clipNorm / (Math.hypot(...g) + 1e-6));
    return g.map((x) => factor * x);
  };
  const lr = theta.map((_, j) => numbers[of[j]].lr);
  const feed = (inputs: (k: number) => { theta: Float64Array; gradient: Float64Array }): Float64Array[] => {
    const states: State[] = numbers.map((own) => zeroState(optimizer, own, theta.length));
    return Array.from({ length: n + 1 }, (_, k) => {
      const { theta: at, gradient } = inputs(k);
      const taken = numbers.map((own, i) => step(optimizer, own, k, at, gradient, states[i], () => own.lr));
      taken.forEach(({ state }, i) => {
        states[i] = state;
      });
      return at.map((_, j) => taken[of[j]].direction[j]);
    });
  };
  const frozen = feed(() => ({ theta, gradient: clip(raw) }));
  // The way back from here to where step k was taken.
  const shifts = [frozen[n].map((x, j) => (lr[j] * x) / 2)];
  for (let k = n - 1; k >= 0; k--) shifts.unshift(shifts[0].map((x, j) => x + lr[j] * frozen[k][j]));
  const changes = shifts.map((shift) => theta.map((_, i) => shift.reduce((sum, x, j) => sum + H[j][i] * x, 0)));
  const last = (e: number) =>
    feed((k) => ({
      theta: theta.map((x, j) => x + e * shifts[k][j]),
      gradient: clip(raw.map((x, j) => x + e * changes[k][j])),
    }))[n];
  const central = (e: number) => {
    const [plus, minus] = [last(e), last(-e)];
    return plus.map((x, j) => (x - minus[j]) / (2 * e));
  };
  const [coarse, fine] = [central(1e-3), central(5e-4)];
  const hC = fine.map((x, j) => (4 * x - coarse[j]) / 3);
  return { G: frozen[n], hC, seen: clip(raw), theta, numbers, of };
}

const cases: Case[] = [
  { optimizer: 'adam', hyper: { lr: 1e-3, eps: 1e-3 }, groups: [{ glob: '*.bias', hyper: { lr: 5e-3 } }] },
  {
    optimizer: 'adam',
    hyper: { lr: 1e-3, eps: 1e-3, weight_decay: 0.1 },
    groups: [
      { glob: '*.bias', hyper: { weight_decay: 0 } },
      { glob: '2.*', hyper: { lr: 3e-4, eps: 1e-2 } },
    ],
  },
  {
    optimizer: 'adamw',
    hyper: { lr: 1e-3, eps: 1e-3, weight_decay: 0.2 },
    groups: [{ glob: '*.bias', hyper: { weight_decay: 0, lr: 4e-3 } }],
  },
  {
    optimizer: 'adam',
    hyper: { lr: 1e-3, eps: 1e-3, amsgrad: false, bias_correction: false },
    groups: [{ glob: '0.*', hyper: { lr: 3e-3 } }],
  },
  {
    optimizer: 'sgd',
    hyper: { lr: 0.01, momentum: 0.9, weight_decay: 0.1 },
    groups: [{ glob: '0.*', hyper: { lr: 0.03, weight_decay: 0 } }],
  },
  { optimizer: 'sgd', hyper: { lr: 0.01, momentum: 0.9 }, groups: [{ glob: '0.*', hyper: { lr: 0 } }] },
  {
    optimizer: 'nadam',
    hyper: { lr: 1e-3, eps: 1e-3, weight_decay: 0.2, decoupled_weight_decay: true },
    groups: [{ glob: '*.bias', hyper: { weight_decay: 0, lr: 4e-3 } }],
  },
  { optimizer: 'adam', hyper: { lr: 1e-3, eps: 1e-3 }, clipNorm: 0.05 },
  {
    optimizer: 'sgd',
    hyper: { lr: 0.01, momentum: 0.9 },
    clipNorm: 0.05,
    groups: [{ glob: '0.*', hyper: { lr: 0.03 } }],
  },
];

describe('the correction with groups and clipping is that of a replay with plain loops', () => {
  for (const given of cases)
    it(JSON.stringify(given), async () => {
      const { correction } = await measured(given);
      const { G, hC, seen, theta, numbers, of } = await replayed(given);
      const scale = Math.max(...hC.map((x, j) => Math.abs(x * denominator(j))));
      /** D_j, from G = g/D (+ λθ where the decay is decoupled). */
      function denominator(j: number): number {
        const own = numbers[of[j]];
        const decay = Number(own.weight_decay) * theta[j];
        const decoupled = given.optimizer === 'adamw' || own.decoupled_weight_decay === true;
        return decoupled ? seen[j] / (G[j] - decay) : (seen[j] + decay) / G[j];
      }
      hC.forEach((x, j) => {
        const expected = x * denominator(j);
        assert.ok(Math.abs(correction[j] - expected) <= 2e-5 * scale, `[${j}]: ${correction[j]}, replayed ${expected}`);
      });
    });
});

describe('measures with groups', () => {
  it('of rates are those of the flow in which each group moves at its own speed', async () => {
    const given = cases[2];
    const { record } = await measured(given);
    const { G, seen, numbers, of } = await replayed(given);
    const base = numbers[0].lr;
    const lossRate = -G.reduce((sum, x, j) => sum + seen[j] * x * (numbers[of[j]].lr / base), 0);
    assert.ok(Math.abs(record.measures!.lossRate.base - lossRate) < 1e-9 * Math.abs(lossRate));
    const ofTensors = record.tensors.reduce((sum, { measures }) => sum + measures!.normRate.correction, 0);
    assert.ok(Math.abs(ofTensors - record.measures!.normRate.correction) < 1e-9 * Math.abs(ofTensors));
  });

  it('are those without groups where these change nothing', async () => {
    const plain = await measured({ optimizer: 'adam', hyper: { lr: 1e-3 } });
    const grouped = await measured({
      ...{ optimizer: 'adam', hyper: { lr: 1e-3 } },
      groups: [{ glob: '*.bias', hyper: { lr: 1e-3 } }],
    });
    assert.deepEqual(grouped.record, plain.record);
  });

  it('h·κ of a tensor is that of its own step size', async () => {
    const hyper = { lr: 1e-3, eps: 1e-12 };
    const groups = [{ glob: '0.*', hyper: { lr: 4e-3 } }];
    const { record } = await measured({ optimizer: 'adam', hyper, groups });
    const [first, , second] = record.tensors.map(({ measures }) => measures!.hKappa!);
    assert.ok(Math.abs(first / second - 4) < 1e-6, `${first} ${second}`);
  });
});
