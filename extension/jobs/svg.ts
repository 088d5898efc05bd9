import type { Axis, Chart, Series } from '../shared/experiments.ts';
import { powerTick, rounded } from '../shared/format.ts';

const width = 720;
const height = 440;
const margin = { left: 78, right: 18, top: 38, bottom: 52 };
const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };

/** Hues that can be told apart in light and dark and by most colour-blind readers. */
const palette = ['#0b84c6', '#e0752d', '#1f9e77', '#c2558f', '#8c6fd1', '#b3972b', '#4bb3c9', '#d14b4b'];

/** Style for standalone pictures: text and lines follow the reader's preference for light or dark. */
const style = [
  'text{font:12px system-ui,sans-serif;fill:#4d5560}',
  '.title{font-size:14px;font-weight:600}',
  '.frame,.tick{stroke:#8a929c;stroke-width:1;fill:none}',
  '.grid{stroke:#8a929c;stroke-opacity:.22;stroke-width:1}',
  '.reference{stroke:#8a929c;stroke-width:1;stroke-opacity:.7}',
  '@media (prefers-color-scheme:dark){text{fill:#b6bec8}}',
].join('');

interface Scale {
  readonly ticks: readonly number[];
  readonly label: (tick: number) => string;
  readonly log: boolean;
  /** Position in [0, 1]; undefined where the value cannot be shown. */
  at(value: number | null): number | undefined;
}

/** A chart as an SVG picture. Every text is escaped. */
export function renderSvg(chart: Chart): string {
  const visible = chart.series.filter(({ x }) => x.length > 0);
  const x = scaleOf(
    chart.x,
    visible.flatMap((series) => series.x),
    chart.xRange,
  );
  const y = scaleOf(
    chart.y,
    visible.flatMap((series) => series.y),
    chart.yRange,
  );
  const left = (value: number | null) => position(x.at(value), margin.left, inner.width);
  const top = (value: number | null) => {
    const at = position(y.at(value), 0, inner.height);
    return at === undefined ? undefined : margin.top + inner.height - at;
  };
  const entries = visible.filter(({ label, style: kind }) => label !== '' || kind !== 'reference');
  const legendRows = Math.ceil(entries.length / 2);
  const total = height + legendRows * 20;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="${escaped(chart.title)}">`,
    `<style>${style}</style>`,
    `<clipPath id="area"><rect x="${margin.left}" y="${margin.top}" width="${inner.width}" height="${inner.height}"/></clipPath>`,
    `<text class="title" x="${margin.left}" y="22">${escaped(chart.title)}</text>`,
  ];
  for (const tick of x.ticks) {
    const at = short(left(tick)!);
    parts.push(
      `<line class="grid" x1="${at}" x2="${at}" y1="${margin.top}" y2="${margin.top + inner.height}"/>`,
      `<text x="${at}" y="${margin.top + inner.height + 18}" text-anchor="middle">${escaped(x.label(tick))}</text>`,
    );
  }
  for (const tick of y.ticks) {
    const at = short(top(tick)!);
    parts.push(
      `<line class="grid" x1="${margin.left}" x2="${margin.left + inner.width}" y1="${at}" y2="${at}"/>`,
      `<text x="${margin.left - 8}" y="${Number(at) + 4}" text-anchor="end">${escaped(y.label(tick))}</text>`,
    );
  }
  parts.push(
    `<rect class="frame" x="${margin.left}" y="${margin.top}" width="${inner.width}" height="${inner.height}"/>`,
    `<text x="${margin.left + inner.width / 2}" y="${height - 12}" text-anchor="middle">${escaped(chart.x.label)}</text>`,
    `<text transform="translate(16 ${margin.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escaped(chart.y.label)}</text>`,
    '<g clip-path="url(#area)">',
    ...visible.map((series) => drawSeries(series, strokeOf(series, chart.series), left, top)),
    '</g>',
    ...entries.map((series, i) => legendEntry(series, strokeOf(series, chart.series), i)),
    '</svg>',
  );
  return `${parts.join('\n')}\n`;
}

const position = (share: number | undefined, start: number, length: number) =>
  share === undefined ? undefined : start + share * length;

interface Stroke {
  readonly color: string;
  readonly dash: string;
}

/** Colour and pattern of a series; where there are more series than colours, the second round is dotted. */
function strokeOf(series: Series, all: readonly Series[]): Stroke {
  const place = all.filter(({ style: kind }) => kind !== 'reference').indexOf(series);
  const index = Math.max(0, series.color ?? place);
  const pattern = series.style === 'dashed' ? '6 4' : index >= palette.length ? '2 3' : undefined;
  return { color: palette[index % palette.length], dash: pattern ? ` stroke-dasharray="${pattern}"` : '' };
}

type Place = (value: number | null) => number | undefined;

function drawSeries({ x, y, style: kind = 'line' }: Series, { color, dash }: Stroke, left: Place, top: Place): string {
  if (kind === 'points') {
    const dots = x.map((value, i) => {
      const [cx, cy] = [left(value), top(y[i])];
      return cx === undefined || cy === undefined
        ? ''
        : `<circle cx="${short(cx)}" cy="${short(cy)}" r="4" fill="${color}"/>`;
    });
    return dots.join('');
  }
  let path = '';
  let pen = false;
  x.forEach((value, i) => {
    const [px, py] = [left(value), top(y[i])];
    if (px === undefined || py === undefined) pen = false;
    else {
      path += `${pen ? 'L' : 'M'}${short(px)} ${short(py)}`;
      pen = true;
    }
  });
  if (kind === 'reference') return `<path class="reference" d="${path}" fill="none"/>`;
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.8"${dash}/>`;
}

function legendEntry({ label, style: kind = 'line' }: Series, { color, dash }: Stroke, i: number): string {
  const x = margin.left + (i % 2) * (inner.width / 2);
  const y = height + Math.floor(i / 2) * 20 + 6;
  const mark =
    kind === 'points'
      ? `<circle cx="${x + 12}" cy="${y - 4}" r="4" fill="${color}"/>`
      : `<line x1="${x}" x2="${x + 24}" y1="${y - 4}" y2="${y - 4}" stroke="${kind === 'reference' ? '#8a929c' : color}" stroke-width="2"${dash}/>`;
  return `${mark}<text x="${x + 32}" y="${y}">${escaped(label)}</text>`;
}

function scaleOf({ scale }: Axis, values: readonly (number | null)[], range?: readonly [number, number]): Scale {
  const log = scale === 'log';
  const usable = values.filter((value) => value !== null && Number.isFinite(value) && (!log || value > 0)) as number[];
  const inside = (value: number | null): value is number =>
    value !== null && Number.isFinite(value) && (!log || value > 0);
  let low = range?.[0] ?? usable.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  let high = range?.[1] ?? usable.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (!(low <= high)) [low, high] = log ? [0.1, 1] : [0, 1];
  const map = log ? Math.log10 : (value: number) => value;
  let [start, end] = [map(low), map(high)];
  const size = end - start;
  // A little air around the data; a single value gets a range of its own.
  const air = range
    ? 0
    : size > 1e-9 * Math.max(1, Math.abs(start))
      ? 0.04 * size
      : 0.5 * Math.max(log ? 1 : 1e-12, Math.abs(start));
  [start, end] = [start - air, end + air];
  const ticks = log ? logTicks(start, end) : linearTicks(start, end);
  return {
    ticks,
    log,
    label: powerTick,
    at: (value) => (inside(value) ? (map(value) - start) / (end - start) : undefined),
  };
}

/** Round numbers 1, 2, 5 ·10^k, about six of them. */
function linearTicks(start: number, end: number): number[] {
  const rough = (end - start) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough)! * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(start / step); i * step <= end + 1e-9 * step; i++) ticks.push(rounded(i * step, 12));
  return ticks;
}

/** Powers of ten, with 2 and 5 between them where there are few. */
function logTicks(start: number, end: number): number[] {
  const decades = end - start;
  const every = Math.max(1, Math.ceil(decades / 8));
  const factors = decades < 1 ? [1, 2, 3, 5, 7] : decades < 2.5 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(start); power <= Math.ceil(end); power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const at = Math.log10(factor) + power;
      if (at >= start && at <= end) ticks.push(rounded(factor * 10 ** power, 12));
    }
  }
  return ticks;
}

const short = (value: number): string => String(Math.round(value * 100) / 100);

/** Text for SVG: markup characters replaced, control characters dropped. */
const escaped = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
