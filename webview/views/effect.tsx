import { noEffect } from '../../extension/shared/effectWords.ts';
import type { Chart, Series } from '../../extension/shared/experiments.ts';
import { labelOf, shorten } from '../../extension/shared/format.ts';
import type { PanelRun } from '../../extension/shared/panel.ts';
import type { EffectFields, StepLine } from '../../extension/shared/protocol.ts';
import { Figure } from '../charts/figure.tsx';
import { effectMeasure, oscillationMeasure, predictedMeasure, slowOscillationMeasure } from '../measures.ts';
import { type Shown, tabClass, type ViewProps } from './view.ts';

/** How the effect changes on the way down: over the loss, from early to late. */
export function EffectView({ shown }: ViewProps) {
  const { run, runs, effectLine, view } = shown;
  const nothing = noEffect(run.header, effectLine) ?? 'The run was held against nothing.';
  const tensor = run.header.tensors.find(({ name }) => name === view.selected);
  const measured = runs.map((each, color) => effectSeries(each, each.name, color));
  const more = runs.length === 1 ? beside(run, tensor && { name: tensor.name, label: labelOf(tensor) }) : [];
  const series = [...measured, ...more];
  return (
    <div class={tabClass(shown)}>
      <p>
        Left is early in training, where the loss is high; right is late. Above the line at 0 the gradient is larger
        than in the reference at the same loss.
        {tensor ? '' : ' Select a tensor to see its curve beside that of the model.'}
      </p>
      <div class="charts wide-charts">
        <Figure
          {...chartOver('Effect over the loss', 'effect, %', series)}
          explanation={effectMeasure.about}
          nothing={nothing}
          legend
        />
        <Figure
          {...chartOver(
            'Oscillation',
            'share of the norm, %',
            runs.length === 1 ? oscillations(run) : runs.map((each, color) => fastSeries(each, each.name, color)),
          )}
          explanation={runs.length === 1 ? bothOscillations : oscillationMeasure.about}
          nothing={nothing}
          legend={runs.length === 1}
        />
      </div>
      {runs.length === 1 && <Theory shown={shown} series={series} />}
    </div>
  );
}

/** What the prediction is where it lies far outside of what was measured. */
function Theory({ shown: { run, effectLine }, series }: { readonly shown: Shown; readonly series: readonly Series[] }) {
  const range = rangeOf(series);
  const predicted = run.header.effect?.predicted.findLast((value) => value !== null) ?? effectLine?.effectPredicted;
  if (!range || typeof predicted !== 'number' || Math.abs(predicted * 100) <= Math.max(-range[0], range[1]))
    return null;
  return (
    <p class="dim">
      The theory predicts {predictedMeasure.text(predicted)} at the lowest loss, far outside of this chart.
    </p>
  );
}

/** The curve of a quantity over the loss: over the levels of a finished run, else over the lines so far. */
function curve(
  { header, steps }: PanelRun,
  label: string,
  color: number,
  read: (fields: EffectFields) => number | null | undefined,
  levels: 'effect' | 'averaged' | 'oscillation',
): Series {
  const { effect } = header;
  if (effect) return defined({ label, color, x: effect.losses, y: effect[levels].map(inPercent) });
  const lines = steps.filter((line) => typeof read(line) === 'number' && typeof line.loss === 'number');
  return { label, color, x: lines.map(({ loss }) => loss!), y: lines.map((line) => inPercent(read(line))) };
}

/** Without the levels at which a quantity is undefined, so that its curve has no gaps. */
function defined(series: Series): Series {
  const at = series.x.map((_, i) => i).filter((i) => series.y[i] !== null);
  return { ...series, x: at.map((i) => series.x[i]), y: at.map((i) => series.y[i]) };
}

const effectSeries = (run: PanelRun, label: string, color: number): Series =>
  curve(run, label, color, ({ effect }) => effect, 'effect');

const fastSeries = (run: PanelRun, label: string, color: number): Series =>
  curve(run, label, color, ({ oscillation }) => oscillation, 'oscillation');

const bothOscillations = `From step to step: ${oscillationMeasure.about} Over many steps: ${slowOscillationMeasure.about}`;

/** From step to step, and over many steps, at the mean loss of each stretch. */
function oscillations(run: PanelRun): Series[] {
  const known = run.header.effect?.slow?.stretches.filter(({ share }) => share !== null) ?? [];
  const [x, y] = [known.map(({ loss }) => loss), known.map(({ share }) => inPercent(share))];
  const slow: Series = { label: 'over many steps', color: 1, x, y };
  return [fastSeries(run, 'from step to step', 0), ...(known.length > 0 ? [slow] : [])];
}

const inPercent = (value: number | null | undefined): number | null => (typeof value === 'number' ? 100 * value : null);

/** What stands beside the effect of a single run: a tensor's, that of averaged points, and what the theory predicts. */
function beside(run: PanelRun, tensor: { readonly name: string; readonly label: string } | undefined): Series[] {
  const { effect } = run.header;
  const averaged = curve(
    run,
    'at averaged points, without oscillation from step to step',
    2,
    ({ effectAveraged }) => effectAveraged,
    'averaged',
  );
  const predicted: Series = effect
    ? { label: 'predicted by the theory', color: 3, x: effect.losses, y: effect.predicted.map(inPercent) }
    : predictedSoFar(run.steps);
  return [
    ...(tensor ? [{ ...tensorSeries(run, tensor.name), label: shorten(tensor.label, 48) }] : []),
    averaged,
    predicted,
  ].filter(({ y }) => y.some((value) => value !== null));
}

function tensorSeries({ header: { effect }, steps }: PanelRun, name: string): Series {
  const curve = effect?.tensors[name];
  if (effect && curve) return defined({ label: name, color: 1, x: effect.losses, y: curve.effect.map(inPercent) });
  const lines = steps.filter((line) => typeof line.tensors[name]?.effect === 'number' && typeof line.loss === 'number');
  const values = lines.map((line) => inPercent(line.tensors[name].effect));
  return { label: name, color: 1, x: lines.map(({ loss }) => loss!), y: values };
}

function predictedSoFar(steps: readonly StepLine[]): Series {
  const lines = steps.filter(({ effectPredicted, loss }) => typeof effectPredicted === 'number' && typeof loss === 'number'); // biome-ignore format: one line
  const x = lines.map(({ loss }) => loss!);
  return { label: 'predicted by the theory', color: 3, x, y: lines.map((line) => inPercent(line.effectPredicted)) };
}

/** From the least to the greatest measured value, with room; predictions may lie anywhere. */
function rangeOf(series: readonly Series[]): readonly [number, number] | undefined {
  const values = series.filter(({ color }) => color !== 3).flatMap(({ y }) => y.filter((value) => value !== null));
  if (values.length === 0) return undefined;
  let [low, high] = [0, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const room = Math.max(1, 0.15 * (high - low));
  return [low - (low < 0 ? room : room / 3), high + (high > 0 ? room : room / 3)];
}

function chartOver(
  title: string,
  label: string,
  series: readonly Series[],
): {
  readonly chart: Chart;
  readonly together: boolean;
  readonly falling: true;
} {
  const some = series.filter(({ x }) => x.length > 0);
  const losses = some.flatMap(({ x }) => [...x]);
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const loss of losses) [low, high] = [Math.min(low, loss), Math.max(high, loss)];
  const zero: Series = { label: '', style: 'reference', x: [high, low], y: [0, 0] };
  const range = rangeOf(series);
  return {
    chart: {
      id: title,
      title,
      x: { label: 'loss', scale: low > 0 && high / low > 4 ? 'log' : 'linear' },
      y: { label },
      series: some.length > 0 ? [...some, zero] : [],
      ...(range && { yRange: range }),
    },
    together: false,
    falling: true,
  };
}
