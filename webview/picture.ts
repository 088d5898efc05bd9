import { effectHeadline, effectLineOf, effectSentence, lastEffect } from '../extension/shared/effectWords.ts';
import { baseName, percent, shorten, tensorLabels } from '../extension/shared/format.ts';
import type { PanelRun } from '../extension/shared/panel.ts';
import { capitalised, hedged, heldAgainst, isBelievable, sentence, strength } from '../extension/shared/verdict.ts';
import { Drawing } from './drawing.ts';
import { lastMeasured, lineOf, settingsText, sideOf } from './measures.ts';
import { barMeasure, rows, type View } from './state.ts';

const width = 1000;
const margin = 24;
const rowHeight = 22;
const chartHeight = 220;
/** Most bars in a picture. */
const mostBars = 40;

/** The panel as one PNG, base64: verdict, sentence, bars, and the curves as they are drawn now. */
export function toPng(run: PanelRun, view: View, charts: readonly HTMLCanvasElement[]): string {
  const drawing = new Drawing(width);
  const { colours } = drawing;
  const line = lastMeasured(run.steps);
  const measure = barMeasure(run, view);
  const barLine = lineOf(measure, { line, effectLine: effectLineOf(run) });
  const bars = barLine ? rows(run, barLine, { ...view, measure: measure.id }).slice(0, mostBars) : [];
  const drawn = charts.filter((chart) => chart.width > 0 && chart.height > 0 && !chart.hidden);
  const inner = width - 2 * margin;
  const sentences = line ? [effectSentence(run.header, lastEffect(run.steps)), sentence(run.header, line)] : [];
  const words = sentences.flatMap((text) => (text ? drawing.wrap(text, inner, 13) : []));
  const top = margin + 64 + words.length * 18;
  drawing.begin(top + (bars.length + 1) * rowHeight + Math.ceil(drawn.length / 2) * (chartHeight + 30) + margin);
  const settings = `${shorten(baseName(run.header.model.path), 60)} · ${settingsText(run.header)}`;
  drawing.write(settings, margin, margin, 13, colours.dim, '', inner);
  if (line) {
    const headline = effectHeadline(run.header, lastEffect(run.steps));
    const theory = `${capitalised(strength(line.hKappa))} · theory ${isBelievable(heldAgainst(line, lastEffect(run.steps))) ? 'holds here' : 'not reliable here'}`;
    const verdict = headline === undefined ? theory : `${headline} measured against ${run.header.reference?.label}`;
    drawing.write(verdict, margin, margin + 24, 20, colours.text, 'bold', inner);
  }
  words.forEach((text, i) => {
    drawing.write(text, margin, margin + 56 + i * 18, 13, colours.text);
  });
  const values = bars.map(({ value }) => value ?? 0);
  const label = tensorLabels(
    bars.map((row) => row.label),
    40,
  );
  const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
  const [left, right] = [300, 780];
  const at = (value: number) => left + ((right - left) * (value - low)) / (high - low || 1);
  const fills = { anti: colours.anti, regularizing: colours.regularizing, neutral: colours.dim };
  bars.forEach((row, i) => {
    const y = top + i * rowHeight + 4;
    const value = row.value ?? 0;
    drawing.write(label(row.label), margin, y, 12, colours.text, '', left - margin - 8);
    const [from, to] = [Math.min(at(0), at(value)), Math.max(at(0), at(value))];
    drawing.fill(from, y, to - from, rowHeight - 8, fills[sideOf(measure, value)], row.believable ? 1 : 0.35);
    const text = `${hedged(measure.text(row.value), row.believable)} · valid ${percent(row.valid)}`;
    drawing.write(text, right + 12, y, 12, colours.text, '', width - margin - right - 12);
  });
  const below = top + bars.length * rowHeight;
  if (bars.some(({ believable }) => !believable))
    drawing.write('Pale and in parentheses: the first-order theory does not hold there.', margin, below + 4, 11, colours.dim); // biome-ignore format: one line
  drawn.forEach((chart, i) => {
    const x = margin + (i % 2) * (inner / 2);
    const y = below + rowHeight + 24 + Math.floor(i / 2) * (chartHeight + 30);
    drawing.write(chart.getAttribute('data-chart') ?? '', x, y - 18, 12, colours.dim);
    drawing.image(chart, x, y, inner / 2 - 12, chartHeight);
  });
  return drawing.png();
}
