import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Batches } from '../../extension/engine/batches.ts';
import { chunksOf } from '../../extension/engine/chunks.ts';
import { createProblem, type Problem } from '../../extension/engine/problem.ts';
import { type Position, Runner } from '../../extension/engine/runner.ts';
import { settingsOf } from '../../extension/jobs/setup.ts';
import type { Model } from '../../extension/onnx/model.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { ModelBuilder } from '../support/models.ts';
import recorded from './torch-batches.json';

interface Recorded {
  readonly optimizer: string;
  readonly hyper: Record<string, number | boolean>;
  readonly labels: 'classes' | 'some' | 'values';
  readonly norm?: boolean;
  readonly clip?: number;
  readonly schedule?: 'cosine' | 'step';
  readonly groups?: InspectRequest['groups'];
  readonly start: Record<string, number[]>;
  readonly rows: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly end: Record<string, number[]>;
}

const shapes: Record<string, number[]> = {
  '0.weight': [4, 5],
  '0.bias': [4],
  '1.weight': [4],
  '1.bias': [4],
  '3.weight': [3, 4],
  '3.bias': [3],
};

/** Linear 5–4, BatchNormalization where recorded, tanh, Linear 4–3. */
function network({ start, norm }: Recorded): Model {
  const m = new ModelBuilder('float64');
  for (const [name, values] of Object.entries(start)) m.values(name, shapes[name], values);
  let x = m.node('Gemm', ['x', '0.weight', '0.bias'], { transB: 1 });
  if (norm) {
    m.values('1.running_mean', [4], [0, 0, 0, 0]);
    m.values('1.running_var', [4], [1, 1, 1, 1]);
    x = m.node('BatchNormalization', [x, '1.weight', '1.bias', '1.running_mean', '1.running_var']);
  }
  return m.model([5], m.node('Gemm', [m.node('Tanh', [x]), '3.weight', '3.bias'], { transB: 1 }));
}

function problemOf(run: Recorded): { model: Model; problem: Problem } {
  const model = network(run);
  const samples = recorded.classes.length;
  const y =
    run.labels === 'values'
      ? tensorOf('float64', [samples, 3], recorded.values)
      : tensorOf('int64', [samples], recorded[run.labels]);
  const arrays = new Map([
    ['x', tensorOf('float64', [samples, 5], recorded.x)],
    ['y', y],
  ]);
  const loss = run.labels === 'values' ? 'mse' : 'cross-entropy';
  const dataset = { arrays, files: [], format: 'made' };
  return { model, problem: createProblem(model, dataset, { loss, batchStatistics: run.norm }) };
}

const schedules = {
  cosine: { kind: 'cosine', steps: 40 },
  step: { kind: 'step', every: 12, factor: 0.3 },
} as const;

/** Takes all recorded steps, `most` at a time. */
async function trajectory(
  run: Recorded,
  pass: number,
): Promise<{ losses: number[]; position: Position; problem: Problem }> {
  const subject = problemOf(run);
  const { problem } = subject;
  const request = {
    optimizer: run.optimizer,
    framework: 'pytorch',
    hyper: run.hyper,
    schedule: run.schedule && schedules[run.schedule],
    groups: run.groups,
    clipNorm: run.clip,
    steps: run.rows.length,
  } as unknown as InspectRequest;
  const batches: Batches = {
    size: Math.max(...run.rows.map((row) => row.length)),
    sizeAt: (step) => run.rows[step].length,
    samplesAt: (step) => run.rows[step],
  };
  const whole = chunksOf(problem.samples, problem.samples);
  const runner = new Runner(problem, {
    ...settingsOf(request, subject),
    batches,
    stage: 'step',
    device: 'cpu',
    chunks: { plain: whole, corrected: whole, batch: { pass, small: true } },
    threads: 1,
  });
  try {
    let position = runner.start();
    const losses: number[] = [];
    while (position.step < run.rows.length) {
      const advance = await runner.batchSteps(position, run.rows.length - position.step);
      losses.push(...advance.losses);
      position = advance.position;
    }
    return { losses, position, problem };
  } finally {
    await runner.release();
  }
}

describe(`mini-batches in a given order give the losses and parameters of PyTorch ${recorded.torch}`, () => {
  for (const run of recorded.runs as unknown as Recorded[]) {
    const { rows, losses: expected, start: _, end, optimizer, ...rest } = run;
    it(`${optimizer} ${JSON.stringify(rest)}`, async () => {
      const { losses, position, problem } = await trajectory(run, 8);
      assert.equal(losses.length, rows.length);
      expected.forEach((value, n) => {
        assert.ok(Math.abs(losses[n] - value) <= 1e-9 * Math.abs(value), `step ${n}: ${losses[n]}, torch ${value}`);
      });
      for (const [name, { data }] of problem.layout.unpack(position.theta))
        end[name].forEach((value, i) => {
          const got = (data as Float64Array)[i];
          assert.ok(
            Math.abs(got - value) <= 1e-9 * Math.max(1, Math.abs(value)),
            `${name}[${i}]: ${got}, torch ${value}`,
          );
        });
    });
  }

  it('in passes of three samples as well', async () => {
    for (const run of (recorded.runs as unknown as Recorded[]).filter(({ norm }) => !norm).slice(3, 5)) {
      const { losses } = await trajectory(run, 3);
      run.losses.forEach((value, n) => {
        assert.ok(Math.abs(losses[n] - value) <= 1e-9 * Math.abs(value), `step ${n}: ${losses[n]}, torch ${value}`);
      });
    }
  });
});
