import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { number } from '../../extension/shared/format.ts';
import { Checkbox } from '../toolkit.tsx';
import { decades, drawable, lookOf, ownSeries, plain } from './looks.ts';
import { Plot, type PlotContent } from './plot.ts';
import { Swatch } from './swatch.tsx';

/** Rows of the table beside a chart; more are thinned out evenly. */
const mostTableRows = 200;

interface FigureProps extends PlotContent {
  /** What is shown, in one sentence. */
  readonly explanation?: string;
  /** Why there is nothing to see, where there are no points. */
  readonly nothing?: string;
  /** The series are named below the chart. */
  readonly legend?: boolean;
  /** The reader can choose the scale of y. */
  readonly choice?: boolean;
}

/** A chart with its title, what is read of it in words, its legend, and its numbers as a table. */
export function Figure({ explanation, nothing = '', legend = false, choice = false, ...given }: FigureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const band = useRef<HTMLDivElement>(null);
  const spoken = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | undefined>(undefined);
  const [scale, setScale] = useState(given.chart.y.scale);
  const [isOpen, setOpen] = useState(false);
  const y = choice ? { ...given.chart.y, scale } : given.chart.y;
  const content: PlotContent = { ...given, chart: { ...given.chart, y } };
  const { chart } = content;
  const some = ownSeries(chart).length > 0;
  useLayoutEffect(() => {
    if (!some) return;
    if (plot.current) plot.current.update(content);
    else {
      const say = (text: string) => {
        if (spoken.current) spoken.current.textContent = text;
      };
      plot.current = new Plot(canvas.current!, band.current!, content, say);
      plot.current.update(content);
    }
  });
  useEffect(() => () => plot.current?.destroy(), []);
  return (
    <figure class="chart">
      <figcaption title={explanation}>{chart.title}</figcaption>
      <div class="chart-box">
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a canvas is not interactive of itself */}
        <canvas
          ref={canvas}
          hidden={!some}
          tabIndex={0}
          role="application"
          aria-roledescription="chart"
          aria-description={
            content.together
              ? 'Arrow keys read values, plus and minus zoom, Escape shows all.'
              : 'Left and right read values, up and down change the series, plus and minus zoom, Shift and arrows move, Escape shows all.'
          }
          aria-label={description(content, nothing)}
          data-chart={chart.id}
        />
        <div ref={band} class="zoom-band" hidden />
        <p class="chart-empty" hidden={some}>
          {some ? '' : nothing}
        </p>
      </div>
      {legend && <Legend {...content} />}
      {choice && (
        <Checkbox
          label="Logarithmic"
          checked={chart.y.scale === 'log'}
          hidden={!hasBothScales(given)}
          change={(chosen) => setScale(chosen ? 'log' : 'linear')}
        />
      )}
      <div ref={spoken} class="spoken" aria-live="polite" />
      <details class="chart-table" hidden={!some} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>Values as a table</summary>
        {isOpen && some && (content.together ? <TogetherTable {...content} /> : <SeriesTable {...content} />)}
      </details>
    </figure>
  );
}

/** Both scales are of use where all values are positive and differ by half a decade at least. */
function hasBothScales({ chart }: PlotContent): boolean {
  const values = ownSeries(chart).flatMap(({ y }) => y.filter((value): value is number => value !== null));
  return chart.y.scale === 'log' || (values.every((value) => value > 0) && decades(values) > 0.5);
}

function Legend({ chart }: PlotContent) {
  const references = chart.series.filter(({ style, label }) => style === 'reference' && label !== '');
  return (
    <ul class="chart-legend" aria-label="Legend">
      {ownSeries(chart).map((series) => (
        <li key={series.label}>
          <Swatch look={lookOf(chart, series)} lone={series.style === 'points'} />
          {series.label}
        </li>
      ))}
      {references.map(({ label }) => (
        <li key={label} class="dim">
          <Swatch />
          {label}
        </li>
      ))}
    </ul>
  );
}

function description({ chart, together }: PlotContent, nothing: string): string {
  const parts = ownSeries(chart).flatMap((series) => {
    const some = drawable(series, chart.x, chart.y).filter((point) => point !== null);
    const [first, last] = [some[0], some.at(-1)];
    if (!first || !last) return together ? [] : [`${series.label}: no values`];
    return together
      ? [
          `${series.label}: ${number(first.y)} at ${chart.x.label} ${plain(first.x)}, ${number(last.y)} at ${chart.x.label} ${plain(last.x)}`,
        ]
      : [`${series.label}: from (${plain(first.x)}, ${plain(first.y)}) to (${plain(last.x)}, ${plain(last.y)})`];
  });
  const axes = together ? '' : ` ${chart.y.label} over ${chart.x.label}.`;
  return `${chart.title}.${axes} ${parts.join('; ') || nothing}`;
}

/** A row for each x, a column for each series. */
function TogetherTable({ chart, falling }: PlotContent) {
  const own = ownSeries(chart);
  const maps = own.map(({ x, y }) => new Map(x.map((at, i) => [at, y[i]])));
  const all = [...new Set(own.flatMap(({ x }) => x))].sort((a, b) => (falling ? b - a : a - b));
  const stride = Math.ceil(all.length / mostTableRows);
  return (
    <table>
      <caption class="spoken">{chart.title}</caption>
      <thead>
        <tr>
          <th scope="col">{chart.x.label}</th>
          {own.map(({ label }, i) => (
            <th key={i} scope="col">
              {label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {all
          .filter((_, i) => i % stride === 0 || i === all.length - 1)
          .map((x) => (
            <tr key={x}>
              <th scope="row">{plain(x)}</th>
              {maps.map((map, i) => (
                <td key={i}>{number(map.get(x))}</td>
              ))}
            </tr>
          ))}
      </tbody>
    </table>
  );
}

/** A row for each point of each series. */
function SeriesTable({ chart }: PlotContent) {
  const own = ownSeries(chart);
  const stride = Math.ceil(own.reduce((sum, { x }) => sum + x.length, 0) / (2 * mostTableRows));
  return (
    <table>
      <caption class="spoken">{chart.title}</caption>
      <thead>
        <tr>
          {['series', chart.x.label, chart.y.label].map((text) => (
            <th key={text} scope="col">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {own.flatMap(({ label, x, y }) =>
          x.flatMap((at, i) =>
            i % stride === 0 || i === x.length - 1
              ? [
                  <tr key={`${label} ${i}`}>
                    <th scope="row">{label}</th>
                    <td>{plain(at)}</td>
                    <td>{plain(y[i])}</td>
                  </tr>,
                ]
              : [],
          ),
        )}
      </tbody>
    </table>
  );
}
