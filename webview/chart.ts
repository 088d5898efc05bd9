import {
  Chart,
  type ChartDataset,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
} from 'chart.js';
import { number } from '../extension/shared/format.ts';
import { h, set } from './dom.ts';
import { dashes, palette } from './theme.ts';
import { Zoom } from './zoom.ts';

Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, Tooltip);
Chart.defaults.animation = false;

export interface Line {
  readonly label: string;
  /** Index of its colour and dash. */
  readonly colour: number;
  readonly points: readonly { readonly step: number; readonly value: number }[];
}

export interface ChartContent {
  readonly lines: readonly Line[];
  readonly logarithmic: boolean;
  /** A level to compare with. */
  readonly level?: { readonly value: number; readonly text: string };
  /** Why there is nothing to see, where `lines` have no points. */
  readonly nothing: string;
}

/** Rows of the table beside a chart; more are thinned out evenly. */
const mostTableRows = 200;

/**
 * Curves over the training step: zoom along it, values by pointer or with the arrow keys, and the same numbers as a table.
 */
export class LineChart {
  readonly element: HTMLElement;
  private readonly canvas = h('canvas', {
    hidden: true,
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'chart',
    'aria-description': 'Arrow keys read values, plus and minus zoom, Escape shows all.',
  }) as HTMLCanvasElement;
  private readonly spoken = h('div', { class: 'spoken', 'aria-live': 'polite' });
  private readonly empty = h('p', { class: 'chart-empty' });
  private readonly table = h('details', { class: 'chart-table' }, h('summary', {}, 'Values as a table'));
  private chart: Chart<'line'> | undefined;
  private content: ChartContent = { lines: [], logarithmic: false, nothing: '' };
  private cursor = -1;
  private readonly zoom = new Zoom(
    this.canvas,
    ['x'],
    () => this.chart,
    () => this.draw(),
  );

  constructor(
    private readonly title: string,
    explanation: string,
  ) {
    this.element = h(
      'figure',
      { class: 'chart' },
      h('figcaption', { title: explanation }, title),
      h('div', { class: 'chart-box' }, this.canvas, this.zoom.band, this.empty),
      this.spoken,
      this.table,
    );
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('blur', () => this.read(-1));
    // A tab that comes to the front gives its charts a size only then.
    new ResizeObserver(() => {
      if (!this.chart && !this.canvas.hidden && this.canvas.offsetParent !== null) this.draw();
    }).observe(this.element);
    this.table.addEventListener('toggle', () => this.fillTable());
  }

  /** What was drawn, for a picture of the panel. */
  get image(): HTMLCanvasElement {
    return this.canvas;
  }

  update(content: ChartContent): void {
    this.content = content;
    const some = content.lines.some(({ points }) => points.length > 0);
    set(this.empty, some ? '' : content.nothing);
    this.empty.hidden = some;
    this.canvas.hidden = !some;
    this.table.hidden = !some;
    this.canvas.setAttribute('aria-label', this.description());
    if (some && this.canvas.isConnected && this.canvas.offsetParent !== null) this.draw();
    this.fillTable();
  }

  private draw(): void {
    const colours = palette();
    const { lines, logarithmic, level } = this.content;
    const datasets: ChartDataset<'line', { x: number; y: number }[]>[] = lines.map(({ label, colour, points }) => ({
      label,
      data: points.flatMap(({ step, value }) => (logarithmic && value <= 0 ? [] : [{ x: step, y: value }])),
      borderColor: colours.series[colour],
      backgroundColor: colours.series[colour],
      borderDash: [...dashes[colour]],
      borderWidth: 2,
      pointRadius: points.length < 3 ? 3 : 0,
      pointHoverRadius: 4,
      tension: 0,
    }));
    const steps = lines.flatMap(({ points }) => points.map(({ step }) => step));
    if (level && steps.length > 0) {
      const ends = [Math.min(...steps), Math.max(...steps)];
      datasets.push({
        label: level.text,
        data: ends.map((x) => ({ x, y: level.value })),
        borderColor: colours.text,
        backgroundColor: colours.text,
        borderDash: [4, 4],
        borderWidth: 1,
        pointRadius: 0,
        pointHoverRadius: 0,
      });
    }
    const font = { family: colours.font, size: 11 };
    const ticks = { color: colours.dim, font };
    const grid = { color: colours.grid, lineWidth: 0.5, tickLength: 4 };
    const type = logarithmic ? 'logarithmic' : 'linear';
    const sparse = logarithmic && decades(datasets.flatMap(({ data }) => data.map(({ y }) => y))) > 1.5;
    const range = this.zoom.range('x');
    const scales = {
      x: {
        type: 'linear' as const,
        title: { display: true, text: 'step', color: colours.dim, font },
        ticks: { ...ticks, precision: 0, maxRotation: 0 },
        grid: { ...grid, display: false },
        border: { color: colours.border },
        ...(range && { min: range[0], max: range[1] }),
      },
      y: {
        type,
        ticks: { ...ticks, maxTicksLimit: 6, callback: (value: number | string) => tick(Number(value), sparse) },
        grid,
        border: { color: colours.border },
        beginAtZero: false,
      },
    };
    const options = {
      responsive: true,
      maintainAspectRatio: false,
      normalized: true,
      interaction: { mode: 'index' as const, intersect: false, axis: 'x' as const },
      scales,
      plugins: {
        tooltip: {
          backgroundColor: colours.background,
          titleColor: colours.text,
          bodyColor: colours.text,
          borderColor: colours.border,
          borderWidth: 1,
          titleFont: font,
          bodyFont: font,
          callbacks: {
            title: ([item]: { parsed: { x: number | null } }[]) => `step ${item?.parsed.x ?? ''}`,
            label: (item: { dataset: { label?: string }; parsed: { y: number | null } }) =>
              ` ${item.dataset.label}: ${number(item.parsed.y)}`,
          },
        },
      },
    };
    const sameScale = this.chart?.options.scales?.y?.type === type;
    if (this.chart && sameScale) {
      this.chart.data.datasets = datasets;
      this.chart.options = options as never;
      this.chart.update('none');
    } else {
      this.chart?.destroy();
      this.chart = new Chart<'line'>(this.canvas, { type: 'line', data: { datasets }, options: options as never });
    }
    if (this.cursor >= 0) this.mark();
  }

  private key(event: KeyboardEvent): void {
    const steps = this.steps();
    const { key } = event;
    const at = this.chart?.scales.x.getPixelForValue(steps[this.cursor]);
    if (this.zoom.key(event, this.cursor < 0 ? {} : { x: at })) {
      event.preventDefault();
      return;
    }
    if (key === 'ArrowRight' || key === 'ArrowLeft') {
      const next = this.cursor + (key === 'ArrowRight' ? 1 : -1);
      this.read(Math.min(Math.max(next, 0), steps.length - 1));
    } else if (key === 'Home') this.read(0);
    else if (key === 'End') this.read(steps.length - 1);
    else return;
    event.preventDefault();
  }

  private steps(): number[] {
    return [...new Set(this.content.lines.flatMap(({ points }) => points.map(({ step }) => step)))].sort(
      (a, b) => a - b,
    );
  }

  /** Says the values at the n-th step and marks them; −1 stops. */
  private read(cursor: number): void {
    this.cursor = cursor;
    const here = this.mark();
    const step = this.steps()[cursor];
    this.spoken.textContent =
      step === undefined ? '' : `step ${step}: ${here.map(({ text }) => text).join(', ') || 'no value'}`;
  }

  /** Marks the values at the cursor, and returns them. */
  private mark(): { datasetIndex: number; index: number; text: string }[] {
    const step = this.steps()[this.cursor];
    const here = this.content.lines.flatMap(({ label, points }, datasetIndex) => {
      const shown = points.filter(({ value }) => !this.content.logarithmic || value > 0);
      const index = shown.findIndex((point) => point.step === step);
      return index < 0 ? [] : [{ datasetIndex, index, text: `${label} ${number(shown[index].value)}` }];
    });
    this.chart?.setActiveElements(here);
    this.chart?.tooltip?.setActiveElements(here, { x: 0, y: 0 });
    this.chart?.update('none');
    return here;
  }

  private description(): string {
    const parts = this.content.lines.flatMap(({ label, points }) => {
      const [first, last] = [points[0], points.at(-1)];
      return first && last
        ? [`${label}: ${number(first.value)} at step ${first.step}, ${number(last.value)} at step ${last.step}`]
        : [];
    });
    return `${this.title}. ${parts.join('; ') || this.content.nothing}`;
  }

  private fillTable(): void {
    if (!(this.table as HTMLDetailsElement).open) return;
    const { lines } = this.content;
    const all = this.steps();
    const stride = Math.ceil(all.length / mostTableRows);
    const maps = lines.map(({ points }) => new Map(points.map(({ step, value }) => [step, value])));
    const body = all
      .filter((_, i) => i % stride === 0 || i === all.length - 1)
      .map((step) =>
        h('tr', {}, h('th', { scope: 'row' }, String(step)), ...maps.map((map) => h('td', {}, number(map.get(step))))),
      );
    const head = h(
      'tr',
      {},
      h('th', { scope: 'col' }, 'step'),
      ...lines.map(({ label }) => h('th', { scope: 'col' }, label)),
    );
    const old = this.table.querySelector('table');
    const scrolled = old?.scrollTop ?? 0;
    const table = h(
      'table',
      {},
      h('caption', { class: 'spoken' }, this.title),
      h('thead', {}, head),
      h('tbody', {}, ...body),
    );
    if (old) old.replaceWith(table);
    else this.table.append(table);
    table.scrollTop = scrolled;
  }
}

/** Powers of ten between the smallest and the largest of positive values. */
export function decades(values: readonly number[]): number {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  return Math.log10(high / low);
}

/** Numbers of an axis; where a logarithmic one is long, only the powers of ten, so that they do not run into each other. */
export function tick(value: number, sparse: boolean): string {
  if (sparse) {
    const exponent = Math.log10(value);
    if (Math.abs(exponent - Math.round(exponent)) > 1e-6) return '';
  }
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5)
    ? value.toExponential(1).replace('.0e', 'e').replace('e+', 'e').replace(/-/g, '−')
    : String(Number(value.toPrecision(4))).replace('-', '−');
}
