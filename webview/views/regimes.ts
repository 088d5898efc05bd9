import { labelOf, number, percent } from '../../extension/shared/format.ts';
import type { MeasureFields } from '../../extension/shared/protocol.ts';
import { LineChart } from '../chart.ts';
import { h, patch } from '../dom.ts';
import { measureNamed } from '../measures.ts';
import { RovingFocus } from '../rovingFocus.ts';
import { runLegend } from '../runLegend.ts';
import { isFound } from '../state.ts';
import { fitNames, inFile, tensorName } from '../tensorName.ts';
import { curves } from './curves.ts';
import type { Actions, Shown, TabView } from './view.ts';

/** Most tensors that are listed. */
const mostRows = 400;

/** Which part of the coordinates is anti-regularized and which regularized, and why. */
export class RegimesView implements TabView {
  private readonly text = h('p', {});
  private readonly bars = h('div', { class: 'regimes', role: 'table', 'aria-label': 'Regimes by tensor' });
  private readonly chart = new LineChart('Share of coordinates below the switch', measureNamed('belowSwitch').about);
  private readonly legend = h('div', {});
  private readonly focus = new RovingFocus(this.bars, '.name button');
  readonly element = h(
    'div',
    { class: 'tab' },
    this.text,
    h(
      'p',
      { class: 'legend' },
      h('span', { class: 'key anti' }),
      'anti-regularized ',
      h('span', { class: 'key regularizing hatched' }),
      'regularized ',
      h('span', { class: 'key' }),
      'no gradient',
    ),
    this.bars,
    this.legend,
    h('div', { class: 'charts' }, this.chart.element),
  );

  constructor(private readonly actions: Actions) {}

  update({ runs, run, line, view, stale, highlighted }: Shown): void {
    this.element.classList.toggle('stale', stale.length > 0);
    const { header } = run;
    patch(this.legend, runLegend(runs));
    const nothing = header.notApplicable
      ? 'There is no correction with these settings.'
      : 'Nothing has been measured yet.';
    this.chart.update({
      lines: curves(
        runs,
        () =>
          ({ belowSwitchShare }) =>
            belowSwitchShare,
      ),
      logarithmic: false,
      nothing,
    });
    if (!line) {
      this.text.textContent = nothing;
      patch(this.bars);
      return;
    }
    this.text.textContent =
      header.switchGradient === null
        ? `With ${header.optimizer.title} at these settings every coordinate is in the same regime.`
        : `In the limit of many steps the sign turns at |g|* = ${number(header.switchGradient)}: coordinates with a smaller gradient are regularized, all others anti-regularized. At step ${line.step}:`;
    const found = header.tensors.filter((tensor) => isFound(tensor, view.filter)).slice(0, mostRows);
    fitNames(this.element, ['all parameters', ...found.map(labelOf)]);
    const marks = (name: string) => ({ name, selected: name === view.selected, atCursor: highlighted.includes(name) });
    patch(
      this.bars,
      head(),
      this.row('all parameters', line),
      ...found.flatMap((tensor) => {
        const fields = line.tensors[tensor.name];
        return fields ? [this.row(labelOf(tensor), fields, marks(tensor.name))] : [];
      }),
    );
    this.focus.update();
  }

  /** A row; of a tensor where `marks` are given. */
  private row(
    label: string,
    { negativeShare, belowSwitchShare, kappaMin, kappaMax }: MeasureFields,
    marks?: { readonly name: string; readonly selected: boolean; readonly atCursor: boolean },
  ): HTMLElement {
    const part = (kind: string, share: number) => {
      const element = h('span', { class: kind });
      element.style.width = `${100 * share}%`;
      return element;
    };
    const [anti, regularized] = [negativeShare ?? 0, belowSwitchShare ?? 0];
    return h(
      'div',
      {
        class: `regime-row${marks?.selected ? ' selected' : ''}${marks?.atCursor ? ' at-cursor' : ''}`,
        role: 'row',
        'data-key': marks ? `tensor ${marks.name}` : 'all',
        onclick: () => this.actions.select(marks?.name ?? null, false),
        ondblclick: () => marks && this.actions.select(marks.name, true),
      },
      h(
        'span',
        { class: 'name', role: 'rowheader', title: inFile({ name: marks?.name ?? label, label }) },
        marks
          ? h(
              'button',
              {
                type: 'button',
                class: 'sort',
                title: 'Show the line that creates it',
                onclick: () => this.actions.select(marks.name, true),
              },
              ...tensorName(label),
            )
          : label,
      ),
      h(
        'span',
        { class: 'share', 'aria-hidden': 'true' },
        anti > 0 && part('anti', anti),
        regularized > 0 && part('regularizing hatched', regularized),
      ),
      h('span', { class: 'numeric', role: 'cell' }, percent(negativeShare)),
      h('span', { class: 'numeric', role: 'cell' }, percent(belowSwitchShare)),
      h('span', { class: 'dim numeric wide', role: 'cell' }, `${number(kappaMin, true)}…${number(kappaMax, true)}`),
    );
  }
}

function head(): HTMLElement {
  const column = (text: string, title: string, kind = '') =>
    h('span', { class: `dim numeric${kind}`, role: 'columnheader', title }, text);
  return h(
    'div',
    { class: 'regime-row regime-head', role: 'row', 'data-key': 'columns' },
    h('span', { role: 'columnheader' }, h('span', { class: 'spoken' }, 'Tensor')),
    h('span', { 'aria-hidden': 'true' }),
    column('anti', 'Share of the coordinates that are anti-regularized'),
    column('reg.', 'Share of the coordinates that are regularized'),
    column('κ', 'Least and largest κ of a coordinate', ' wide'),
  );
}
