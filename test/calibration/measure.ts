// Runs the settings of a set (`calibration` or `validation`) one after another and writes what was measured of each as a line of
// a file; settings that are there already are left alone. Called by run.mjs.
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { structureOf } from '../../extension/engine/coefficients.ts';
import { Runner } from '../../extension/engine/runner.ts';
import { SharpnessMeter } from '../../extension/engine/sharpness.ts';
import type { StepRecord } from '../../extension/engine/stepRecord.ts';
import { measureEffect } from '../../extension/jobs/measureEffect.ts';
import { planReference } from '../../extension/jobs/references.ts';
import { SelfChecks } from '../../extension/jobs/selfChecks.ts';
import { chunksFor, readSubject, type Subject, settingsOf } from '../../extension/jobs/setup.ts';
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
/** Steps at which the effect and the candidates are taken down. */
const marks = [100, 199];
/** Products of a spectral measure. */
const products = 14;

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

interface Loaded {
  readonly subject: Subject;
  readonly runner: Runner;
  readonly meter: SharpnessMeter;
}

const subjects = new Map<string, Subject>();
const loaded = new Map<string, Loaded>();

/** Programs serve all settings of the same structure. */
async function load(request: InspectRequest): Promise<Loaded> {
  const subject = subjects.get(request.model) ?? (await readSubject(request));
  subjects.set(request.model, subject);
  const { problem } = subject;
  const settings = settingsOf(request, subject);
  const key = `${request.model} ${settings.optimizer.name} ${structureOf(settings.optimizer, settings)}`;
  const found = loaded.get(key);
  if (found) return { ...found, runner: found.runner.with(settings) };
  const chunks = chunksFor(problem, request, 'cpu');
  const runner = new Runner(problem, { ...settings, stage: 'step', device: 'cpu', chunks, threads: 1 });
  const meter = await SharpnessMeter.load(problem, 'cpu', chunks, 1);
  loaded.set(key, { subject, runner, meter });
  return { subject, runner, meter };
}

const short = (value: number | null | undefined) =>
  typeof value === 'number' && Number.isFinite(value) ? Number(value.toPrecision(4)) : null;

type Told = 'effect' | 'effectPredicted' | 'validShare' | 'selfCheck' | 'selfCheckRun' | 'selfCheckAveraged';

/** Of the model first, then of each tensor. */
const allOf = (line: StepLine, key: Told) => [line, ...Object.values(line.tensors)].map((fields) => short(fields[key]));

/** A run with the correction at every step, held against its reference. */
async function followed(request: InspectRequest) {
  const { subject, runner, meter } = await load(request);
  const { problem } = subject;
  const settings = settingsOf(request, subject);
  const { optimizer, hyper } = settings;
  const options = { stage: 'step', device: 'cpu', chunks: chunksFor(problem, request, 'cpu'), threads: 1 } as const;
  const { segments, length } = problem.layout;
  const names = segments.map(({ name }) => name);
  const checks = new SelfChecks(runner, 0, steps);
  const effect = measureEffect(planReference(request, settings), {
    ...{ request, settings, problem, runner, options, start: runner.start(), names },
    cancelled: () => false,
  })!;
  const places = segments.flatMap(({ offset, size }) => Array.from({ length: size }, (_, k) => offset + k));
  const vector = (data: ArrayLike<number>) => Float64Array.from(data);
  const signs = new Int8Array(length);
  const turned = new Int32Array(length).fill(-1);
  const decays = [hyper.beta1 ?? hyper.momentum ?? 0, hyper.beta2 ?? hyper.alpha ?? 0].map(Number);
  const windows = decays.map((decay) => Math.max(1, Math.round(1 / (1 - decay))));
  const share = (test: (j: number) => boolean) => short(places.filter(test).length / places.length);
  const rows = [];
  const lines: StepLine[] = [];
  let previous: StepRecord | undefined;
  let position = runner.start();
  while (position.step < steps) {
    const { step: n } = position;
    const untilMark = Math.min(...marks.map((mark) => (mark > n ? mark - n : mark === n ? 1 : steps)));
    const most = checks.wants(n) ? 1 : Math.min(checks.stride(n), untilMark);
    const before = position;
    const { records, arrays, position: next } = await runner.correctedSteps(position, most, true);
    position = next;
    if (position.step === before.step) throw new Error(`not finite at step ${n}`);
    const told = records.map((record) => {
      effect.meter.add(record);
      return checks.line(record, checks.wants(record.step) ? arrays : undefined);
    });
    const record = records.at(-1)!;
    const g = vector(arrays!.gradient.data as Float32Array);
    for (const j of places) {
      const sign = Math.sign(g[j]);
      if (sign !== 0 && signs[j] !== 0 && sign !== signs[j]) turned[j] = record.step;
      if (sign !== 0) signs[j] = sign;
    }
    const last = records.at(-2) ?? previous;
    previous = record;
    if (!marks.includes(n)) continue;
    const update = optimizer.updateCoefficients(hyper, n);
    const state: Record<string, Float64Array | undefined> = Object.fromEntries(
      [...position.state].map(([name, { data }]) => [name, vector(data as Float32Array)]),
    );
    const denominator = optimizer.preconditioner(numeric, hyper, numericCoefficients(update), state as never);
    const { firstMoment: m, secondMoment: v } = state;
    const unbiased = 1 - decays[1] ** (n + 1);
    const ratios = v && places.map((j) => v[j] / unbiased / g[j] ** 2);
    const root = denominator.map((d) => (d > 0 && Number.isFinite(d) ? 1 / Math.sqrt(d) : 0));
    const scaled = (w: Float64Array) => w.map((x, j) => x * root[j]);
    const { weights, values } = await spectrum(
      async (w) => scaled(await meter.product(before.theta, scaled(w))),
      scaled(g),
      products,
    );
    const above = (limit: number) =>
      short(weights.reduce((sum, w, i) => sum + (update.stepSize * values[i] > limit ? w : 0), 0));
    const overdamped = (decay: number) => (1 - Math.sqrt(decay)) / (1 + Math.sqrt(decay));
    const age = Math.max(...decays.map((decay) => meanAge(decay, n)));
    const q = vector(arrays!.normGradient.data as Float32Array);
    const nu = places.map((j) => (update.stepSize * age * Math.abs(q[j])) / denominator[j]).sort((a, b) => a - b);
    const threshold = sharpnessThreshold(optimizer, hyper, hyper.lr) as number;
    const line = await effect.meter.measured(told.at(-1)!);
    lines.push(line);
    rows.push({
      step: n,
      loss: short(line.loss),
      selfCheck: allOf(line, 'selfCheck'),
      run: allOf(line, 'selfCheckRun'),
      averaged: allOf(line, 'selfCheckAveraged'),
      valid: allOf(line, 'validShare'),
      relativeSize: short(line.relativeSize),
      nuMedian: short(nu[Math.floor(nu.length / 2)]),
      nuAbove1: short(nu.filter((x) => x > 1).length / nu.length),
      turns: share((j) => turned[j] >= 0 && turned[j] > n - windows[1]),
      turnsWithinFirst: share((j) => turned[j] >= 0 && turned[j] > n - windows[0]),
      against: m ? share((j) => m[j] * g[j] < 0) : null,
      far: ratios ? short(ratios.filter((r) => r > 10).length / ratios.length) : null,
      outsideTwo: ratios ? short(ratios.filter((r) => r > 2 || r < 0.5).length / ratios.length) : null,
      ringing: above(overdamped(decays[0])),
      ringingByBeta2: above(overdamped(decays[1])),
      sharpness: short(Math.max(...values)),
      edge: short(Math.max(...values) / threshold),
      zeta: short(last && 1 + (record.loss - last.loss) / last.descent),
    });
  }
  const { settle } = await effect.meter.finish(steps);
  const settled = lines.map(settle);
  return {
    names,
    reason: settled.at(-1)?.effectReason,
    method: settled.at(-1)?.effectMethod,
    marks: rows.map((row, i) => ({
      ...row,
      measured: allOf(settled[i], 'effect'),
      predicted: allOf(settled[i], 'effectPredicted'),
    })),
  };
}

void main();
