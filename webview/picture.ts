import { baseName, percent, shorten, tensorLabel } from '../extension/shared/format.ts';
import type { PanelRun } from '../extension/shared/panel.ts';
import { capitalised, hedged, sentence, strength } from '../extension/shared/verdict.ts';
import { lastMeasured, measureNamed, settingsText } from './measures.ts';
import { rows, type View } from './state.ts';
import { palette } from './theme.ts';

const width = 1000;
const margin = 24;
const rowHeight = 22;
/** Most bars in a picture. */
const mostBars = 40;

/** The panel as one PNG, base64: verdict, sentence, bars, and the curves as they are drawn now. */
export function toPng(run: PanelRun, view: View, charts: readonly HTMLCanvasElement[]): string {
  const line = lastMeasured(run.steps);
  const bars = line ? rows(run, line, view).slice(0, mostBars) : [];
  const drawn = charts.filter((chart) => chart.width > 0 && chart.height > 0 && !chart.hidden);
  const chartHeight = 220;
  const canvas = document.createElement('canvas');
  const scale = 2;
  const height =
    margin * 2 + 130 + rowHeight + bars.length * rowHeight + Math.ceil(drawn.length / 2) * (chartHeight + 30);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const c = canvas.getContext('2d');
  if (!c) return '';
  const colours = palette();
  const font = (size: number, weight = '') => `${weight} ${size}px ${colours.font || 'sans-serif'}`;
  c.scale(scale, scale);
  c.fillStyle = colours.background;
  c.fillRect(0, 0, width, height);
  c.textBaseline = 'top';
  const write = (text: string, x: number, y: number, size: number, colour: string, weight = '') => {
    c.font = font(size, weight);
    c.fillStyle = colour;
    c.fillText(text, x, y, width - margin - x);
  };
  let y = margin;
  write(`${shorten(baseName(run.header.model.path), 60)} · ${settingsText(run.header)}`, margin, y, 13, colours.dim);
  y += 24;
  if (line) {
    write(
      `${capitalised(strength(line.hKappa))} · theory valid for ${percent(line.validShare)}`,
      margin,
      y,
      20,
      colours.text,
      'bold',
    );
    y += 32;
    for (const text of wrap(c, sentence(run.header, line), width - 2 * margin, font(13))) {
      write(text, margin, y, 13, colours.text);
      y += 18;
    }
  }
  y = margin + 124;
  const measure = measureNamed(view.measure);
  const values = bars.map(({ value }) => value ?? 0);
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const [left, right] = [300, 780];
  const at = (value: number) => left + ((right - left) * (value - low)) / (high - low || 1);
  for (const row of bars) {
    const value = row.value ?? 0;
    const text = measure.text(row.value);
    write(tensorLabel(row.label, 40), margin, y + 4, 12, colours.text);
    c.fillStyle =
      value < 0 === (measure.id === 'kappa' || measure.id === 'cosine') ? colours.anti : colours.regularizing;
    c.globalAlpha = row.believable ? 1 : 0.35;
    c.fillRect(Math.min(at(0), at(value)), y + 4, Math.abs(at(value) - at(0)), rowHeight - 8);
    c.globalAlpha = 1;
    write(`${hedged(text, row.believable)} · valid ${percent(row.valid)}`, right + 12, y + 4, 12, colours.text);
    y += rowHeight;
  }
  if (bars.some(({ believable }) => !believable))
    write('Pale and in parentheses: the first-order theory does not hold there.', margin, y + 4, 11, colours.dim);
  y += rowHeight;
  drawn.forEach((chart, i) => {
    const x = margin + (i % 2) * ((width - 2 * margin) / 2);
    const top = y + 24 + Math.floor(i / 2) * (chartHeight + 30);
    write(chart.getAttribute('aria-label')?.split('. ')[0] ?? '', x, top - 18, 12, colours.dim);
    c.drawImage(chart, x, top, (width - 2 * margin) / 2 - 12, chartHeight);
  });
  return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
}

function wrap(c: CanvasRenderingContext2D, text: string, most: number, font: string): string[] {
  c.font = font;
  const lines: string[] = [''];
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (c.measureText(longer).width > most) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
