import { number } from '../../extension/shared/format.ts';
import type { PanelRun } from '../../extension/shared/panel.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { type Line, LineChart } from '../chart.ts';
import { h, patch } from '../dom.ts';
import { measureNamed, normFloor, partText } from '../measures.ts';
import { runLegend } from '../runLegend.ts';
import { checkbox } from '../toolkit.ts';
import type { Actions, Shown, TabView } from './view.ts';

type Read = (line: StepLine) => number | null | undefined;

/** The curve of each run; what has no value at a step is left out. */
export function curves(runs: readonly PanelRun[], read: (run: PanelRun) => Read): Line[] {
  return runs.map((run, colour) => {
    const value = read(run);
    const points = run.steps.flatMap((line) => {
      const y = value(line);
      return typeof y === 'number' && Number.isFinite(y) ? [{ step: line.step, value: y }] : [];
    });
    return { label: run.name, colour, points };
  });
}

/** Loss, norm of the gradient, norm of the correction, self-check. */
export class CurvesView implements TabView {
  private readonly loss = new LineChart('Loss', 'The loss over the whole data set.');
  private readonly norm = new LineChart('‖∇E‖₁,ε', measureNamed('norm').about);
  private readonly correction = new LineChart(
    'Norm of the correction',
    'The two-norm of corr = h·κ·q over all parameters.',
  );
  private readonly check = new LineChart('Self-check (logarithmic)', measureNamed('selfCheck').about);
  private readonly floor: HTMLElement;
  private readonly legend = h('div', {});
  private readonly part = h('p', { class: 'dim' });
  readonly element: HTMLElement;

  constructor(actions: Actions, view: Shown['view']) {
    this.floor = checkbox('Above the floor p·√ε', view.aboveFloor, (aboveFloor) => actions.look({ aboveFloor }));
    this.element = h(
      'div',
      { class: 'tab' },
      h(
        'div',
        { class: 'toolbar' },
        checkbox('Logarithmic', view.logarithmic, (logarithmic) => actions.look({ logarithmic })),
        this.floor,
        h('span', { class: 'dim hint' }, 'Drag to zoom, double click to see all.'),
      ),
      this.legend,
      h('div', { class: 'charts' }, this.loss.element, this.norm.element, this.correction.element, this.check.element),
      this.part,
    );
  }

  /** What is drawn, for a picture of the panel. */
  get images(): HTMLCanvasElement[] {
    return [this.loss, this.norm, this.correction, this.check].map(({ image }) => image);
  }

  update({ runs, run, view, stale }: Shown): void {
    const { logarithmic, aboveFloor } = view;
    patch(this.legend, runLegend(runs));
    const part = partText(run.steps);
    this.part.textContent = part ? `${part} are drawn. All of them are in steps.jsonl, in the folder of the run.` : '';
    this.element.classList.toggle('stale', stale.length > 0);
    this.floor.title = `The floor of this run is ${number(normFloor(run.header))}: what is left of the norm where the gradient vanishes.`;
    const nothing = 'Nothing has been measured yet.';
    const without = run.header.notApplicable ? 'There is no correction with these settings.' : nothing;
    this.loss.update({
      lines: curves(
        runs,
        () =>
          ({ loss }) =>
            loss,
      ),
      logarithmic,
      nothing,
    });
    this.norm.update({
      lines: curves(runs, ({ header }) => {
        const floor = aboveFloor ? normFloor(header) : 0;
        return ({ perturbedNorm }) => (perturbedNorm === null ? null : perturbedNorm - floor);
      }),
      logarithmic,
      nothing,
    });
    this.correction.update({
      lines: curves(
        runs,
        () =>
          ({ correctionNorm }) =>
            correctionNorm,
      ),
      logarithmic,
      nothing: without,
    });
    this.check.update({
      lines: curves(
        runs,
        () =>
          ({ selfCheck }) =>
            selfCheck,
      ),
      logarithmic: true,
      level: { value: 1, text: 'limit' },
      nothing: without,
    });
  }
}
