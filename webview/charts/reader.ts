import { number } from '../../extension/shared/format.ts';
import { drawable, ownSeries, plain } from './looks.ts';
import type { PlotContent } from './plot.ts';

interface Point {
  readonly datasetIndex: number;
  readonly index: number;
}

/** Reads the values of a chart with the keyboard: of all series at one x, or of one series after the other. */
export class Reader {
  private series = 0;
  /** Which value of x, or which point of the series; −1 where nothing is read. */
  private at = -1;

  constructor(
    private readonly content: () => PlotContent,
    private readonly mark: (points: Point[]) => void,
    private readonly say: (text: string) => void,
  ) {}

  /** Where the cursor is, in the units of the axes; undefined where nothing is read. */
  get place(): { readonly x: number; readonly y: number } | undefined {
    if (this.at < 0) return undefined;
    const { chart, together } = this.content();
    if (together) return { x: this.steps()[this.at], y: 0 };
    const series = ownSeries(chart)[this.series];
    return (series && drawable(series, chart.x, chart.y)[this.at]) ?? undefined;
  }

  /** Handles the keys of reading; true where it was one of them. */
  key({ key }: KeyboardEvent): boolean {
    const { chart, together } = this.content();
    const own = ownSeries(chart);
    const length = together ? this.steps().length : (own[this.series]?.x.length ?? 0);
    const clamp = (value: number, most: number) => Math.min(Math.max(value, 0), Math.max(0, most - 1));
    const stride = together ? 1 : Math.max(1, Math.round(length / 100));
    const { at } = this;
    if (key === 'ArrowRight') this.read(clamp(at < 0 ? 0 : at + stride, length));
    else if (key === 'ArrowLeft') this.read(clamp(at - stride, length));
    else if (key === 'Home') this.read(0);
    else if (key === 'End') this.read(clamp(length, length));
    else if (!together && (key === 'ArrowDown' || key === 'ArrowUp')) {
      this.series = clamp(this.series + (key === 'ArrowDown' ? 1 : -1), own.length);
      this.read(clamp(at, own[this.series]?.x.length ?? 0));
    } else return false;
    return true;
  }

  stop(): void {
    if (this.at >= 0) this.read(-1);
  }

  /** Marks what is read again, in a chart that has been drawn anew. */
  again(): void {
    if (this.at >= 0) this.mark(this.points());
  }

  private steps(): number[] {
    const all = ownSeries(this.content().chart).flatMap(({ x }) => x);
    const sorted = [...new Set(all)].sort((a, b) => a - b);
    return this.content().falling ? sorted.reverse() : sorted;
  }

  private read(at: number): void {
    this.at = at;
    this.mark(this.points());
    this.say(at < 0 ? '' : this.words());
  }

  private points(): Point[] {
    if (this.at < 0) return [];
    const { chart, together } = this.content();
    const own = ownSeries(chart);
    if (!together) return own[this.series] ? [{ datasetIndex: this.series, index: this.at }] : [];
    const x = this.steps()[this.at];
    return own.flatMap((series, datasetIndex) => {
      const index = drawable(series, chart.x, chart.y).findIndex((point) => point?.x === x);
      return index < 0 ? [] : [{ datasetIndex, index }];
    });
  }

  private words(): string {
    const { chart, together } = this.content();
    const own = ownSeries(chart);
    if (!together) {
      const series = own[this.series];
      if (!series) return '';
      return `${series.label}, ${chart.x.label} ${plain(series.x[this.at])}: ${plain(series.y[this.at])}`;
    }
    const values = this.points().map(({ datasetIndex, index }) => {
      const { label, y } = own[datasetIndex];
      return `${label} ${number(y[index])}`;
    });
    return `${chart.x.label} ${plain(this.steps()[this.at])}: ${values.join(', ') || 'no value'}`;
  }
}
