import type { Chart } from '../../extension/shared/experiments.ts';
import { number } from '../../extension/shared/format.ts';
import type { PanelRun } from '../../extension/shared/panel.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { Figure } from '../charts/figure.tsx';
import { RunLegend } from '../charts/swatch.tsx';
import { measureNamed, normFloor, partText } from '../measures.ts';
import { Checkbox } from '../toolkit.tsx';
import { tabClass, type ViewProps } from './view.ts';

type Read = (line: StepLine) => number | null | undefined;

export const nothingYet = 'Nothing has been measured yet.';

/** A chart with the curve of each run over the steps; what has no value at a step is left out. */
export function chartOf(
  title: string,
  runs: readonly PanelRun[],
  read: (run: PanelRun) => Read,
  more: { readonly logarithmic?: boolean; readonly level?: { readonly value: number; readonly text: string } } = {},
): Chart {
  const series = runs.map((run, color) => {
    const value = read(run);
    const lines = run.steps.filter((line) => Number.isFinite(value(line) ?? Number.NaN));
    return { label: run.name, color, x: lines.map(({ step }) => step), y: lines.map((line) => value(line) ?? null) };
  });
  const steps = series.flatMap(({ x }) => [x[0] ?? 0, x.at(-1) ?? 0]);
  const { level } = more;
  const ends = [Math.min(...steps), Math.max(...steps)];
  return {
    id: title,
    title,
    x: { label: 'step' },
    y: { label: '', scale: more.logarithmic ? 'log' : 'linear' },
    series: [
      ...series,
      ...(level && steps.length > 0
        ? [{ label: level.text, style: 'reference' as const, x: ends, y: ends.map(() => level.value) }]
        : []),
    ],
  };
}

/** Loss, norm of the gradient, norm of the correction, self-check. */
export function CurvesView({ shown, actions }: ViewProps) {
  const { runs, run, view } = shown;
  const { logarithmic, aboveFloor } = view;
  const part = partText(run.steps);
  const without = run.header.notApplicable ? 'There is no correction with these settings.' : nothingYet;
  const norm = (each: PanelRun): Read => {
    const floor = aboveFloor ? normFloor(each.header) : 0;
    return ({ perturbedNorm }) => (perturbedNorm === null ? null : perturbedNorm - floor);
  };
  return (
    <div class={tabClass(shown)}>
      <div class="toolbar">
        <Checkbox
          label="Logarithmic"
          checked={logarithmic}
          change={(chosen) => actions.look({ logarithmic: chosen })}
        />
        <Checkbox
          label="Above the floor p·√ε"
          title={`The floor of this run is ${number(normFloor(run.header))}: what is left of the norm where the gradient vanishes.`}
          checked={aboveFloor}
          change={(chosen) => actions.look({ aboveFloor: chosen })}
        />
        <span class="dim hint">Drag to zoom, double click to see all.</span>
      </div>
      <RunLegend runs={runs} />
      <div class="charts">
        <Figure
          together
          chart={chartOf(
            'Loss',
            runs,
            () =>
              ({ loss }) =>
                loss,
            { logarithmic },
          )}
          explanation="The loss over the whole data set."
          nothing={nothingYet}
        />
        <Figure
          together
          chart={chartOf('‖∇E‖₁,ε', runs, norm, { logarithmic })}
          explanation={measureNamed('norm').about}
          nothing={nothingYet}
        />
        <Figure
          together
          chart={chartOf(
            'Norm of the correction',
            runs,
            () =>
              ({ correctionNorm }) =>
                correctionNorm,
            { logarithmic },
          )}
          explanation="The two-norm of corr = h·κ·q over all parameters."
          nothing={without}
        />
        <Figure
          together
          chart={chartOf(
            'Self-check (logarithmic)',
            runs,
            () =>
              ({ selfCheck }) =>
                selfCheck,
            {
              logarithmic: true,
              level: { value: 1, text: 'limit' },
            },
          )}
          explanation={measureNamed('selfCheck').about}
          nothing={without}
        />
      </div>
      <p class="dim">{part ? `${part} are drawn. All of them are in steps.jsonl, in the folder of the run.` : ''}</p>
    </div>
  );
}
