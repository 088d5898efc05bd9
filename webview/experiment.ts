import { inEditor } from '../extension/shared/editorWords.ts';
import type { ExperimentAction, FromExperimentPage, ToExperimentPage } from '../extension/shared/experimentPanel.ts';
import type { Chart, ExperimentHeader, ParameterValue, ResultTable } from '../extension/shared/experiments.ts';
import { badgeOf } from '../extension/shared/experimentVerdict.ts';
import { baseName, number, setting } from '../extension/shared/format.ts';
import { hedged, isBelievable } from '../extension/shared/verdict.ts';
import { type Child, h, patch, set } from './dom.ts';
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

/** What comes above the progress, between it and the charts, and below them. */
const [top, middle, bottom] = [h('div', {}), h('div', {}), h('div', {})];
const chartList = h('div', { class: 'charts' });
/** What is said: how far the work is would drown it. */
const spoken = h('div', { class: 'spoken', role: 'status' });
const main = h('main', { class: 'experiment' }, top, middle, chartList, bottom, spoken);

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
        h('div', { class: 'actions' }, button('Show Log', act('showLog'))),
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
  show(message);
  for (const chart of charts.values()) chart.draw();
}

const hasPoints = ({ series }: Chart): boolean => series.some(({ style, x }) => style !== 'reference' && x.length > 0);

function clear(): void {
  for (const chart of charts.values()) chart.destroy();
  charts = new Map();
  meter.set(0, '');
}

function show(message: Extract<ToExperimentPage, { type: 'show' }>): void {
  const { header, work } = message;
  if (!main.isConnected) set(document.body, main);
  const focused = document.activeElement;
  if (work !== 'here') meter.element.remove();
  else if (!meter.element.isConnected) top.after(meter.element);
  patch(top, finding(message));
  patch(middle, ...notices(message), actions(message));
  // Charts that stay keep their place, and with it what is being read of them.
  [...charts.values()].forEach(({ element }, i) => {
    if (chartList.children[i] !== element) chartList.insertBefore(element, chartList.children[i] ?? null);
  });
  while (chartList.children.length > charts.size) chartList.lastElementChild?.remove();
  patch(bottom, ...details(header));
  const said = work === 'here' ? 'Running' : (top.textContent ?? '');
  if (spoken.textContent !== said) spoken.textContent = said;
  // What was pressed to start or to stop is gone: its counterpart takes its place.
  if (focused && !focused.isConnected)
    (work === 'here' ? meter.element : middle).querySelector<HTMLElement>('vscode-button')?.focus();
}

function notices({ header, work, resumable }: Extract<ToExperimentPage, { type: 'show' }>): Child[] {
  const { status, message } = header;
  return [
    work === 'elsewhere' &&
      h('div', { class: 'notice' }, h('p', {}, 'Another process works on this. Open it again to see more of it.')),
    work === 'ended' &&
      status === 'failed' &&
      h(
        'div',
        { class: 'notice error', role: 'alert' },
        h(
          'div',
          {},
          h('p', { class: 'message' }, message === undefined ? 'No reason is known.' : inEditor(message, 'experiment')),
        ),
        h('div', { class: 'actions' }, button('Show Log', act('showLog'))),
      ),
    resumable &&
      h(
        'div',
        { class: 'notice warning' },
        h('div', {}, h('p', { class: 'message' }, missingText(header))),
        h('div', { class: 'actions' }, button('Resume', act('resume'), 'primary')),
      ),
  ];
}

function actions({ header, work, runs }: Extract<ToExperimentPage, { type: 'show' }>): Child {
  const { result, title, figure } = header;
  const action = (label: string, run: () => void) => h('div', { 'data-key': label }, button(label, run));
  return h(
    'div',
    { 'data-key': 'actions' },
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
        runs > 1 && action('Compare Runs', act('compareRuns')),
        result && charts.size > 0 && action('Save Picture…', () => picture(header)),
        result && action('Export CSV…', act('exportCsv')),
        action('Open Folder', act('openFolder')),
        work === 'ended' && action('Run Again', act('runAgain')),
      ),
    ),
    charts.size > 0 && h('p', { class: 'dim hint' }, 'Drag, or Ctrl and the wheel, to zoom; double click to see all.'),
  );
}

/** Tables, notes and settings. */
function details(header: ExperimentHeader): Child[] {
  const { result } = header;
  return [
    ...(result?.tables ?? []).filter(({ rows }) => rows.length > 0).map(tableSection),
    result &&
      result.notes.length > 0 &&
      h('ul', { class: 'notes' }, ...result.notes.map((note) => h('li', {}, inEditor(note, 'experiment')))),
    settings(header),
  ];
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

function stateText({ status }: ExperimentHeader): string {
  if (status === 'failed') return 'The experiment failed.';
  return status === 'cancelled' ? 'The experiment was stopped before it had a result.' : 'There is no result yet.';
}

function tableSection({ title, columns, rows }: ResultTable): HTMLElement {
  const numeric = columns.map((_, i) => i > 0 && rows.every((row) => isNumeric(row[i])));
  const side = (i: number) => (numeric[i] ? 'numeric' : '');
  const doubts = rows.map((row) => isDoubtful(columns, row));
  const shown = (cell: string | number | null, i: number, doubtful: boolean) => {
    const text = typeof cell === 'string' ? cell : number(cell);
    return hedged(text, !(doubtful && theoretical.has(columns[i])));
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
