// Runs the settings of a set (`calibration` or `validation`) one after another and writes what was measured of each as a line of
// `SET.jsonl` beside the bundled program's sources; settings that are there already are left alone. Called by run.mjs.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Arrays, Runner } from '../../extension/engine/runner.ts';
import { SharpnessMeter } from '../../extension/engine/sharpness.ts';
import type { StepRecord } from '../../extension/engine/stepRecord.ts';
import { measureEffect } from '../../extension/jobs/measureEffect.ts';
import { stepLine } from '../../extension/jobs/records.ts';
import { planReference } from '../../extension/jobs/references.ts';
import { chunksFor, readSubject, settingsOf } from '../../extension/jobs/setup.ts';
import { encodeSource } from '../../extension/onnx/writeModel.ts';
import { sharpnessThreshold } from '../../extension/optimizers/limit.ts';
import { numeric, numericCoefficients } from '../../extension/optimizers/numeric.ts';
import { meanAge } from '../../extension/optimizers/theory.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { networks, type Setting, sets } from './settings.ts';
import { spectrum } from './spectrum.ts';

const [set, sample, out] = process.argv.slice(2);
const steps = 200;
/** Steps at which everything is taken down. */
const marks = [50, 120, 199];

const folder = mkdtempSync(join(tmpdir(), 'calibration-'));

async function main(): Promise<void> {
  const done = existsSync(out) ? readFileSync(out, 'utf8').trim().split('\n').filter(Boolean) : [];
  const known = new Set(done.map((line) => JSON.parse(line).id));
  for (const [i, setting] of sets[set].entries()) {
    if (known.has(setting.id)) continue;
    const began = performance.now();
    const result = await measured(setting).catch((error) => ({ id: setting.id, failed: String(error.message) }));
    appendFileSync(out, `${JSON.stringify(result)}\n`);
    console.log(`${i + 1}/${sets[set].length} ${setting.id} ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
  rmSync(folder, { recursive: true });
}

async function measured(setting: Setting) {
  const { network, samples, optimizer, hyper } = setting;
  const model = network === 'digits' ? join(sample, 'digits.onnx') : join(folder, `${network}.onnx`);
  if (!existsSync(model)) writeFileSync(model, encodeSource(networks[network]()));
  const request: InspectRequest = {
    ...{ directory: folder, model, data: join(sample, 'digits.npz'), limit: samples, loss: 'cross-entropy' },
    ...{ optimizer, framework: 'pytorch', hyper, steps, every: 1, stage: 'step', device: 'cpu', threads: 1 },
    ...{ freeze: [], trainable: [], arrays: false },
  };
  return { ...setting, ...(await followed(request)) };
}

const short = (value: number | null | undefined) =>
  typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(4)) : null;

/** Sums of a self-check over steps: with the prediction of the memory, and without, by tensor. */
class Pool {
  readonly values: number[] = [];
  private readonly sums: [number, number][];

  constructor(private readonly sizes: readonly number[]) {
    this.sums = sizes.map(() => [0, 0]);
  }

  add(deviation: Float64Array, memory: Float64Array): void {
    let at = 0;
    let [withMemory, without] = [0, 0];
    this.sizes.forEach((size, t) => {
      let [a, b] = [0, 0];
      for (let j = at; j < at + size; j++) {
        a += (deviation[j] - memory[j]) ** 2;
        b += deviation[j] ** 2;
      }
      at += size;
      this.sums[t][0] += a;
      this.sums[t][1] += b;
      withMemory += a;
      without += b;
    });
    if (without > 0) this.values.push(Math.sqrt(withMemory / without));
  }

  /** Pooled over all steps: of the model, then of each tensor; and the median, largest and last of single steps. */
  get state() {
    const total = this.sums.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    const sorted = [...this.values].sort((a, b) => a - b);
    return {
      pooled: [total, ...this.sums].map(([a, b]) => short(Math.sqrt(a / b))),
      median: short(sorted[Math.floor(sorted.length / 2)]),
      largest: short(sorted.at(-1)),
      last: short(this.values.at(-1)),
    };
  }
}

/** Of the model first, then of each tensor. */
const allOf = (line: StepLine, key: 'effect' | 'effectPredicted' | 'validShare') =>
  [line, ...Object.values(line.tensors)].map((fields) => short(fields[key]));

/** A run with the correction at every step, held against its reference. */
async function followed(request: InspectRequest) {
  const subject = await readSubject(request);
  const { problem } = subject;
  const settings = settingsOf(request, subject);
  const { optimizer, hyper } = settings;
  const chunks = chunksFor(problem, request, 'cpu');
  const options = { stage: 'step', device: 'cpu', chunks, threads: 1 } as const;
  const runner = new Runner(problem, { ...settings, ...options });
  const meter = await SharpnessMeter.load(problem, 'cpu', chunks, 1);
  const names = problem.layout.segments.map(({ name }) => name);
  const threshold = sharpnessThreshold(optimizer, hyper, hyper.lr) as number;
  const effect = measureEffect(planReference(request, settings), {
    ...{ request, settings, problem, runner, options, start: runner.start(), names },
    cancelled: () => false,
  })!;
  const { segments, length } = problem.layout;
  const sizes = segments.map(({ size }) => size);
  const places = segments.flatMap(({ offset, size }) => Array.from({ length: size }, (_, k) => offset + k));
  const compact = (v: Float64Array) => Float64Array.from(places, (place) => v[place]);
  const vector = (data: ArrayLike<number>) => Float64Array.from(data);
  const plain = new Pool(sizes);
  const averaged = new Pool(sizes);
  const recent: { deviation: Float64Array; memory: Float64Array }[] = [];
  const signs = new Int8Array(length);
  const turned = new Int32Array(length).fill(-1);
  const decays = [hyper.beta1 ?? hyper.momentum ?? 0, hyper.beta2 ?? hyper.alpha ?? 0].map(Number);
  const share = (test: (j: number) => boolean) => short(places.filter(test).length / places.length);
  const rows = [];
  const lines: StepLine[] = [];
  let previous: StepRecord | undefined;
  let position = runner.start();
  try {
    for (let n = 0; n < steps; n++) {
      const before = position;
      const advance = await runner.correctedSteps(position, 1, true);
      position = advance.position;
      const [record] = advance.records;
      effect.meter.add(record);
      const arrays = advance.arrays as Arrays;
      const g = vector(arrays.gradient.data as Float32Array);
      const deviation = compact(vector(arrays.deviation.data as Float32Array));
      const memory = compact(vector(arrays.memory.data as Float32Array));
      if (n > 0) plain.add(deviation, memory);
      recent.push({ deviation, memory });
      if (recent.length > 3) recent.shift();
      if (recent.length === 3 && n > 2) {
        const mean = (key: 'deviation' | 'memory') =>
          recent[0][key].map((x, j) => (x + 2 * recent[1][key][j] + recent[2][key][j]) / 4);
        averaged.add(mean('deviation'), mean('memory'));
      }
      for (const j of places) {
        const sign = Math.sign(g[j]);
        if (sign !== 0 && signs[j] !== 0 && sign !== signs[j]) turned[j] = n;
        if (sign !== 0) signs[j] = sign;
      }
      const last = previous;
      previous = record;
      if (!marks.includes(n)) continue;
      const [window1, window2] = decays.map((decay) => Math.max(1, Math.round(1 / (1 - decay))));
      const update = optimizer.updateCoefficients(hyper, n);
      const state: Record<string, Float64Array | undefined> = Object.fromEntries(
        [...position.state].map(([name, { data }]) => [name, vector(data as Float32Array)]),
      );
      const denominator = optimizer.preconditioner(numeric, hyper, numericCoefficients(update), state as never);
      const { firstMoment: m, secondMoment: v } = state;
      const unbiased = 1 - decays[1] ** (n + 1);
      const ratios = v && places.map((j) => v[j] / unbiased / g[j] ** 2);
      const root = denominator.map((d) => (d > 0 && Number.isFinite(d) ? 1 / Math.sqrt(d) : 0));
      const { weights, values } = await spectrum(
        async (w) => {
          const curved = await meter.product(
            before.theta,
            w.map((x, j) => x * root[j]),
          );
          return curved.map((x, j) => x * root[j]);
        },
        g.map((x, j) => x * root[j]),
        14,
      );
      const above = (limit: number) =>
        short(weights.reduce((sum, w, i) => sum + (update.stepSize * values[i] > limit ? w : 0), 0));
      const age = Math.max(...decays.map((decay) => meanAge(decay, n)));
      const q = vector(arrays.normGradient.data as Float32Array);
      const nu = places.map((j) => (update.stepSize * age * Math.abs(q[j])) / denominator[j]).sort((a, b) => a - b);
      const line = await effect.meter.measured(stepLine(record, names));
      lines.push(line);
      rows.push({
        step: n,
        loss: short(line.loss),
        predicted: allOf(line, 'effectPredicted'),
        plain: plain.state,
        averaged: averaged.state,
        valid: allOf(line, 'validShare'),
        relativeSize: short(line.relativeSize),
        nuMedian: short(nu[Math.floor(nu.length / 2)]),
        nuAbove1: short(nu.filter((x) => x > 1).length / nu.length),
        turnsWithinSecond: share((j) => turned[j] >= 0 && turned[j] > n - window2),
        turnsWithinFirst: share((j) => turned[j] >= 0 && turned[j] > n - window1),
        against: m ? share((j) => m[j] * g[j] < 0) : null,
        far: ratios ? short(ratios.filter((r) => r > 10).length / ratios.length) : null,
        outsideTwo: ratios ? short(ratios.filter((r) => r > 2 || r < 0.5).length / ratios.length) : null,
        ringing: above((1 - Math.sqrt(decays[0])) / (1 + Math.sqrt(decays[0]))),
        ringingByBeta2: above((1 - Math.sqrt(decays[1])) / (1 + Math.sqrt(decays[1]))),
        negative: short(weights.reduce((sum, w, i) => sum + (values[i] < 0 ? w : 0), 0)),
        sharpness: short(Math.max(...values)),
        edge: short(Math.max(...values) / threshold),
        zeta: short(last && 1 + (record.loss - last.loss) / last.descent),
      });
    }
    const { settle } = await effect.meter.finish(steps);
    const settled = lines.map(settle);
    return {
      names,
      reason: settled.at(-1)!.effectReason,
      method: settled.at(-1)!.effectMethod,
      marks: rows.map((row, i) => ({ ...row, measured: allOf(settled[i], 'effect') })),
    };
  } finally {
    await effect.release();
    await meter.release();
    await runner.release();
  }
}

void main();
