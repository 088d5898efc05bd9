import { percent, tensorLabel, thousands } from '../../extension/shared/format.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { h, patch, svg } from '../dom.ts';
import { measureNamed, measures } from '../measures.ts';
import { type Row, rows, type SortKey, sampled, series } from '../state.ts';
import { fitNames, inFile, tensorName } from '../tensorName.ts';
import { dropdown, filterField } from '../toolkit.ts';
import type { Actions, Shown, TabView } from './view.ts';

/** Most bars at once; the filter finds the others. */
const mostRows = 400;
/** Most points of a sparkline. */
export const mostPoints = 60;

const sorts: readonly (readonly [SortKey, string])[] = [
  ['model', 'order in the model'],
  ['value', 'magnitude'],
  ['valid', 'validity'],
  ['size', 'size'],
  ['name', 'name'],
];

/** A bar for each parameter tensor. */
export class ParametersView implements TabView {
  private readonly list = h('div', {
    class: 'bars',
    role: 'listbox',
    'aria-label': 'Parameter tensors',
    tabindex: '0',
  });
  private readonly axis = h('div', { class: 'bar-axis' });
  private readonly note = h('p', { class: 'dim' });
  private readonly measure: ReturnType<typeof dropdown>;
  private readonly sort: ReturnType<typeof dropdown>;
  readonly element: HTMLElement;
  private names: string[] = [];
  /** Ahead of what is drawn, since keys may be faster. */
  private selected: string | null = null;
  /** What was last scrolled to. */
  private inView: string | null = null;

  constructor(
    private readonly actions: Actions,
    filter: string,
  ) {
    this.measure = dropdown(
      'Bars',
      measures.filter(({ ends }) => ends).map(({ id, title }) => [id, title]),
      'strength',
      (measure) => actions.look({ measure }),
    );
    this.sort = dropdown('Sort by', sorts, 'model', (sort) => actions.look({ sort: sort as SortKey }));
    this.element = h(
      'div',
      { class: 'tab' },
      h(
        'div',
        { class: 'toolbar' },
        this.measure.element,
        this.sort.element,
        filterField('Filter tensors', filter, (text) => actions.look({ filter: text })),
      ),
      this.axis,
      this.list,
      this.note,
    );
    this.list.addEventListener('keydown', (event) => this.key(event));
  }

  update(shown: Shown): void {
    this.selected = shown.view.selected;
    const { run, line, view } = shown;
    this.measure.set(view.measure);
    this.sort.set(view.sort);
    this.element.classList.toggle('stale', shown.stale.length > 0);
    if (!line) {
      patch(this.axis);
      patch(this.list);
      this.note.textContent = run.header.notApplicable
        ? 'There are no corrections to show; see the curves.'
        : 'Nothing has been measured yet.';
      return;
    }
    const all = rows(run, line, view);
    const visible = all.slice(0, mostRows);
    this.names = visible.map(({ name }) => name);
    fitNames(
      this.element,
      visible.map(({ label }) => label),
    );
    const measure = measureNamed(view.measure);
    const values = visible.map(({ value }) => value ?? 0);
    const low = Math.min(0, ...values);
    const high = Math.max(0, ...values);
    const span = high - low || 1;
    const at = (value: number) => (100 * (value - low)) / span;
    const [negative, positive] = measure.ends ?? ['', ''];
    patch(
      this.axis,
      h('span', {}),
      h(
        'span',
        { class: 'ends', title: measure.about },
        h('span', {}, low < 0 ? `◂ ${negative}` : ''),
        h('span', {}, high > 0 ? `${positive} ▸` : ''),
      ),
      h('span', { class: 'numeric' }, measure.title),
      h('span', { class: 'numeric', title: measures.find(({ id }) => id === 'valid')?.about }, 'valid'),
      h('span', { class: 'spark-head' }, 'over run'),
    );
    const lines = sampled(run, mostPoints);
    patch(this.list, ...visible.map((row, i) => this.row(row, i, shown, lines, at)));
    this.bringIntoView(shown);
    const hidden =
      all.length > visible.length
        ? ` ${thousands(all.length - visible.length)} more tensors: narrow the filter to see them.`
        : '';
    const hatched = visible.some(({ believable }) => !believable)
      ? 'Hatched: the first-order theory does not hold there (valid for fewer than half of the coordinates, or self-check above 1).'
      : '';
    this.note.textContent = all.length === 0 ? 'No tensor has such a name.' : `${hatched}${hidden}`;
  }

  private row(
    row: Row,
    index: number,
    { view, highlighted }: Shown,
    lines: readonly StepLine[],
    at: (value: number) => number,
  ): HTMLElement {
    const measure = measureNamed(view.measure);
    const value = row.value ?? 0;
    const bar = h('span', {
      class: `bar-fill ${value < 0 === (measure.id === 'kappa' || measure.id === 'cosine') ? 'anti' : 'regularizing'}${row.believable ? '' : ' hatched'}`,
    });
    bar.style.left = `${Math.min(at(0), at(value))}%`;
    bar.style.width = `${Math.abs(at(value) - at(0))}%`;
    const zero = h('span', { class: 'bar-zero' });
    zero.style.left = `${at(0)}%`;
    const end = measure.ends?.[value < 0 ? 0 : 1] ?? '';
    const spoken = `${tensorLabel(row.label, 80)}: ${value === 0 ? '' : `${end} `}${measure.text(row.value)}, valid ${percent(row.valid)}${row.believable ? '' : ', theory does not hold'}`;
    return h(
      'div',
      {
        class: `bar-row${row.believable ? '' : ' doubtful'}${highlighted.includes(row.name) ? ' at-cursor' : ''}`,
        role: 'option',
        id: `bar-${index}`,
        'data-key': row.name,
        'aria-selected': String(row.name === view.selected),
        'aria-label': spoken,
        title: `${inFile(row)}  [${row.shape.join(', ')}]\n${spoken}\nClick: select; double click: show the line that creates it`,
        onclick: () => this.actions.select(row.name, false),
        ondblclick: () => this.actions.select(row.name, true),
      },
      h('span', { class: 'name' }, ...tensorName(row.label)),
      h('span', { class: 'bar-box' }, bar, zero),
      h('span', { class: 'numeric' }, measure.text(row.value)),
      h('span', { class: 'numeric' }, percent(row.valid)),
      sparkline(series(lines, measure, row.name)),
    );
  }

  /** Scrolls to what has just been selected, or is at the cursor in the code now; the reader may have scrolled on since. */
  private bringIntoView({ view: { selected }, highlighted }: Shown): void {
    const chosen = selected === null ? -1 : this.names.indexOf(selected);
    if (chosen >= 0) this.list.setAttribute('aria-activedescendant', `bar-${chosen}`);
    else this.list.removeAttribute('aria-activedescendant');
    const target = selected ?? highlighted.find((name) => this.names.includes(name)) ?? null;
    if (target === this.inView) return;
    this.inView = target;
    if (target !== null) this.list.children[this.names.indexOf(target)]?.scrollIntoView({ block: 'nearest' });
  }

  private key(event: KeyboardEvent): void {
    const { selected } = this;
    const at = selected === null ? -1 : this.names.indexOf(selected);
    const last = this.names.length - 1;
    const next = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (next !== undefined && this.names[next] !== undefined) {
      this.selected = this.names[next];
      this.actions.select(this.selected, false);
    } else if (event.key === 'Enter' && at >= 0) this.actions.select(this.names[at], true);
    else if (event.key === 'Escape') this.actions.select(null, false);
    else return;
    event.preventDefault();
  }
}

/** The values over the run as a small line, from the least to the greatest of them; 0 is dotted where it lies between. */
export function sparkline(points: readonly { step: number; value: number }[]): SVGElement {
  const [width, height] = [72, 16];
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const last = points.at(-1)?.step || 1;
  const x = (step: number) => 1 + ((width - 2) * step) / last;
  const y = (value: number) => (high > low ? height - 2 - ((height - 4) * (value - low)) / (high - low) : height / 2);
  const line = points.map(({ step, value }) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return svg(
    'svg',
    { class: 'spark', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true', focusable: 'false' },
    low < 0 && high > 0 && svg('line', { class: 'zero', x1: 0, x2: width, y1: y(0), y2: y(0) }),
    svg('polyline', { points: line }),
  );
}
