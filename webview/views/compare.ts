import { number, percent, shorten } from '../../extension/shared/format.ts';
import { mostRuns } from '../../extension/shared/panel.ts';
import { doubt } from '../../extension/shared/verdict.ts';
import { LineChart } from '../chart.ts';
import { h, patch } from '../dom.ts';
import { lastMeasured, measureNamed, netMeasure, settingsText, strengthMeasure } from '../measures.ts';
import { swatch } from '../runLegend.ts';
import { differences } from '../state.ts';
import { button } from '../toolkit.ts';
import { curves } from './curves.ts';
import type { Actions, Shown, TabView } from './view.ts';

/** Up to six runs over each other: what differs in their settings, and what came of it. */
export class CompareView implements TabView {
  private readonly table = h('div', { class: 'scroll-x' });
  private readonly strength = new LineChart('Strength', strengthMeasure.about);
  private readonly norm = new LineChart('‖∇E‖₁,ε', measureNamed('norm').about);
  private readonly add: HTMLElement;
  readonly element: HTMLElement;

  constructor(private readonly actions: Actions) {
    this.add = button('Add a Run…', () => actions.post({ type: 'do', action: 'addRun' }));
    this.element = h(
      'div',
      { class: 'tab' },
      this.table,
      h(
        'div',
        { class: 'toolbar' },
        this.add,
        h(
          'span',
          { class: 'dim hint' },
          `Up to ${mostRuns} runs; all other tabs lay their curves over each other, too.`,
        ),
      ),
      h('div', { class: 'charts' }, this.strength.element, this.norm.element),
    );
  }

  update({ runs, view }: Shown): void {
    const differing = differences(runs);
    const body = runs.map(({ folder, name, header, steps }, i) => {
      const line = lastMeasured(steps);
      const problem = line && doubt(line);
      const cell = (text: string, theoretical = false) =>
        h(
          'td',
          { class: `numeric${theoretical && problem ? ' doubtful' : ''}`, title: theoretical ? (problem ?? '') : '' },
          text,
        );
      return h(
        'tr',
        { 'data-key': folder },
        h('th', { scope: 'row' }, swatch(i), h('span', { title: settingsText(header) }, shorten(name, 48))),
        h(
          'td',
          { class: 'wrap' },
          runs.length === 1 ? settingsText(header) : differing[i].join(' · ') || 'same settings',
        ),
        cell(String(steps.at(-1)?.step ?? 0)),
        cell(number(steps.at(-1)?.loss)),
        cell(number(steps.at(-1)?.perturbedNorm)),
        cell(line ? strengthMeasure.text(strengthMeasure.value(line, line)) : '–', true),
        cell(line ? netMeasure.text(netMeasure.value(line, line)) : '–', true),
        cell(percent(line?.validShare)),
        cell(number(line?.selfCheck)),
        h(
          'td',
          {},
          i > 0 &&
            button('✕', () => this.actions.post({ type: 'removeRun', folder }), 'icon', `Remove ${shorten(name, 48)}`),
        ),
      );
    });
    const heads = [
      'Run',
      runs.length === 1 ? 'Settings' : 'What differs',
      'Steps',
      'Loss',
      '‖∇E‖₁,ε',
      'Strength',
      'Net effect',
      'Valid',
      'Self-check',
      '',
    ];
    patch(
      this.table,
      h(
        'table',
        { class: 'grid' },
        h('caption', { class: 'spoken' }, 'Runs'),
        h(
          'thead',
          {},
          h('tr', {}, ...heads.map((text, i) => h('th', { scope: 'col', class: i > 1 ? 'numeric' : '' }, text))),
        ),
        h('tbody', {}, ...body),
      ),
    );
    this.add.hidden = runs.length >= mostRuns;
    const nothing = 'Nothing has been measured yet.';
    const { logarithmic } = view;
    this.strength.update({
      lines: curves(runs, () => (line) => strengthMeasure.value(line, line)),
      logarithmic: false,
      nothing,
    });
    this.norm.update({
      lines: curves(
        runs,
        () =>
          ({ perturbedNorm }) =>
            perturbedNorm,
      ),
      logarithmic,
      nothing,
    });
  }
}
