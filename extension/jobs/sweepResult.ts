import { optimizerOf } from '../optimizers/registry.ts';
import type { Chart, ExperimentResult, Series, SweepPoint, SweepRequest } from '../shared/experiments.ts';
import { agreeing, disagreeing, undecided, type Verdict } from '../shared/experimentVerdict.ts';
import { columnPercent, finePercent } from '../shared/format.ts';
import type { RunHeader, StepLine } from '../shared/protocol.ts';
import { decisiveSelfCheck, isBelievable, strengthText } from '../shared/verdict.ts';
import { finite, listed, shown } from './format.ts';
import { aboveFloor, hillOf, normAtLoss } from './hills.ts';
import { isCertain, type Trend, trend, trendText } from './trends.ts';

/** A line of `test.jsonl`: the test set at θ⁽ⁿ⁾. */
export interface TestLine {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number | null;
}

/** What was measured of the whole model at a step. */
export type ModelLine = Omit<StepLine, 'tensors'>;

/** A finished point with what it measured. */
export interface PointData {
  readonly point: SweepPoint;
  readonly run: { readonly header: RunHeader; readonly steps: readonly ModelLine[] };
  readonly tests: readonly TestLine[];
}

/** Most curves of one picture. */
const mostCurves = 16;

/** Everything that a sweep says: numbers of each point, pictures, and one sentence; `missing` points have not run. */
export function summarise(
  request: SweepRequest,
  data: readonly PointData[],
  parameters: number,
  missing: number,
): { points: SweepPoint[]; result: ExperimentResult } {
  const curves = data.map((each) => {
    const eps = each.run.header.optimizer.hyper.eps;
    const floor = typeof eps === 'number' ? parameters * Math.sqrt(eps) : 0;
    return { ...each, norms: aboveFloor(each.run.steps, floor) };
  });
  // Points are compared at the same loss: the smallest that each of them reaches. A point that diverged says nothing there.
  const finished = curves.filter(({ point }) => point.status === 'finished');
  const level = Math.max(
    ...finished.map(({ run }) =>
      run.steps.reduce(
        (least, { loss }) => Math.min(least, loss ?? Number.POSITIVE_INFINITY),
        Number.POSITIVE_INFINITY,
      ),
    ),
  );
  const points = curves.map(({ point, run, tests, norms }): SweepPoint => {
    const last = run.steps.at(-1);
    const measured = run.steps.findLast(({ kappa }) => kappa !== undefined);
    const accuracies = tests.flatMap(({ accuracy }) => (accuracy === null ? [] : [accuracy]));
    return {
      ...point,
      finalLoss: last?.loss ?? null,
      effect: run.header.effect?.late ?? null,
      peakNorm: hillOf(norms)?.peak ?? null,
      finalNorm: norms.at(-1) ?? null,
      normAtEqualLoss: point.status === 'finished' ? normAtLoss(run.steps, norms, level) : null,
      finalAccuracy: tests.at(-1)?.accuracy ?? null,
      bestAccuracy: accuracies.length > 0 ? Math.max(...accuracies) : null,
      finalTestLoss: tests.at(-1) ? finite(tests.at(-1)!.loss) : null,
      kappa: measured?.kappa ?? null,
      hKappa: measured?.hKappa ?? null,
      validShare: measured?.validShare ?? null,
      selfCheck: measured?.selfCheck ?? null,
      selfCheckRun: measured?.selfCheckRun ?? null,
      selfCheckAveraged: measured?.selfCheckAveraged ?? null,
    };
  });
  const verdict = judge(
    request.axes.map(({ name }) => name),
    request.base.optimizer,
    points,
  );
  return {
    points,
    result: {
      ...verdict,
      numbers: Object.fromEntries(
        points.flatMap((point) => [
          [`peak ${point.label}`, point.peakNorm ?? null],
          [`norm ${point.label}`, point.normAtEqualLoss ?? null],
          ...(request.test ? [[`accuracy ${point.label}`, point.bestAccuracy ?? null]] : []),
        ]),
      ),
      tables: [tableOf(request, points, level)],
      charts: [...scatters(request, points), ...curveCharts(request, curves)],
      notes: [
        ...(missing > 0 ? [`${missing} of ${points.length + missing} points have not finished.`] : []),
        ...against(curves),
        'Full batch. ‖∇E‖₁,ε is counted above its floor p·√ε, so that different ε compare; small batches can reverse the trends.',
        ...points.flatMap(({ label, status, message }) => (status === 'failed' ? [`${label}: ${message}`] : [])),
      ],
    },
  };
}

/** What the effects are measured against. */
function against(data: readonly PointData[]): string[] {
  const kinds = new Set(data.flatMap(({ run: { header } }) => (header.effect ? [header.reference!.words] : [])));
  return kinds.size === 0
    ? []
    : [`Effect: the one-norm of the gradient at equal loss, beside that ${[...kinds].join('; or ')}.`];
}

function tableOf(request: SweepRequest, points: readonly SweepPoint[], level: number): ExperimentResult['tables'][0] {
  const tested = request.test !== undefined;
  return {
    title: Number.isFinite(level) ? `Points; the norm is compared where the loss is ${shown(level)}` : 'Points',
    columns: [
      '',
      'loss',
      'effect',
      'peak norm',
      'norm at equal loss',
      'final norm',
      ...(tested ? ['test accuracy', 'best'] : []),
      'strength',
      'valid',
      'self-check',
    ],
    rows: points.map((point) => [
      `${point.label}${point.status === 'failed' ? ' (diverged)' : ''}`,
      point.finalLoss ?? null,
      typeof point.effect === 'number' ? finePercent(point.effect, true) : null,
      point.peakNorm ?? null,
      point.normAtEqualLoss ?? null,
      point.finalNorm ?? null,
      ...(tested ? [columnPercent(point.finalAccuracy), columnPercent(point.bestAccuracy)] : []),
      strengthText(point.hKappa),
      columnPercent(point.validShare),
      decisiveSelfCheck(point),
    ]),
  };
}

/** Where values of a hyper-parameter stand: decay rates by their memory, step sizes and ε by their logarithm. */
function axisOf(name: string, values: readonly number[]) {
  if ((name === 'beta1' || name === 'beta2') && values.every((value) => value < 1))
    return { label: `memory 1/(1 − ${name}), in steps`, scale: 'log', at: (value: number) => 1 / (1 - value) } as const;
  const log = values.every((value) => value > 0) && ['lr', 'eps', 'weight_decay'].includes(name);
  return { label: name, scale: log ? 'log' : 'linear', at: (value: number) => value } as const;
}

/** For each numeric axis: peak norm, norm at equal loss and test accuracy against it, as in Figures 4 and 5. */
function scatters(request: SweepRequest, points: readonly SweepPoint[]): Chart[] {
  const measures = [
    {
      id: 'effect',
      title: 'Measured effect',
      label: 'effect on ‖∇E‖₁ at the lowest loss, against the reference, %',
      of: (point: SweepPoint) => (typeof point.effect === 'number' ? 100 * point.effect : null),
    },
    {
      id: 'peak',
      title: 'Peak norm',
      label: 'hill of ‖∇E‖₁,ε − p√ε after its initial fall',
      of: (point: SweepPoint) => point.peakNorm,
    },
    {
      id: 'norm',
      title: 'Norm at equal loss',
      label: '‖∇E‖₁,ε − p√ε at equal loss',
      of: (point: SweepPoint) => point.normAtEqualLoss,
    },
    {
      id: 'accuracy',
      title: 'Test accuracy',
      label: 'best test accuracy',
      of: (point: SweepPoint) => point.bestAccuracy,
    },
  ];
  return request.axes.flatMap(({ name, values }) => {
    if (!values.every((value) => typeof value === 'number')) return [];
    const { label: axisLabel, scale, at } = axisOf(name, values as readonly number[]);
    return measures.flatMap(({ id, title, label, of }): Chart[] => {
      const known = points.filter((point) => of(point) !== null && of(point) !== undefined);
      if (known.length === 0) return [];
      const groups = new Map<string, SweepPoint[]>();
      for (const point of known) {
        const rest = Object.entries(point.values).flatMap(([axis, value]) =>
          axis === name ? [] : [`${axis}=${value}`],
        );
        const key = rest.join(' ') || (request.seeds.length > 1 ? 'each seed' : 'each point');
        groups.set(key, [...(groups.get(key) ?? []), point]);
      }
      const series = [...groups].map(
        ([key, members]): Series => ({
          label: key,
          style: 'points',
          x: members.map((point) => at(point.values[name] as number)),
          y: members.map((point) => of(point) ?? null),
        }),
      );
      return [
        { id: `${id}-by-${name}`, title: `${title} by ${name}`, x: { label: axisLabel, scale }, y: { label }, series },
      ];
    });
  });
}

/** Loss, norm and test accuracy by step, as in Figure 6. */
function curveCharts(request: SweepRequest, curves: readonly (PointData & { norms: (number | null)[] })[]): Chart[] {
  const some = curves.slice(0, mostCurves);
  const more = curves.length > some.length ? ` (first ${some.length} of ${curves.length} points)` : '';
  const frame = (id: string, title: string, y: string, scale: 'log' | 'linear') => ({
    id,
    title: `${title}${more}`,
    x: { label: 'step (one full-batch epoch each)' },
    y: { label: y, scale },
  });
  const charts: Chart[] = [
    {
      ...frame('loss', 'Training loss', 'loss', 'log'),
      series: some.map(({ point, run }) => ({
        label: point.label,
        x: run.steps.map(({ step }) => step),
        y: run.steps.map(({ loss }) => loss),
      })),
    },
    {
      ...frame('norms', 'Perturbed one-norm of the gradient above its floor', '‖∇E‖₁,ε − p√ε', 'log'),
      series: some.map(({ point, run, norms }) => ({
        label: point.label,
        x: run.steps.map(({ step }) => step),
        y: norms,
      })),
    },
  ];
  if (!request.test) return charts;
  return [
    ...charts,
    {
      ...frame('test-accuracy', 'Test accuracy', 'accuracy', 'linear'),
      series: some.map(({ point, tests }) => ({
        label: point.label,
        x: tests.map(({ step }) => step),
        y: tests.map(({ accuracy }) => accuracy),
      })),
    },
  ];
}

/** Which way the norm should go as an axis grows, in full-batch training; undefined where the theory does not say. */
const predictions: Readonly<Record<string, 1 | -1 | undefined>> = { beta2: 1, beta1: -1 };

/**
 * The theory of the paper, for Adam and a full batch: the norm is larger for larger β₂ and smaller for larger β₁. The
 * sign is read off at equal loss, where faster or slower training makes no difference; the peaks, where every point has
 * one, must not say the opposite. Only where the 95 % interval over the seeds does not hold zero does it decide anything, and only
 * where the first-order theory holds is a contrary sign a disagreement.
 */
export function judge(axes: readonly string[], optimizer: string, points: readonly SweepPoint[]): Verdict {
  const usable = points.filter(({ status }) => status === 'finished');
  const lost = points.length - usable.length;
  const tail = lost > 0 ? ` (${lost} of ${points.length} points diverged)` : '';
  const known = <T>(values: readonly (T | undefined)[]) => values.filter((value) => value !== undefined);
  const trends = known(axes.map((name) => trend(usable, name, ({ normAtEqualLoss }) => normAtEqualLoss)));
  if (trends.length === 0) return undecided(undefined, `too few points finished to see a trend${tail}`);
  const peaked = usable.every(({ peakNorm }) => typeof peakNorm === 'number');
  const peaks = peaked ? known(axes.map((name) => trend(usable, name, ({ peakNorm }) => peakNorm))) : [];
  const peakText =
    peaks.length > 0
      ? `; its hill after the initial fall ${listed(peaks.map(trendText))}`
      : '; not every point has a hill of it after the initial fall';
  const seen = `At equal loss ‖∇E‖₁,ε ${listed(trends.map(trendText))}${peakText}${tail}`;
  const { numerator, denominator } = optimizerOf(optimizer)?.optimizer.memory ?? {};
  const adaptive = numerator === 'beta1' && denominator === 'beta2';
  const sign = (name: string) => (adaptive ? predictions[name] : undefined);
  const predicted = trends.filter(({ name }) => sign(name) !== undefined);
  if (predicted.length === 0) return undecided(seen, 'the theory names no sign for this');
  const names = listed(predicted.map(({ name }) => `${sign(name)! > 0 ? 'larger' : 'smaller'} for larger ${name}`));
  const opposite = (each: Trend) => each.rises !== sign(each.name)! > 0;
  const mixed = predicted.filter(({ consistent }) => consistent < 0.8);
  if (mixed.length > 0)
    return undecided(
      seen,
      `the sign is not the same for all seeds and other settings with ${listed(mixed.map(({ name }) => name))}, so this does not decide whether the norm is ${names}, as the theory says`,
    );
  const contrary = predicted.filter(opposite);
  const uncertain = predicted.filter((each) => !isCertain(each));
  if (uncertain.length > 0)
    return undecided(
      seen,
      `the theory's sign (${names}) is ${contrary.length === 0 ? '' : 'not '}seen, but ${uncertain.every(({ change }) => change === undefined) ? 'one initialisation says nothing of how much it varies' : `the interval holds zero for ${listed(uncertain.map(({ name }) => name))}`}: more seeds would tell`,
    );
  if (!usable.every(isBelievable))
    return undecided(
      seen,
      `the theory's sign (${names}) is ${contrary.length === 0 ? '' : 'not '}seen at equal loss, but its first-order numbers do not hold at these step sizes (see "valid" and "self-check")`,
    );
  if (contrary.length > 0) return disagreeing(seen, `; the theory says of full-batch training: ${names}`);
  if (peaks.some((each) => sign(each.name) !== undefined && each.consistent >= 0.8 && opposite(each)))
    return undecided(seen, `the theory says ${names}: so it is at equal loss, but not at the peak`);
  return agreeing(seen, `; the sign at equal loss is the theory's for full batches (${names})`);
}
