import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { verdict } from '../../extension/advice/hover.ts';
import { toRecord } from '../../extension/advice/report.ts';
import { summarize } from '../../extension/advice/summary.ts';
import type { HyperparameterValue, OptimizerConfig } from '../../extension/configs/config.ts';
import { LineMap } from '../../extension/configs/source.ts';
import { limitsOf } from '../../extension/jobs/setup.ts';
import { completeHyperparameters } from '../../extension/optimizers/hyperparameters.ts';
import { combineMeasures, extremeTerms, measureTerms } from '../../extension/optimizers/measures.ts';
import { numeric } from '../../extension/optimizers/numeric.ts';
import type { Hyperparameters, Optimizer } from '../../extension/optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../../extension/optimizers/registry.ts';
import { amount } from '../../extension/shared/format.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { frameworks } from '../../extension/shared/request.ts';
import { sentence, strength } from '../../extension/shared/verdict.ts';
import { correctionAt, type State } from '../optimizers/support.ts';

type Given = Readonly<Record<string, number | boolean | string>>;

/** What changes the strength or the place of ε, by hyper-parameter that an optimizer may have. */
const variants: readonly Given[] = [
  {},
  { eps_placement: 'inside' },
  { eps_placement: 'outside' },
  { eps_placement: 'uncorrected' },
  { bias_correction: false },
  { beta1: 0.95, beta2: 0.5 },
  { beta1: 0.95, beta2: 0.95 },
  { momentum: 0.9 },
  { momentum: 0.8, nesterov: true },
  { momentum: 0.8, dampening: 0.5 },
  { momentum_decay: 0 },
  { weight_decay: 0.1 },
  { amsgrad: true },
  { centered: true },
];

function* settings(): Generator<{ optimizer: Optimizer; hyper: Hyperparameters; framework: string; what: string }> {
  for (const optimizer of optimizers)
    for (const framework of frameworks) {
      if (!optimizer.defaults(framework)) continue;
      for (const given of variants) {
        const fits = Object.entries(given).every(([name, value]) =>
          optimizer.hyperparameters.some(
            (spec) => spec.name === name && (!spec.choices || spec.choices.includes(String(value))),
          ),
        );
        if (!fits) continue;
        const hyper = completeHyperparameters(optimizer, framework, given);
        yield { optimizer, hyper, framework, what: `${optimizer.name}, ${framework}, ${JSON.stringify(given)}` };
      }
    }
}

function configOf(optimizer: Optimizer, hyper: Hyperparameters, framework: string): OptimizerConfig {
  const entry = (argument: string, value: number | boolean | string): HyperparameterValue => ({
    argument,
    value,
    from: 'literal',
  });
  return {
    framework: framework as OptimizerConfig['framework'],
    optimizer: optimizer.name,
    constructorName: optimizer.title,
    range: { from: 0, to: 1 },
    callRange: { from: 0, to: 1 },
    hyperparameters: new Map(Object.entries(hyper).map(([name, value]) => [name, entry(name, value)])),
    others: new Map(),
  };
}

const hessian = [
  [0.7, -0.3, 0.5],
  [-0.3, 1.1, 0.2],
  [0.5, 0.2, -0.6],
];
const problem = {
  gradient: () => Float64Array.of(0.8, -0.5, 1.3),
  hessianProduct: (_: Float64Array, v: Float64Array) =>
    Float64Array.from(hessian, (row) => row.reduce((sum, x, j) => sum + x * v[j], 0)),
};

/** h·κ as a run measures it at step n, where |g| is large against ε. */
function measuredAt(optimizer: Optimizer, hyper: Hyperparameters, n: number, state: State = {}): number {
  const terms = correctionAt(optimizer, { ...hyper, weight_decay: 0 }, problem, n, new Float64Array(3), state);
  const sum = (v: Float64Array) => v.reduce((a, x) => a + x, 0);
  const sums = Object.fromEntries(Object.entries(measureTerms(numeric, terms)).map(([name, v]) => [name, sum(v)]));
  const { low, high } = extremeTerms(numeric, terms);
  const { model } = combineMeasures(
    [{ size: 3, sums: sums as never, low: Math.min(...low), high: Math.max(...high) }],
    terms.stepSize,
  );
  return model.hKappa!;
}

const close = (actual: number, expected: number, tolerance: number, what: string) =>
  assert.ok(
    Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), 1e-4),
    `${what}: ${actual} instead of ${expected}`,
  );

const line = { step: 1, loss: 1, tensors: {}, validShare: 1, selfCheck: 0 } as unknown as StepLine;

test('hover, scan, run.json, panel and a long run name one strength', () => {
  let compared = 0;
  for (const { optimizer, hyper, framework, what } of settings()) {
    const config = configOf(optimizer, hyper, framework);
    const summary = summarize(config);
    const { hKappaLimit, switchGradient } = limitsOf(optimizer, hyper);
    const record = toRecord({ file: 'f', config, diagnostics: [], lines: new LineMap(''), text: '' });
    assert.equal(summary.hKappa, hKappaLimit, what);
    assert.equal(record.hKappa, hKappaLimit, what);
    if (optimizer.stateDependent(hyper) === undefined) assert.equal(summary.switchGradient, switchGradient, what);
    if (hKappaLimit === null) continue;
    compared++;
    const run = {
      optimizer: { ...optimizer, framework, hyper, norm: optimizer.norm(hyper).words },
      hKappaLimit,
    };
    const said = sentence(run as never, { ...line, hKappa: hKappaLimit });
    const expected = hKappaLimit < 0 ? ' impede the' : hKappaLimit > 0 ? ' favour the' : ' neither impede nor favour';
    assert.ok(said.includes(expected) && said.includes(run.optimizer.norm), `${what}: ${said}`);
    const hover = verdict(config, summary);
    if (hKappaLimit !== 0) {
      assert.ok(hover.includes(strength(hKappaLimit)), `${what}: ${hover}`);
      assert.ok(hover.includes(run.optimizer.norm), `${what}: ${hover}`);
      assert.ok(said.includes(amount(Math.abs(hKappaLimit))), `${what}: ${said}`);
    } else assert.match(hover, /^Neutral/, what);
    // Adagrad divides by the accumulator that it has.
    const state: State = optimizer.name === 'adagrad' ? { sum: Float64Array.of(9, 9, 9) } : {};
    close(measuredAt(optimizer, hyper, 100_000, state), hKappaLimit, 1e-3, what);
  }
  assert.ok(compared > 60, String(compared));
});

test('AMSGrad is Adam where its second moment grows; where it is latched, Σ g²/D is penalized, and both is said', () => {
  const adam = optimizerNamed('adam');
  for (const bias_correction of [true, false])
    for (const n of [3, 30, 3000]) {
      const plain = completeHyperparameters(adam, 'pytorch', { bias_correction });
      const hyper = { ...plain, amsgrad: true };
      const state = (second: number) => ({
        secondMoment: Float64Array.of(second, second, second),
        maxSecondMoment: Float64Array.of(4, 4, 4),
        pastSteps: Float64Array.of(1e-3, 1e-3, 1e-3),
      });
      close(measuredAt(adam, hyper, n, state(4)), measuredAt(adam, plain, n), 1e-9, `growing, n=${n}`);
      assert.ok(measuredAt(adam, hyper, n, state(1)) > 0, `latched, n=${n}`);
      const config = configOf(adam, hyper, 'pytorch');
      assert.match(verdict(config), /latched/);
      const condition = adam.stateDependent(hyper);
      const run = { optimizer: { ...adam, hyper, norm: adam.norm(hyper).words, condition }, hKappaLimit: null };
      assert.match(sentence(run as never, { ...line, hKappa: -0.1 }), /impede .* latched/);
    }
});

test('no optimizer is named outside its own file and the tables of the libraries', () => {
  const root = join(process.cwd(), 'extension');
  const names = optimizers.map(({ name }) => name).join('|');
  // A name as a text of its own, or as an alternative of a pattern.
  const named = new RegExp(`(['"\`/|(^])(${names})(?=['"\`/|)$?])`);
  const free = [
    'optimizers',
    join('configs', 'libraries'),
    join('configs', 'names.ts'),
    'experiments',
    join('shared', 'request.ts'),
  ];
  const found = readdirSync(root, { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.ts') && !free.some((each) => file === each || file.startsWith(each + sep)))
    .filter((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .some((each) => !/^(?:\*|\/\*|\/\/)/.test(each.trim()) && named.test(each)),
    );
  assert.deepEqual(found, []);
});
