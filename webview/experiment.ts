import { inEditor } from '../extension/shared/editorWords.ts';
import type { ExperimentAction, FromExperimentPage, ToExperimentPage } from '../extension/shared/experimentPanel.ts';
import type { Chart, ExperimentHeader, ParameterValue, ResultTable } from '../extension/shared/experiments.ts';
import { badgeOf } from '../extension/shared/experimentVerdict.ts';
import { baseName, number, setting } from '../extension/shared/format.ts';
import { isBelievable } from '../extension/shared/verdict.ts';
import { h, set } from './dom.ts';
import { ExperimentChart } from './experimentChart.ts';
import { experimentPng } from './experimentPicture.ts';
import { acquireHost } from './host.ts';
import { Meter } from './meter.ts';
import { onThemeChange } from './theme.ts';
import { button } from './toolkit.ts';

const host = acquireHost<FromExperimentPage>();

/** The charts that are shown, by their names: while results come in, they keep what is looked at. */
let charts = new Map<string, ExperimentChart>();
let folder = '';
/** How far the work of this window is. */
const meter = new Meter(() => act('cancel')());

const act = (action: ExperimentAction) => () => host.postMessage({ type: 'do', action });

function receive(message: ToExperimentPage): void {
  if (message.type === 'progress') {
    meter.set(message.share, message.text);
    return;
  }
  if (message.type === 'failed') {
    clear();
    set(
      document.body,
      h(
        'div',
        { class: 'notice error', role: 'alert' },
        h('div', {}, h('p', { class: 'message' }, message.message), message.remedy && h('p', {}, message.remedy)),
      ),
    );
    return;
  }
  if (message.folder !== folder) clear();
  folder = message.folder;
  host.setState({ folder });
  const old = charts;
  charts = new Map(
    (message.header.result?.charts ?? [])
      .filter(hasPoints)
      .map((chart) => [chart.id, old.get(chart.id)?.update(chart) ?? new ExperimentChart(chart)]),
  );
  for (const [id, chart] of old) if (!charts.has(id)) chart.destroy();
  const focused = document.activeElement;
  set(document.body, page(message));
  if (focused instanceof HTMLElement && focused.isConnected) focused.focus({ preventScroll: true });
  for (const chart of charts.values()) chart.draw();
}

const hasPoints = ({ series }: Chart): boolean => series.some(({ style, x }) => style !== 'reference' && x.length > 0);

function clear(): void {
  for (const chart of charts.values()) chart.destroy();
  charts = new Map();
  meter.set(0, '');
}

function page(message: Extract<ToExperimentPage, { type: 'show' }>): HTMLElement {
  const { header, work, resumable, runs } = message;
  const { result, title, figure } = header;
  return h(
    'main',
    { class: 'experiment' },
    finding(message),
    work === 'here' && meter.element,
    work === 'elsewhere' &&
      h('div', { class: 'notice' }, h('p', {}, 'Another process works on this. Open it again to see more of it.')),
    resumable &&
      h(
        'div',
        { class: 'notice warning' },
        h('div', {}, h('p', { class: 'message' }, missingText(header))),
        h('div', { class: 'actions' }, button('Resume', act('resume'), 'primary')),
      ),
    h(
      'div',
      { class: 'head-row' },
      h(
        'div',
        { class: 'subject' },
        h('strong', {}, title),
        h('span', { class: 'dim' }, ` · ${figure} · ${header.started.slice(0, 10)} · ${baseName(folder)}`),
      ),
      h(
        'div',
        { class: 'actions' },
        runs > 1 && button('Compare Runs', act('compareRuns')),
        result && charts.size > 0 && button('Save Picture…', () => picture(header)),
        result && button('Export CSV…', act('exportCsv')),
        button('Open Folder', act('openFolder')),
        work === 'ended' && button('Run Again', act('runAgain')),
      ),
    ),
    charts.size > 0 && h('p', { class: 'dim hint' }, 'Drag, or Ctrl and the wheel, to zoom; double click to see all.'),
    h('div', { class: 'charts' }, ...[...charts.values()].map(({ element }) => element)),
    ...(result?.tables ?? []).map(tableSection),
    result &&
      result.notes.length > 0 &&
      h('ul', { class: 'notes' }, ...result.notes.map((note) => h('li', {}, inEditor(note, 'experiment')))),
    settings(header),
  );
}

/** What was found, and the verdict; while points are missing, what there is so far, and no verdict. */
function finding({ header, work }: Extract<ToExperimentPage, { type: 'show' }>): HTMLElement {
  const { result, status } = header;
  if (!result)
    return h('section', { class: 'finding' }, h('h1', {}, work === 'ended' ? stateText(header) : 'Running …'));
  if (status !== 'finished')
    return h('section', { class: 'finding', 'aria-label': 'So far' }, h('h1', {}, `So far: ${result.sentence}`));
  const { mark, text } = badgeOf(result);
  return h(
    'section',
    { class: 'finding', 'aria-label': 'Finding' },
    h('h1', {}, result.sentence),
    h(
      'p',
      { class: `verdict ${result.agreement}` },
      h('span', { class: 'mark', 'aria-hidden': 'true' }, mark),
      ` ${text}.`,
    ),
  );
}

const missingText = ({ name }: ExperimentHeader): string =>
  name === 'sweep'
    ? 'Some points of this sweep have not been run yet.'
    : 'It was stopped before it was finished. What it finished is not repeated.';

function stateText({ status, message }: ExperimentHeader): string {
  if (status === 'failed')
    return `The experiment failed: ${message === undefined ? 'no reason is known' : inEditor(message, 'experiment')}`;
  return status === 'cancelled' ? 'The experiment was stopped before it had a result.' : 'There is no result yet.';
}

function tableSection({ title, columns, rows }: ResultTable): HTMLElement {
  const numeric = columns.map((_, i) => i > 0 && rows.every((row) => isNumeric(row[i])));
  const side = (i: number) => (numeric[i] ? 'numeric' : '');
  const doubts = rows.map((row) => isDoubtful(columns, row));
  const shown = (cell: string | number | null, i: number, doubtful: boolean) => {
    const text = typeof cell === 'string' ? cell : number(cell);
    return doubtful && theoretical.has(columns[i]) && text !== '–' ? `(${text})` : text;
  };
  return h(
    'section',
    {},
    h('h2', {}, title),
    h(
      'div',
      { class: 'scroll-x' },
      h(
        'table',
        { class: 'grid fit' },
        h('caption', { class: 'spoken' }, title),
        h('thead', {}, h('tr', {}, ...columns.map((text, i) => h('th', { scope: 'col', class: side(i) }, text)))),
        h(
          'tbody',
          {},
          ...rows.map((row, r) =>
            h(
              'tr',
              {},
              ...row.map((cell, i) =>
                h(
                  i === 0 ? 'th' : 'td',
                  {
                    class: `${side(i)}${doubts[r] && theoretical.has(columns[i]) ? ' doubtful' : ''}`,
                    ...(i === 0 && { scope: 'row' }),
                  },
                  shown(cell, i, doubts[r]),
                ),
              ),
            ),
          ),
        ),
      ),
    ),
    doubts.includes(true) &&
      h('p', { class: 'dim' }, 'Dim and in parentheses: the first-order theory does not hold there.'),
  );
}

/** Columns of numbers that mean nothing where the first-order theory does not hold. */
const theoretical: ReadonlySet<string> = new Set(['κ_eff', 'h·κ']);

/** The row says of itself that the theory does not hold there. */
function isDoubtful(columns: readonly string[], row: ResultTable['rows'][number]): boolean {
  const [valid, selfCheck] = ['valid', 'self-check'].map((name) => row[columns.indexOf(name)]);
  if (typeof valid !== 'string' || typeof selfCheck !== 'number') return false;
  return !isBelievable({ validShare: Number.parseFloat(valid) / 100, selfCheck });
}

/** A number, a share, or nothing: aligned at the right. */
const isNumeric = (cell: string | number | null): boolean =>
  typeof cell !== 'string' || /^[−-]?[\d.,]+(e[−-]?\d+)?( %)?$|^–$/.test(cell);

function settings({ parameters, tool }: ExperimentHeader): HTMLElement {
  const text = (value: ParameterValue) => (Array.isArray(value) ? value.map(setting).join(', ') : setting(value));
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return h(
    'details',
    { class: 'settings' },
    h('summary', {}, 'Settings'),
    h('dl', {}, ...entries.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, text(value))])),
    h('p', { class: 'dim' }, tool),
  );
}

function picture({ title, result }: ExperimentHeader): void {
  if (!result) return;
  const { mark, text } = badgeOf(result);
  const content = experimentPng(title, result.sentence, `${mark} ${text}.`, [...charts.values()]);
  host.postMessage({ type: 'picture', content });
}

window.addEventListener('message', ({ data }: MessageEvent<ToExperimentPage>) => receive(data));
onThemeChange(() => {
  for (const chart of charts.values()) chart.draw();
});
const saved = host.getState() as { readonly folder?: unknown } | undefined;
host.postMessage({ type: 'ready', ...(typeof saved?.folder === 'string' && { folder: saved.folder }) });
