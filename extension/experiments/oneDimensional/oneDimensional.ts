import { finite, listed, sharePercent, shown } from '../../jobs/format.ts';
import type { ExperimentResult, Series } from '../../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../../shared/experimentVerdict.ts';
import { adamSteps, adamTerms, refuseOrder } from '../adamRun.ts';
import { choice, count, decay, defineExperiment, number, positive, type Surroundings } from '../experiment.ts';
import type { SmoothLoss } from '../smallProblems.ts';

const potential = {
  id: 'potential',
  title: 'What is penalised in one dimension: Φ as a function of the gradient',
  x: { label: "E'(θ)" },
  y: { label: "Φ(E') / largest |Φ|" },
} as const;
const measured = {
  id: 'measured',
  title: 'Memory of real Adam along its path, against the prediction',
  x: { label: 'θ' },
  y: { label: 'correction by memory / its largest prediction' },
} as const;

type Scalar = (x: number) => number;

/** Losses of one variable with their first two derivatives. */
const losses: Record<string, { value: Scalar; slope: Scalar; curvature: Scalar }> = {
  quadratic: { value: (x) => x ** 2 / 2, slope: (x) => x, curvature: () => 1 },
  quartic: { value: (x) => x ** 2 / 2 + x ** 4 / 4, slope: (x) => x + x ** 3, curvature: (x) => 1 + 3 * x ** 2 },
  'log-cosh': { value: (x) => Math.log(Math.cosh(x)), slope: Math.tanh, curvature: (x) => 1 - Math.tanh(x) ** 2 },
};

/** Largest ν at which the expansion is taken to hold. */
const mostExpansion = 0.3;

/** One cell: decay rates and ε, with what was predicted and measured. */
export interface Cell {
  readonly label: string;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** +1 where the norm is penalised, −1 where it is anti-penalised (Table 1). */
  readonly expected: 1 | -1;
  /** κ of the memory that fits what Adam did best, in units of its mean age; its sign is the sign that was measured. */
  readonly kappa: number;
  /** The same of what the full formula predicts: where ε is neither small nor large, its sign need not be Table 1's. */
  readonly predictedKappa: number;
  /** Share of the path on which the expansion in h holds (ν < 0.3). */
  readonly valid: number;
  /** ‖measured − predicted‖/‖measured‖ of the correction by memory. */
  readonly selfCheck: number;
  readonly path: {
    readonly theta: readonly number[];
    readonly measured: readonly number[];
    readonly predicted: readonly number[];
  };
}

export const oneDimensional = defineExperiment({
  name: 'one-dimensional',
  title: 'What is penalised in one dimension',
  figure: 'Figure 1 of "On the Implicit Bias of Adam"',
  summary: 'the penalty Φ(E′) for small and large ε, ρ > β and β > ρ, and the memory of real Adam against it',
  parameters: {
    loss: choice('quadratic', ['quadratic', 'quartic', 'log-cosh'], 'E: θ²/2, θ²/2 + θ⁴/4 or log cosh θ'),
    start: number(2, 'θ at the beginning', positive),
    lr: number(1e-3, 'step size h', positive),
    low: number(0.9, 'the smaller of the two decay rates', decay),
    high: number(0.99, 'the larger', decay),
    smallEps: number(1e-6, 'ε (inside the root) that is small against E′²', positive),
    largeEps: number(100, 'ε that is large against E′²', positive),
    steps: count(100_000, 'most steps of one path'),
  },
  async run(values, surroundings): Promise<ExperimentResult> {
    refuseOrder(values);
    const cells: Cell[] = [];
    const settings = cellsOf(values);
    for (const [i, cell] of settings.entries()) {
      await surroundings.progress(i / settings.length);
      cells.push(await measureCell(cell, values, surroundings, i / settings.length));
    }
    const verdict = judge(cells);
    const largest = Math.abs(losses[values.loss].slope(values.start));
    return {
      ...verdict,
      numbers: Object.fromEntries(
        cells.flatMap(({ label, kappa, selfCheck }) => [
          [`kappa ${label}`, finite(kappa)],
          [`self-check ${label}`, finite(selfCheck)],
        ]),
      ),
      tables: [
        {
          title: 'The four cells of Table 1 in one dimension',
          columns: ['', 'β', 'ρ', 'ε', 'Table 1', 'the memory predicts', 'measured', 'self-check'],
          rows: cells.map(({ label, beta1, beta2, eps, expected, predictedKappa, kappa, selfCheck }) => [
            label,
            String(beta1),
            String(beta2),
            String(eps),
            expected > 0 ? 'penalised' : 'anti-penalised',
            weightText(predictedKappa),
            weightText(kappa),
            finite(selfCheck),
          ]),
        },
      ],
      charts: [
        { ...potential, series: cells.map((cell) => potentialSeries(cell, largest)) },
        { ...measured, series: cells.flatMap(measuredSeries) },
      ],
      notes: [
        "Full batch. In one dimension the correction is (h/2)·d/dθ Φ(E'(θ)) with Φ(x) = (c_β − c_ρ)(√(x²+ε) − √ε) + c_ρ(√ε − ε/√(x²+ε)), c_b = (1+b)/(1−b), after many steps.",
        'In one dimension it only changes how fast the path is travelled. Loss and numbers are chosen here; the text available of the paper does not give those of its figure.',
      ],
    };
  },
});

type Values = Parameters<typeof oneDimensional.run>[0];
type Setting = Pick<Cell, 'label' | 'beta1' | 'beta2' | 'eps' | 'expected'>;

function cellsOf({ low, high, smallEps, largeEps }: Values): Setting[] {
  return [
    { label: 'ρ > β, small ε', beta1: low, beta2: high, eps: smallEps, expected: -1 },
    { label: 'β > ρ, small ε', beta1: high, beta2: low, eps: smallEps, expected: 1 },
    { label: 'ρ > β, large ε', beta1: low, beta2: high, eps: largeEps, expected: 1 },
    { label: 'β > ρ, large ε', beta1: high, beta2: low, eps: largeEps, expected: 1 },
  ];
}

/** Follows Adam until θ has fallen to a fifth of its start and compares D·(F − u) with h·κ_mem·q. */
async function measureCell(cell: Setting, values: Values, surroundings: Surroundings, share: number): Promise<Cell> {
  const { slope, curvature, value } = losses[values.loss];
  const loss: SmoothLoss = {
    value: ([x]) => value(x),
    gradient: ([x]) => Float64Array.of(slope(x)),
    hessianProduct: ([x], [v]) => Float64Array.of(curvature(x) * v),
  };
  const settings = { lr: values.lr, beta1: cell.beta1, beta2: cell.beta2, eps: cell.eps, epsInside: true };
  // The start is left out until both averages have forgotten it.
  const warmUp = Math.ceil(10 / (1 - Math.max(cell.beta1, cell.beta2)));
  const path = { theta: [] as number[], measured: [] as number[], predicted: [] as number[] };
  const sums = { cross: 0, predicted: 0, square: 0, error: 0, actual: 0, valid: 0, count: 0 };
  for (const { n, theta, direction } of adamSteps(loss, Float64Array.of(values.start), settings)) {
    if (theta[0] < values.start / 5 || n >= values.steps || !Number.isFinite(theta[0])) break;
    if (n % 1000 === 0) await surroundings.progress(share);
    if (n < warmUp) continue;
    const terms = adamTerms(loss, theta, settings, n);
    const d = terms.denominator[0];
    const actual = d * (direction[0] - terms.direction[0]);
    const predicted = d * terms.memoryCorrection[0];
    const unit = values.lr * terms.normGradient[0];
    sums.cross += actual * unit;
    sums.predicted += predicted * unit;
    sums.valid += terms.expansion[0] < mostExpansion ? 1 : 0;
    sums.count++;
    sums.square += unit * unit;
    sums.error += (actual - predicted) ** 2;
    sums.actual += actual ** 2;
    if ((n - warmUp) % 20 === 0) {
      path.theta.push(theta[0]);
      path.measured.push(actual);
      path.predicted.push(predicted);
    }
  }
  return {
    ...{ ...cell, path },
    kappa: sums.cross / sums.square,
    predictedKappa: sums.predicted / sums.square,
    valid: sums.valid / sums.count,
    selfCheck: Math.sqrt(sums.error / sums.actual),
  };
}

/** Φ over the gradients that the path sees, scaled to 1. */
function potentialSeries({ label, beta1, beta2, eps }: Cell, largest: number): Series {
  const factor = (b: number) => (1 + b) / (1 - b);
  const phi = (x: number) => {
    const root = Math.sqrt(x * x + eps);
    // √(x²+ε) − √ε and √ε − ε/√(x²+ε) without cancellation.
    const above = (x * x) / (root + Math.sqrt(eps));
    return (factor(beta1) - factor(beta2)) * above + (factor(beta2) * Math.sqrt(eps) * above) / root;
  };
  const x = Array.from({ length: 161 }, (_, i) => largest * (i / 80 - 1));
  const y = x.map(phi);
  const scale = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return { label, x, y: y.map((value) => value / scale) };
}

function measuredSeries({ label, path }: Cell, color: number): Series[] {
  const scale = path.predicted.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return [
    { label: `${label}: predicted`, x: path.theta, y: path.predicted.map((value) => value / scale), color },
    {
      label: `${label}: measured`,
      x: path.theta,
      y: path.measured.map((value) => value / scale),
      style: 'dashed',
      color,
    },
  ];
}

/**
 * The theory: the sign that the full formula predicts, which is Table 1's where ε is small or large enough, and a self-check
 * below 1, small where the step size is. Only where the expansion holds is another sign a disagreement.
 */
export function judge(
  cells: readonly Pick<Cell, 'label' | 'expected' | 'kappa' | 'predictedKappa' | 'valid' | 'selfCheck'>[],
): Verdict {
  const seen = `Along its path Adam’s memory penalises the gradient’s norm in ${namesOf(cells.filter(({ kappa }) => kappa > 0))} and anti-penalises it in ${namesOf(cells.filter(({ kappa }) => kappa <= 0))}`;
  const wrong = cells.filter(({ kappa, predictedKappa }) => !(kappa * predictedKappa > 0));
  const between = cells.filter(({ predictedKappa, expected }) => !(predictedKappa * expected > 0));
  const worst = Math.max(...cells.map(({ selfCheck }) => selfCheck));
  const misses = `its prediction misses by ${worst < 0.5 ? '' : 'up to '}${sharePercent(worst)}`;
  if (cells.some(({ kappa }) => !Number.isFinite(kappa)))
    return undecided(
      undefined,
      'a path ended before the averages had forgotten its start; a smaller step size gives a longer path',
    );
  if (wrong.some(({ valid }) => valid >= 0.9))
    return disagreeing(seen, `; the theory says otherwise for ${namesOf(wrong)}`);
  if (wrong.length > 0)
    return undecided(
      seen,
      `the theory says otherwise for ${namesOf(wrong)}, but at this step size the expansion in h does not hold there`,
    );
  if (worst >= 0.5)
    return undecided(
      seen,
      `these are the signs that the theory says, but in size ${misses}: the step size is too large for it`,
    );
  if (between.length > 0)
    return agreeing(
      seen,
      `, as the full formula says, and ${misses} at most; in ${namesOf(between)} ε is neither small nor large enough for the sign of Table 1`,
    );
  return agreeing(seen, `, as the theory says; ${misses} at most`);
}

/** `penalised 2.1`, `anti-penalised 9.5`: the weight of the gradient's norm, in units of the step size. */
const weightText = (kappa: number): string | null =>
  Number.isFinite(kappa) ? `${kappa > 0 ? 'penalised' : 'anti-penalised'} ${shown(Math.abs(kappa))}` : null;

const namesOf = (cells: readonly { readonly label: string }[]): string =>
  cells.length === 0 ? 'no cell' : listed(cells.map(({ label }) => `"${label}"`));
