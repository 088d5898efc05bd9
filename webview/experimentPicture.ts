import type { Chart } from '../extension/shared/experiments.ts';
import { shorten } from '../extension/shared/format.ts';
import { lookOf, ownSeries } from './charts/looks.ts';
import { Drawing } from './drawing.ts';

const width = 1200;
const margin = 24;
const chartHeight = 280;
const lineHeight = 18;

/** A chart and the canvas that it is drawn on. */
export interface DrawnChart {
  readonly chart: Chart;
  readonly canvas: HTMLCanvasElement;
}

/** Sentence, verdict and charts as one PNG, base64, in the colours of the theme. */
export function experimentPng(title: string, sentence: string, verdict: string, charts: readonly DrawnChart[]): string {
  const drawing = new Drawing(width);
  const { colours } = drawing;
  const column = (width - 3 * margin) / 2;
  const lines = drawing.wrap(sentence, width - 2 * margin, 14, 'bold');
  const legends = charts.map(({ chart }) => drawing.wrap(ownSeries(chart).map(({ label }) => shorten(label)).join('   '), column, 12)); // biome-ignore format: one line
  const cellHeight = chartHeight + 30 + lineHeight * Math.max(1, ...legends.map(({ length }) => length));
  const head = margin + 30 + lines.length * 20 + 30;
  drawing.begin(head + Math.ceil(charts.length / 2) * (cellHeight + 12) + margin);
  drawing.write(shorten(title, 120), margin, margin, 13, colours.dim);
  lines.forEach((line, i) => {
    drawing.write(line, margin, margin + 26 + i * 20, 14, colours.text, 'bold');
  });
  drawing.write(verdict, margin, head - 24, 14, colours.text);
  charts.forEach(({ chart, canvas }, i) => {
    const x = margin + (i % 2) * (column + margin);
    const y = head + Math.floor(i / 2) * (cellHeight + 12);
    drawing.write(shorten(chart.title, 80), x, y, 12, colours.text, 'bold');
    drawing.image(canvas, x, y + 20, column, chartHeight);
    let [left, top] = [x, y + chartHeight + 26];
    for (const series of ownSeries(chart)) {
      const text = shorten(series.label);
      const size = drawing.widthOf(text, 12) + 30;
      if (left + size > x + column && left > x) [left, top] = [x, top + lineHeight];
      drawing.fill(left, top + 4, 12, 5, colours.series[lookOf(chart, series).colour]);
      drawing.write(text, left + 16, top, 12, colours.text);
      left += size;
    }
  });
  return drawing.png();
}
