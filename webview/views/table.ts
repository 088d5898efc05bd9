import { labelOf, tensorLabel, thousands } from '../../extension/shared/format.ts';
import type { StepLine, TensorLine } from '../../extension/shared/protocol.ts';
import { hedged, isBelievable } from '../../extension/shared/verdict.ts';
import { h, patch } from '../dom.ts';
import { measureNamed, measures, sizeOf } from '../measures.ts';
import { RovingFocus } from '../rovingFocus.ts';
import { isFound, sampled, series } from '../state.ts';
import { inFile } from '../tensorName.ts';
import { filterField } from '../toolkit.ts';
import { mostPoints, sparkline } from './parameters.ts';
import type { Actions, Shown, TabView } from './view.ts';

interface Entry {
  readonly name: string;
  readonly label: string;
  readonly shape: readonly number[];
  readonly fields: TensorLine;
}

/** Every measure of every tensor. */
export class TableView implements TabView {
  private readonly head = h('thead', {});
  private readonly body = h('tbody', {});
  private readonly foot = h('tfoot', {});
  private readonly note = h('p', { class: 'dim' });
  private readonly focus = new RovingFocus(this.body, 'th button');
  readonly element: HTMLElement;

  constructor(
    private readonly actions: Actions,
    filter: string,
  ) {
    this.element = h(
      'div',
      { class: 'tab' },
      h(
        'div',
        { class: 'toolbar' },
        filterField('Filter tensors', filter, (text) => actions.look({ filter: text })),
      ),
      h(
        'div',
        { class: 'scroll-x' },
        h(
          'table',
          { class: 'grid' },
          h('caption', { class: 'spoken' }, 'Measures by parameter tensor'),
          this.head,
          this.body,
          this.foot,
        ),
      ),
      this.note,
    );
  }

  update(shown: Shown): void {
    const { run, line, view, stale } = shown;
    this.element.classList.toggle('stale', stale.length > 0);
    if (!line) {
      patch(this.head);
      patch(this.body);
      patch(this.foot);
      this.note.textContent = 'Nothing has been measured yet.';
      return;
    }
    const entries = run.header.tensors.flatMap((tensor): Entry[] => {
      const { name, shape } = tensor;
      const fields = line.tensors[name];
      return fields && isFound(tensor, view.filter) ? [{ name, label: labelOf(tensor), shape, fields }] : [];
    });
    if (view.column !== 'model') {
      const key = ({ label, shape, fields }: Entry): number | string =>
        view.column === 'name'
          ? label
          : view.column === 'size'
            ? sizeOf(shape)
            : (measureNamed(view.column).value(fields, line) ?? Number.NEGATIVE_INFINITY);
      const direction = view.descending ? -1 : 1;
      entries.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        return (
          direction * (typeof x === 'string' ? x.localeCompare(String(y), 'en', { numeric: true }) : x - Number(y))
        );
      });
    }
    patch(this.head, this.header(shown));
    const lines = sampled(run, mostPoints);
    patch(this.body, ...entries.map((entry) => this.row(entry, shown, lines)));
    this.focus.update();
    patch(
      this.foot,
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, 'all'),
        h('td', { class: 'numeric' }, thousands(run.header.model.parameters)),
        ...measures.map((measure) =>
          this.cell(measure.text(measure.value(line, line)), measure.theoretical === true && !isBelievable(line)),
        ),
        h('td', {}, sparkline(series(lines, measureNamed(view.measure)))),
      ),
    );
    this.note.textContent = `Step ${line.step}. Dim and in parentheses: the first-order theory does not hold there.`;
  }

  private header({ view }: Shown): HTMLElement {
    const column = (id: string, title: string, about: string, numeric: boolean) => {
      const sorted = view.column === id;
      const order = view.descending ? 'descending' : 'ascending';
      const next =
        sorted && view.descending === numeric
          ? { column: id, descending: !numeric }
          : sorted
            ? { column: 'model', descending: false }
            : { column: id, descending: numeric };
      return h(
        'th',
        { scope: 'col', class: numeric ? 'numeric' : '', 'aria-sort': sorted ? order : 'none' },
        h(
          'button',
          { type: 'button', class: 'sort', title: about, onclick: () => this.actions.look(next) },
          title,
          sorted && h('span', { 'aria-hidden': 'true' }, view.descending ? ' ▾' : ' ▴'),
        ),
      );
    };
    return h(
      'tr',
      {},
      column('name', 'Tensor', 'Name of the initializer in the model', false),
      column('size', 'Size', 'Number of parameters', true),
      ...measures.map(({ id, title, about }) => column(id, title, about, true)),
      h('th', { scope: 'col' }, `${measureNamed(view.measure).title} over the run`),
    );
  }

  private row(
    { name, label, shape, fields }: Entry,
    { line, view, highlighted }: Shown,
    lines: readonly StepLine[],
  ): HTMLElement {
    const doubtful = !isBelievable(fields);
    return h(
      'tr',
      {
        class: `${name === view.selected ? 'selected' : ''}${highlighted.includes(name) ? ' at-cursor' : ''}`,
        'data-key': name,
        onclick: () => this.actions.select(name, false),
        ondblclick: () => this.actions.select(name, true),
      },
      h(
        'th',
        { scope: 'row', title: `${inFile({ name, label })}  [${shape.join(', ')}]` },
        h(
          'button',
          {
            type: 'button',
            class: 'sort',
            onclick: () => this.actions.select(name, true),
            title: 'Show the line that creates it',
          },
          tensorLabel(label, 48),
        ),
      ),
      h('td', { class: 'numeric' }, thousands(sizeOf(shape))),
      ...measures.map((measure) =>
        this.cell(measure.text(measure.value(fields, line!)), measure.theoretical === true && doubtful),
      ),
      h('td', {}, sparkline(series(lines, measureNamed(view.measure), name))),
    );
  }

  private cell(text: string, doubtful: boolean): HTMLElement {
    return h('td', { class: `numeric${doubtful && text !== '–' ? ' doubtful' : ''}` }, hedged(text, !doubtful));
  }
}
