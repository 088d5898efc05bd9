import { halfStrengthStep, strengthCurve, summarize } from '../../advice/summary.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { amount, place, thousands } from '../../shared/format.ts';
import { capitalised, strength } from '../../shared/verdict.ts';

export type PictureTheme = 'dark' | 'light' | 'contrastDark' | 'contrastLight';

interface Colours {
  readonly text: string;
  readonly axis: string;
  /** Anti-regularizing and regularizing; the label says which in words. */
  readonly anti: string;
  readonly regularizing: string;
  readonly stroke: number;
}

/** An image cannot see the editor's colours, so they are chosen for each kind of theme. */
const COLOURS: Readonly<Record<PictureTheme, Colours>> = {
  dark: { text: '#cccccc', axis: '#7d7d7d', anti: '#f0a35e', regularizing: '#6cb6ff', stroke: 2 },
  light: { text: '#3b3b3b', axis: '#8a8a8a', anti: '#a85200', regularizing: '#0062b1', stroke: 2 },
  contrastDark: { text: '#ffffff', axis: '#ffffff', anti: '#ffb56b', regularizing: '#7cc4ff', stroke: 3 },
  contrastLight: { text: '#000000', axis: '#000000', anti: '#8a3f00', regularizing: '#003f7f', stroke: 3 },
};

const WIDTH = 340;
const HEIGHT = 84;
const PLOT = { left: 8, right: WIDTH - 8, top: 22, bottom: HEIGHT - 20 };

export interface Picture {
  /** The image with its description, for a `MarkdownString`. */
  readonly markdown: string;
  readonly svg: string;
  /** The same in words. */
  readonly description: string;
}

/** The strength |h·κ| over the training steps, up to its limit; undefined where it is unknown or 0 throughout. */
export function strengthPicture(config: OptimizerConfig, theme: PictureTheme): Picture | undefined {
  const curve = strengthCurve(config);
  const { hKappa: limit } = summarize(config);
  const half = halfStrengthStep(config);
  if (!curve || !limit || half === null) return undefined;
  const { text, axis, anti, regularizing, stroke } = COLOURS[theme];
  const colour = limit < 0 ? anti : regularizing;
  const last = curve.at(-1)!.step;
  const x = (step: number) => PLOT.left + ((PLOT.right - PLOT.left) * step) / last;
  const y = (hKappa: number) => PLOT.bottom - ((PLOT.bottom - PLOT.top) * hKappa) / limit;
  const points = curve.map(({ step, hKappa }) => `${place(x(step))},${place(y(hKappa))}`).join(' ');
  const label = (at: number, line: number, anchor: string, content: string, fill = text) =>
    `<text x="${place(at)}" y="${place(line)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
  const level = (value: number, dash: string) =>
    `<line x1="${PLOT.left}" x2="${PLOT.right}" y1="${y(value)}" y2="${y(value)}" stroke="${axis}"${dash}/>`;
  const svg = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12">`,
    level(limit, ' stroke-dasharray="4 4"'),
    level(0, ''),
    label(PLOT.left, PLOT.top - 7, 'start', capitalised(strength(limit)), colour),
    `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="${stroke}" stroke-linejoin="round"/>`,
    `<circle cx="${place(x(half))}" cy="${place(y(limit / 2))}" r="${stroke + 1.5}" fill="${colour}"/>`,
    label(x(half) + 10, y(limit / 2) + 14, 'start', `half at step ${thousands(half)}`),
    label(PLOT.left, HEIGHT - 5, 'start', 'step 0'),
    label(PLOT.right, HEIGHT - 5, 'end', thousands(last)),
    '</svg>',
  ].join('');
  const description = `Strength by training step: 0 at the first step, half at step ${thousands(half)}, ${strength(limit)} in the long run; at step ${thousands(last)} it is ${amount(Math.abs(curve.at(-1)!.hKappa))}.`;
  const data = Buffer.from(svg).toString('base64');
  const markdown = `![${description}](data:image/svg+xml;base64,${data}|width=${WIDTH},height=${HEIGHT})`;
  return { markdown, svg, description };
}
