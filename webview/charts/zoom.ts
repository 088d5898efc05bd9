import type { Chart } from 'chart.js';

type Range = readonly [min: number, max: number];
type AxisName = 'x' | 'y';

/** Drags over fewer pixels are clicks. */
const leastDrag = 8;

/**
 * The part of a chart that is looked at: zoom by dragging, with Ctrl and the wheel (the wheel alone scrolls the page) and with
 * + and −; moved with Shift and the arrow keys; everything by double click, 0 or Escape. Works in pixels, so that logarithmic
 * axes are as good as linear ones.
 */
export class Zoom {
  private ranges: { x?: Range; y?: Range } = {};
  /** Of the whole, from when it was last shown. */
  private full: { x?: Range; y?: Range } = {};

  /** `band` lies over the canvas and shows what a drag passes over; `redraw` draws with the ranges that `range` gives then. */
  constructor(
    private readonly canvas: HTMLElement,
    private readonly band: HTMLElement,
    private readonly axes: readonly AxisName[],
    private readonly chart: () => Chart<'line'> | undefined,
    private readonly redraw: () => void,
  ) {
    canvas.addEventListener('pointerdown', (event) => this.drag(event));
    canvas.addEventListener('dblclick', () => this.reset());
    canvas.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.by(event.deltaY > 0 ? 1.25 : 0.8, { x: event.offsetX, y: event.offsetY });
      },
      { passive: false },
    );
  }

  /** What is shown of an axis; undefined for everything. */
  range(axis: AxisName): Range | undefined {
    return this.ranges[axis];
  }

  /** Everything of an axis is to be shown the next time. */
  forget(axis: AxisName): void {
    delete this.ranges[axis];
  }

  reset(): void {
    if (!this.ranges.x && !this.ranges.y) return;
    this.ranges = {};
    this.redraw();
  }

  /** Handles the keys of zooming; true where it was one of them. */
  key({ key, shiftKey }: KeyboardEvent, centre: { readonly x?: number; readonly y?: number } = {}): boolean {
    const moves: Record<string, readonly [AxisName, number]> = {
      ArrowLeft: ['x', -0.2],
      ArrowRight: ['x', 0.2],
      ArrowUp: ['y', -0.2],
      ArrowDown: ['y', 0.2],
    };
    if (shiftKey && key in moves && this.axes.includes(moves[key][0])) this.move(...moves[key]);
    else if (key === '+' || key === '=') this.by(0.5, centre);
    else if (key === '-') this.by(2, centre);
    else if (key === '0' || key === 'Escape') this.reset();
    else return false;
    return true;
  }

  /** Shows `factor` times as much around a pixel, or around the middle. */
  private by(factor: number, centre: { readonly x?: number; readonly y?: number }): void {
    this.change((from, to, axis) => {
      const at = centre[axis] ?? (from + to) / 2;
      return [at + (from - at) * factor, at + (to - at) * factor];
    });
  }

  private move(axis: AxisName, share: number): void {
    if (!this.ranges[axis]) return;
    this.change((from, to, other) => {
      const by = axis === other ? share * (to - from) : 0;
      return [from + by, to + by];
    });
  }

  /** Sets the ranges to those between new pixels of each axis; what is wider than the whole shows the whole. */
  private change(pixels: (from: number, to: number, axis: AxisName) => readonly [number, number]): void {
    const chart = this.chart();
    if (!chart) return;
    for (const axis of this.axes) {
      const scale = chart.scales[axis];
      if (!this.ranges[axis]) this.full[axis] = [scale.min, scale.max];
      const [from, to] = axis === 'x' ? [scale.left, scale.right] : [scale.top, scale.bottom];
      const ends = pixels(from, to, axis).map((pixel) => scale.getValueForPixel(pixel) ?? Number.NaN);
      const [low, high] = this.full[axis]!;
      const [min, max] = [Math.max(low, Math.min(...ends)), Math.min(high, Math.max(...ends))];
      if (!(max > min)) continue;
      if (min <= low && max >= high) delete this.ranges[axis];
      else this.ranges[axis] = [min, max];
    }
    this.redraw();
  }

  private drag(down: PointerEvent): void {
    const chart = this.chart();
    if (!chart || down.button !== 0) return;
    const { canvas, band } = this;
    canvas.setPointerCapture(down.pointerId);
    const { top, bottom, left, right } = chart.chartArea;
    const free = this.axes.includes('y');
    const within = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
    const box = (event: PointerEvent) => {
      const xs = [down.offsetX, event.offsetX].map((x) => within(x, left, right)).sort((a, b) => a - b);
      const ys = free ? [down.offsetY, event.offsetY].map((y) => within(y, top, bottom)).sort((a, b) => a - b) : [top, bottom]; // biome-ignore format: one line each
      return { xs, ys };
    };
    const move = (event: PointerEvent) => {
      const { xs, ys } = box(event);
      band.hidden = xs[1] - xs[0] < 4;
      Object.assign(band.style, {
        left: `${xs[0]}px`,
        width: `${xs[1] - xs[0]}px`,
        top: `${ys[0]}px`,
        height: `${ys[1] - ys[0]}px`,
      });
    };
    const up = (event: PointerEvent) => {
      canvas.removeEventListener('pointermove', move);
      canvas.removeEventListener('pointerup', up);
      canvas.removeEventListener('pointercancel', up);
      band.hidden = true;
      const { xs, ys } = box(event);
      const small = xs[1] - xs[0] < leastDrag || (free && ys[1] - ys[0] < leastDrag);
      if (event.type !== 'pointerup' || small) return;
      this.change((from, to, axis) => (axis === 'x' ? [xs[0], xs[1]] : free ? [ys[0], ys[1]] : [from, to]));
    };
    canvas.addEventListener('pointermove', move);
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
  }
}
