import { shorten } from '../extension/shared/format.ts';
import type { ExperimentChart } from './experimentChart.ts';
import { palette } from './theme.ts';

const width = 1200;
const margin = 24;
const chartHeight = 280;
const lineHeight = 18;

/** Sentence, verdict and charts as one PNG, base64, in the colours of the theme. */
export function experimentPng(
  title: string,
  sentence: string,
  verdict: string,
  charts: readonly ExperimentChart[],
): string {
  const canvas = document.createElement('canvas');
  const c = canvas.getContext('2d');
  if (!c) return '';
  const colours = palette();
  const font = (size: number, weight = '') => `${weight} ${size}px ${colours.font || 'sans-serif'}`;
  const column = (width - 3 * margin) / 2;
  c.font = font(14, 'bold');
  const lines = wrap(c, sentence, width - 2 * margin);
  c.font = font(12);
  const legends = charts.map(({ legend }) => wrap(c, legend.map(({ label }) => shorten(label)).join('   '), column));
  const cellHeight = chartHeight + 30 + lineHeight * Math.max(1, ...legends.map(({ length }) => length));
  const head = margin + 30 + lines.length * 20 + 30;
  const scale = 2;
  canvas.width = width * scale;
  canvas.height = (head + Math.ceil(charts.length / 2) * (cellHeight + 12) + margin) * scale;
  c.scale(scale, scale);
  c.fillStyle = colours.background;
  c.fillRect(0, 0, canvas.width, canvas.height);
  c.textBaseline = 'top';
  const write = (text: string, x: number, y: number, size: number, colour: string, weight = '') => {
    c.font = font(size, weight);
    c.fillStyle = colour;
    c.fillText(text, x, y);
  };
  write(shorten(title, 120), margin, margin, 13, colours.dim);
  lines.forEach((line, i) => {
    write(line, margin, margin + 26 + i * 20, 14, colours.text, 'bold');
  });
  write(verdict, margin, head - 24, 14, colours.text);
  charts.forEach((chart, i) => {
    const x = margin + (i % 2) * (column + margin);
    const y = head + Math.floor(i / 2) * (cellHeight + 12);
    const { title: caption, canvas: image } = chart.image;
    write(shorten(caption, 80), x, y, 12, colours.text, 'bold');
    const fit = image.width > 0 ? Math.min(column / image.width, chartHeight / image.height) : 0;
    if (fit > 0) c.drawImage(image, x, y + 20, image.width * fit, image.height * fit);
    let [left, top] = [x, y + chartHeight + 26];
    for (const { label, colour } of chart.legend) {
      const text = shorten(label);
      c.font = font(12);
      const size = c.measureText(text).width + 30;
      if (left + size > x + column && left > x) [left, top] = [x, top + lineHeight];
      c.fillStyle = colours.series[colour];
      c.fillRect(left, top + 4, 12, 5);
      write(text, left + 16, top, 12, colours.text);
      left += size;
    }
  });
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

function wrap(c: CanvasRenderingContext2D, text: string, most: number): string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (c.measureText(longer).width > most) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
