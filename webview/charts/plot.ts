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
import type { Axis, Chart, Series } from '../../extension/shared/experiments.ts';
import { number, tick } from '../../extension/shared/format.ts';
import { decades, drawable, isLabelled, lookOf, ownSeries, plain, referenceSeries } from './looks.ts';
import { Reader } from './reader.ts';
import { type Palette, palette } from './theme.ts';
import { Zoom } from './zoom.ts';

Canvas.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale, Tooltip);
Canvas.defaults.animation = false;

const marksPerCurve = 5;

/** What is drawn. */
export interface PlotContent {
  readonly chart: Chart;
  /** The series have the same values of x, in rising order: they are read together, and zoomed along x only. */
  readonly together: boolean;
  /** Values of x fall from left to right. */
  readonly falling?: boolean;
}

/** The one way curves are drawn: chart.js on a canvas, with zoom, and values by pointer and by keyboard. */
export class Plot {
  private drawn: Canvas<'line'> | undefined;
  private readonly zoom: Zoom;
  private readonly reader: Reader;
  private readonly observer: ResizeObserver;

  /** `band` shows what a drag passes over; `say` speaks what is read. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    band: HTMLElement,
    private content: PlotContent,
    say: (text: string) => void,
  ) {
    this.zoom = new Zoom(canvas, band, content.together ? ['x'] : ['x', 'y'], () => this.drawn, () => this.draw()); // biome-ignore format: one call
    this.reader = new Reader(() => this.content, (active) => this.mark(active), say); // biome-ignore format: one call
    canvas.addEventListener('keydown', (event) => this.key(event));
    canvas.addEventListener('blur', () => this.reader.stop());
    // A tab that comes to the front gives its charts a size only then.
    this.observer = new ResizeObserver(() => {
      if (!this.drawn && this.isVisible) this.draw();
    });
    if (canvas.parentElement) this.observer.observe(canvas.parentElement);
  }

  /** Takes what there is now, and draws it where it can be seen; another scale shows everything. */
  update(content: PlotContent): void {
    if (content.chart.y.scale !== this.content.chart.y.scale) this.zoom.forget('y');
    this.content = content;
    if (this.isVisible) this.draw();
  }

  destroy(): void {
    this.observer.disconnect();
    this.drawn?.destroy();
  }

  private get isVisible(): boolean {
    return this.canvas.isConnected && this.canvas.offsetParent !== null;
  }

  /** Draws with the colours of the theme that is set now. */
  private draw(): void {
    const { chart } = this.content;
    const colours = palette();
    const datasets = [...ownSeries(chart), ...referenceSeries(chart)].map((series) => this.dataset(series, colours));
    const options = this.options(colours);
    const types = (scales: Record<string, { type?: string } | undefined> | undefined) => `${scales?.x?.type} ${scales?.y?.type}`; // biome-ignore format: one line
    if (this.drawn && types(this.drawn.options.scales) === types(options.scales)) {
      this.drawn.data.datasets = datasets as never;
      this.drawn.options = options as never;
      this.drawn.update('none');
    } else {
      this.drawn?.destroy();
      this.drawn = new Canvas<'line'>(this.canvas, { type: 'line', data: { datasets: datasets as never }, options: options as never }); // biome-ignore format: one call
    }
    this.reader.again();
  }

  private options(colours: Palette) {
    const { chart, together, falling } = this.content;
    const font = { family: colours.font, size: 11 };
    const drawn = chart.series.flatMap((series) => drawable(series, chart.x, chart.y).flatMap((point) => point ?? []));
    const axis = ({ label, scale }: Axis, range: readonly [number, number] | undefined, values: readonly number[]) => ({
      type: scale === 'log' ? ('logarithmic' as const) : ('linear' as const),
      title: { display: label !== '', text: label, color: colours.dim, font },
      ticks: {
        color: colours.dim,
        font,
        maxRotation: 0,
        maxTicksLimit: 7,
        includeBounds: range === undefined,
        callback: (value: number | string) => tick(Number(value)),
      },
      ...(scale === 'log' && {
        afterBuildTicks: (built: { ticks: { value: number }[] }) => {
          const over = decades(range ?? values);
          built.ticks = built.ticks.filter(({ value }) => isLabelled(value, over));
        },
      }),
      grid: { color: colours.grid, lineWidth: 0.5, tickLength: 4 },
      border: { color: colours.border },
      ...(range && { min: range[0], max: range[1] }),
    });
    const xs = drawn.map(({ x }) => x);
    const ys = drawn.map(({ y }) => y);
    return {
      responsive: true,
      maintainAspectRatio: false,
      interaction: together
        ? { mode: 'index' as const, intersect: false, axis: 'x' as const }
        : { mode: 'nearest' as const, intersect: false, axis: 'xy' as const },
      scales: {
        x: { ...axis(chart.x, this.zoom.range('x') ?? chart.xRange, xs), reverse: falling === true },
        y: axis(chart.y, this.zoom.range('y') ?? chart.yRange, ys),
      },
      plugins: { tooltip: this.tooltip(colours, font) },
    };
  }

  private tooltip(colours: Palette, font: object) {
    const { chart, together } = this.content;
    const own = ownSeries(chart).length;
    return {
      filter: ({ datasetIndex }: TooltipItem<'line'>) => datasetIndex < own,
      backgroundColor: colours.background,
      titleColor: colours.text,
      bodyColor: colours.text,
      borderColor: colours.border,
      borderWidth: 1,
      titleFont: font,
      bodyFont: font,
      callbacks: {
        title: ([item]: TooltipItem<'line'>[]) =>
          together ? `${chart.x.label} ${plain(item?.parsed.x ?? null)}` : (item?.dataset.label ?? ''),
        label: ({ dataset, parsed }: TooltipItem<'line'>) =>
          together
            ? ` ${dataset.label}: ${number(parsed.y)}`
            : ` ${chart.x.label} ${plain(parsed.x)}: ${plain(parsed.y)}`,
      },
    };
  }

  private dataset(series: Series, colours: Palette): ChartDataset<'line', { x: number; y: number }[]> {
    const { chart } = this.content;
    const data = drawable(series, chart.x, chart.y).map((point) => point ?? { x: Number.NaN, y: Number.NaN });
    const label = series.label;
    if (series.style === 'reference') {
      const none = { pointRadius: 0, pointHoverRadius: 0, pointHitRadius: 0 };
      return { label, data, borderColor: colours.dim, borderWidth: 0.8, ...(label !== '' && { borderDash: [4, 4] }), ...none }; // biome-ignore format: one object
    }
    const { colour, dash, shape } = lookOf(chart, series);
    const own = ownSeries(chart);
    const lone = series.style === 'points';
    // Marks of different series stand at different places, so that they do not hide each other; a single one needs none.
    const stride = Math.max(1, Math.floor(data.length / marksPerCurve));
    const first = Math.floor((stride * own.indexOf(series)) / Math.max(1, own.length));
    const few = data.length <= marksPerCurve;
    const marked = (i: number) => lone || few || (own.length > 1 && i % stride === first % stride);
    return {
      label,
      data,
      showLine: !lone,
      borderColor: colours.series[colour],
      backgroundColor: colours.series[colour],
      borderDash: [...dash],
      borderWidth: 1.8,
      pointStyle: shape,
      pointRadius: own.length > 1 || few || lone ? data.map((_, i) => (marked(i) ? 4 : 0)) : 0,
      pointHoverRadius: 5,
      tension: 0,
      spanGaps: false,
    };
  }

  private key(event: KeyboardEvent): void {
    const here = this.reader.place;
    const { x, y } = this.drawn?.scales ?? {};
    const centre = here ? { x: x?.getPixelForValue(here.x), ...(!this.content.together && { y: y?.getPixelForValue(here.y) }) } : {}; // biome-ignore format: one object
    if (this.zoom.key(event, centre) || this.reader.key(event)) event.preventDefault();
  }

  private mark(active: { datasetIndex: number; index: number }[]): void {
    this.drawn?.setActiveElements(active);
    this.drawn?.tooltip?.setActiveElements(active, { x: 0, y: 0 });
    this.drawn?.update('none');
  }
}
