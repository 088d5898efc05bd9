import {
  Chart as Canvas,
  type ChartDataset,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
  type TooltipItem,
} from 'chart.js';
import type { Axis, Chart, Series } from '../extension/shared/experiments.ts';
import { number, thousands } from '../extension/shared/format.ts';
import { decades, tick } from './chart.ts';
import { h, set, svg } from './dom.ts';
import { dashes, type Palette, palette } from './theme.ts';
import { checkbox } from './toolkit.ts';
import { Zoom } from './zoom.ts';

Canvas.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, Tooltip);

/** Marks on the curves and in the legend: they tell series apart where colours do not. */
const shapes = ['circle', 'triangle', 'rect', 'rectRot', 'crossRot', 'star'] as const;
const marksPerCurve = 5;
/** Rows of the table beside a chart; longer series are thinned out evenly. */
const mostTableRows = 400;

interface Look {
  readonly colour: number;
  readonly dash: readonly number[];
  readonly shape: (typeof shapes)[number];
}

/** Colour, dash and mark of a series by its place; the first six differ in each of them. */
export function lookOf(chart: Chart, series: Series): Look {
  const own = chart.series.filter(({ style }) => style !== 'reference');
  const index = series.color ?? own.indexOf(series);
  const round = Math.floor(index / dashes.length);
  // Where dashes have a meaning, they tell nothing else.
  const meant = chart.series.some(({ style }) => style === 'dashed');
  const dash = meant ? (series.style === 'dashed' ? [6, 4] : []) : dashes[(index + round) % dashes.length];
  return { colour: index % dashes.length, dash, shape: shapes[(index + round) % shapes.length] };
}

/** Steps and other whole numbers as such. */
const plain = (value: number | null): string =>
  Number.isSafeInteger(value) ? thousands(value!).replace('-', '−') : number(value);

/** The points of a series that can be drawn on the axes, in order; null is a gap. */
export function drawable({ x, y }: Series, xAxis: Axis, yAxis: Axis): ({ x: number; y: number } | null)[] {
  const fits = (value: number | null, axis: Axis): value is number =>
    value !== null && Number.isFinite(value) && (axis.scale !== 'log' || value > 0);
  return x.map((at, i) => {
    const value = y[i] ?? null;
    return fits(at, xAxis) && fits(value, yAxis) ? { x: at, y: value } : null;
  });
}

/** A chart of an experiment: series over any axes, with a legend, values by pointer and keyboard, and a table. */
export class ExperimentChart {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', {
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'chart',
    'aria-description':
      'Left and right read values, up and down change the series, plus and minus zoom, Shift and arrows move, Escape shows all.',
  }) as HTMLCanvasElement;
  private readonly spoken = h('div', { class: 'spoken', 'aria-live': 'polite' });
  private readonly table = h('details', { class: 'chart-table' }, h('summary', {}, 'Values as a table'));
  private drawn: Canvas<'line'> | undefined;
  private own: readonly Series[] = [];
  private readonly legendList = h('ul', { class: 'chart-legend', 'aria-label': 'Legend' });
  private readonly logarithmic: HTMLElement;
  /** Scale of the y axis where the reader has chosen another. */
  private chosenScale: Axis['scale'];
  private place = { series: 0, point: -1 };
  private readonly zoom = new Zoom(
    this.canvas,
    ['x', 'y'],
    () => this.drawn,
    () => this.draw(),
  );

  constructor(private chart: Chart) {
    this.logarithmic = checkbox('Logarithmic', chart.y.scale === 'log', (chosen) => {
      this.chosenScale = chosen ? 'log' : 'linear';
      this.zoom.reset();
      this.draw();
    });
    this.element = h(
      'figure',
      { class: 'chart' },
      h('figcaption', {}, chart.title),
      h('div', { class: 'chart-box' }, this.canvas, this.zoom.band),
      this.legendList,
      this.logarithmic,
      this.spoken,
      this.table,
    );
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('blur', () => this.read({ series: this.place.series, point: -1 }));
    this.table.addEventListener('toggle', () => this.fillTable());
    this.update(chart);
  }

  /** Takes what the chart holds now; `draw` shows it. */
  update(chart: Chart): this {
    this.chart = chart;
    this.own = chart.series.filter(({ style, x }) => style !== 'reference' && x.length > 0);
    const references = chart.series.filter(({ style, label }) => style === 'reference' && label !== '');
    set(
      this.legendList,
      ...this.own.map((series) => h('li', {}, swatch(chart, series), series.label)),
      ...references.map(({ label }) => h('li', { class: 'dim' }, referenceSwatch(), label)),
    );
    this.canvas.setAttribute('aria-label', this.description());
    // Both scales are of use where all values are positive and differ by half a decade at least.
    const values = this.own.flatMap(({ y }) => y.filter((value): value is number => value !== null));
    this.logarithmic.hidden =
      chart.y.scale !== 'log' && (values.some((value) => value <= 0) || !(decades(values) > 0.5));
    this.table.querySelector('table')?.remove();
    this.fillTable();
    return this;
  }

  private get y(): Axis {
    return { ...this.chart.y, scale: this.chosenScale ?? this.chart.y.scale };
  }

  /** What was drawn, and its title. */
  get image(): { readonly title: string; readonly canvas: HTMLCanvasElement } {
    return { title: this.chart.title, canvas: this.canvas };
  }

  get legend(): readonly (Look & { readonly label: string })[] {
    return this.own.map((series) => ({ ...lookOf(this.chart, series), label: series.label }));
  }

  /** Draws with the colours of the theme that is set now; the element must be in the page. */
  draw(): void {
    const colours = palette();
    const { chart } = this;
    this.drawn?.destroy();
    const font = { family: colours.font, size: 11 };
    const drawn = chart.series.flatMap((series) => this.points(series).flatMap((point) => point ?? []));
    const axis = ({ label, scale }: Axis, range: readonly [number, number] | undefined, values: readonly number[]) => ({
      type: scale === 'log' ? ('logarithmic' as const) : ('linear' as const),
      title: { display: true, text: label, color: colours.dim, font },
      ticks: {
        color: colours.dim,
        font,
        maxRotation: 0,
        maxTicksLimit: 7,
        includeBounds: range === undefined,
        callback: (value: number | string) => tick(Number(value), scale === 'log' && decades(range ?? values) > 1.5),
      },
      grid: { color: colours.grid, lineWidth: 0.5, tickLength: 4 },
      border: { color: colours.border },
      ...(range && { min: range[0], max: range[1] }),
    });
    this.drawn = new Canvas<'line'>(this.canvas, {
      type: 'line',
      data: { datasets: [...this.own, ...this.references()].map((series) => this.dataset(series, colours)) as never },
      options: {
        responsive: true,
        maintainAspectRatio: false,
        interaction: { mode: 'nearest', intersect: false, axis: 'xy' },
        scales: {
          x: axis(
            chart.x,
            this.zoom.range('x') ?? chart.xRange,
            drawn.map(({ x }) => x),
          ),
          y: axis(
            this.y,
            this.zoom.range('y') ?? chart.yRange,
            drawn.map(({ y }) => y),
          ),
        },
        plugins: {
          tooltip: {
            filter: ({ datasetIndex }: TooltipItem<'line'>) => datasetIndex < this.own.length,
            backgroundColor: colours.background,
            titleColor: colours.text,
            bodyColor: colours.text,
            borderColor: colours.border,
            borderWidth: 1,
            titleFont: font,
            bodyFont: font,
            callbacks: {
              title: ([item]: TooltipItem<'line'>[]) => item?.dataset.label ?? '',
              label: ({ parsed }: TooltipItem<'line'>) => ` ${this.valueText(parsed.x ?? Number.NaN, parsed.y)}`,
            },
          },
        },
      } as never,
    });
    if (this.place.point >= 0) this.mark();
  }

  destroy(): void {
    this.drawn?.destroy();
  }

  private references(): Series[] {
    return this.chart.series.filter(({ style, x }) => style === 'reference' && x.length > 0);
  }

  private points(series: Series) {
    return drawable(series, this.chart.x, this.y);
  }

  private dataset(series: Series, colours: Palette): ChartDataset<'line', { x: number; y: number }[]> {
    const data = this.points(series).map((point) => point ?? { x: Number.NaN, y: Number.NaN });
    if (series.style === 'reference')
      return {
        label: series.label,
        data,
        borderColor: colours.dim,
        borderWidth: 0.7,
        pointRadius: 0,
        pointHoverRadius: 0,
        pointHitRadius: 0,
      };
    const { colour, dash, shape } = lookOf(this.chart, series);
    const lone = series.style === 'points';
    // Marks of different series stand at different places, so that they do not hide each other.
    const stride = Math.max(1, Math.floor(data.length / marksPerCurve));
    const first = Math.floor((stride * this.own.indexOf(series)) / Math.max(1, this.own.length));
    const marked = (i: number) => lone || data.length <= marksPerCurve || i % stride === first % stride;
    return {
      label: series.label,
      data,
      showLine: !lone,
      borderColor: colours.series[colour],
      backgroundColor: colours.series[colour],
      borderDash: [...dash],
      borderWidth: 1.8,
      pointStyle: shape,
      pointRadius: data.map((_, i) => (marked(i) ? 4 : 0)),
      pointHoverRadius: 5,
      tension: 0,
      spanGaps: false,
    };
  }

  private valueText(x: number, y: number | null): string {
    return `${this.chart.x.label} ${plain(x)}: ${plain(y)}`;
  }

  private description(): string {
    const { title, x, y } = this.chart;
    const parts = this.own.map((series) => {
      const some = this.points(series).filter((point) => point !== null);
      const [first, last] = [some[0], some.at(-1)];
      return first && last
        ? `${series.label}: from (${plain(first.x)}, ${plain(first.y)}) to (${plain(last.x)}, ${plain(last.y)})`
        : `${series.label}: no values`;
    });
    return `${title}. ${y.label} over ${x.label}. ${parts.join('; ')}`;
  }

  private key(event: KeyboardEvent): void {
    const { series, point } = this.place;
    const here = point < 0 ? undefined : this.points(this.own[series])[point];
    const { x, y } = this.drawn?.scales ?? {};
    if (this.zoom.key(event, here ? { x: x?.getPixelForValue(here.x), y: y?.getPixelForValue(here.y) } : {})) {
      event.preventDefault();
      return;
    }
    const length = this.own[series]?.x.length ?? 0;
    const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), Math.max(0, most - 1));
    const step = Math.max(1, Math.round(length / 100));
    if (event.key === 'ArrowRight') this.read({ series, point: clamp(point < 0 ? 0 : point + step, length) });
    else if (event.key === 'ArrowLeft') this.read({ series, point: clamp(point - step, length) });
    else if (event.key === 'Home') this.read({ series, point: 0 });
    else if (event.key === 'End') this.read({ series, point: clamp(length, length) });
    else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      const next = clamp(series + (event.key === 'ArrowDown' ? 1 : -1), this.own.length);
      this.read({ series: next, point: clamp(point, this.own[next]?.x.length ?? 0) });
    } else return;
    event.preventDefault();
  }

  /** Says the values of a point and marks it; −1 stops. */
  private read(place: { readonly series: number; readonly point: number }): void {
    this.place = place;
    const series = this.own[place.series];
    const known = series !== undefined && place.point >= 0;
    this.spoken.textContent = known
      ? `${series.label}, ${this.valueText(series.x[place.point], series.y[place.point])}`
      : '';
    this.mark();
  }

  private mark(): void {
    const { series, point } = this.place;
    const active = point >= 0 && this.own[series] ? [{ datasetIndex: series, index: point }] : [];
    this.drawn?.setActiveElements(active);
    this.drawn?.tooltip?.setActiveElements(active, { x: 0, y: 0 });
    this.drawn?.update('none');
  }

  private fillTable(): void {
    if (!(this.table as HTMLDetailsElement).open || this.table.querySelector('table')) return;
    const { chart, own } = this;
    const stride = Math.ceil(own.reduce((sum, { x }) => sum + x.length, 0) / mostTableRows);
    const rows = own.flatMap(({ label, x, y }) =>
      x.flatMap((at, i) =>
        i % stride === 0 || i === x.length - 1
          ? [h('tr', {}, h('th', { scope: 'row' }, label), h('td', {}, plain(at)), h('td', {}, plain(y[i])))]
          : [],
      ),
    );
    const heads = ['series', chart.x.label, chart.y.label].map((text) => h('th', { scope: 'col' }, text));
    this.table.append(
      h(
        'table',
        {},
        h('caption', { class: 'spoken' }, chart.title),
        h('thead', {}, h('tr', {}, ...heads)),
        h('tbody', {}, ...rows),
      ),
    );
  }
}

/** Line and mark of a series as the chart has them. */
function swatch(chart: Chart, series: Series): SVGElement {
  const { colour, dash, shape } = lookOf(chart, series);
  const lines: Record<string, string> = {
    circle: 'M16 1a4 4 0 1 0 .01 0Z',
    triangle: 'M16 1l4 7h-8Z',
    rect: 'M12.500 1.500h7v7h-7Z',
    rectRot: 'M16 0.500l4.500 4.500l-4.500 4.500l-4.500-4.500Z',
    crossRot: 'M12.500 1.500l7 7m0-7l-7 7',
    star: 'M12.500 1.500l7 7m0-7l-7 7M16 0v10M11 5h10',
  };
  return svg(
    'svg',
    { class: `mark-swatch colour-${colour}`, viewBox: '0 0 32 10', 'aria-hidden': 'true' },
    series.style !== 'points' && svg('line', { x1: 0, x2: 32, y1: 5, y2: 5, 'stroke-dasharray': dash.join(' ') }),
    svg('path', { d: lines[shape] }),
  );
}

const referenceSwatch = (): SVGElement =>
  svg(
    'svg',
    { class: 'mark-swatch reference', viewBox: '0 0 32 10', 'aria-hidden': 'true' },
    svg('line', { x1: 0, x2: 32, y1: 5, y2: 5 }),
  );
