import type { ExportFormat, FromPanel, ToPanel } from '../extension/shared/panel.ts';
import { h, set } from './dom.ts';
import { fileName, toCsv, toJson, toMarkdown } from './exports.ts';
import { acquireHost } from './host.ts';
import { lastMeasured } from './measures.ts';
import { toPng } from './picture.ts';
import { firstView, type Model, receive, restoreView, type TabId, type View } from './state.ts';
import { onThemeChange } from './theme.ts';
import { button, tabs } from './toolkit.ts';
import { AboutView } from './views/about.ts';
import { CompareView } from './views/compare.ts';
import { CurvesView } from './views/curves.ts';
import { Header } from './views/header.ts';
import { Notices } from './views/notices.ts';
import { Overview } from './views/overview.ts';
import { ParametersView } from './views/parameters.ts';
import { RegimesView } from './views/regimes.ts';
import { TableView } from './views/table.ts';
import type { Actions, TabView } from './views/view.ts';

/** How often the panel is drawn while a run goes on; less often where drawing takes long, so that keys and clicks come through. */
const drawMilliseconds = 120;

interface Saved {
  readonly folders: readonly string[];
  readonly view: View;
}

const host = acquireHost<FromPanel>();
const saved = host.getState() as Partial<Saved> | undefined;
let model: Model = {
  runs: [],
  activity: { kind: 'idle' },
  stale: [],
  missing: [],
  highlighted: [],
  view: restoreView(saved?.view ?? firstView),
};

const actions: Actions = {
  post: (message) => host.postMessage(message),
  look: (change) => {
    model = { ...model, view: { ...model.view, ...change } };
    save();
    draw();
  },
  select: (tensor, reveal) => {
    actions.look({ selected: tensor });
    if (reveal && tensor !== null) host.postMessage({ type: 'reveal', tensor });
  },
  explain: (measure) => {
    const { tab } = model.view;
    const asked = document.activeElement;
    panels.activate('about');
    views.about.show(measure, () => {
      panels.activate(tab);
      if (asked instanceof HTMLElement) asked.focus();
    });
  },
};

const { view } = model;
const views = {
  parameters: new ParametersView(actions, view.filter),
  curves: new CurvesView(actions, view),
  regimes: new RegimesView(actions),
  compare: new CompareView(actions),
  table: new TableView(actions, view.filter),
  about: new AboutView(),
} satisfies Record<TabId, TabView>;

const titles: Record<TabId, string> = {
  parameters: 'Parameters',
  curves: 'Curves',
  regimes: 'Regimes',
  compare: 'Compare',
  table: 'Table',
  about: 'About the numbers',
};

const panels = tabs(
  (Object.keys(views) as TabId[]).map((id) => ({ id, title: titles[id], element: views[id].element })),
  view.tab,
  (id) => {
    if (id !== model.view.tab) actions.look({ tab: id as TabId });
  },
);
const header = new Header(actions, exportRun);
const notices = new Notices(actions);
const overview = new Overview(actions);
const empty = h(
  'section',
  { class: 'empty' },
  h('h2', {}, 'No run yet'),
  h(
    'p',
    {},
    'A run takes some real full-batch steps of your optimizer on your model, and computes for every parameter what its finite steps and its memory do to training.',
  ),
  h('p', {}, 'It needs the model as ONNX, and a file with samples and labels.'),
  h(
    'div',
    { class: 'actions' },
    button('Inspect…', () => actions.post({ type: 'do', action: 'inspect' }), 'primary'),
    button('Try the Sample', () => actions.post({ type: 'do', action: 'trySample' })),
  ),
);
const waiting = h('section', { class: 'empty' });
const results = h('div', { class: 'results' }, overview.element, panels.element);
set(document.body, header.element, notices.element, empty, waiting, results);

function update(): void {
  const focused = document.activeElement;
  drawAll();
  // A notice whose button was pressed is gone.
  if (focused && !focused.isConnected) header.focus();
}

function drawAll(): void {
  const [run] = model.runs;
  header.update(model);
  notices.update(model);
  empty.hidden = run !== undefined || model.activity.kind !== 'idle';
  results.hidden = run === undefined;
  const preparing = run === undefined && (model.activity.kind === 'running' || model.activity.kind === 'reading');
  waiting.hidden = !preparing;
  if (preparing && !waiting.hasChildNodes()) {
    set(
      waiting,
      h('h2', {}, 'Preparing the run'),
      h(
        'p',
        {},
        'Model and data are read, the gradient and the correction are built as one program, and the first steps are taken. The numbers appear here as they are measured; large models take a while.',
      ),
    );
  }
  if (!run) return;
  const shown = { ...model, run, line: lastMeasured(run.steps) };
  overview.update(shown);
  views[model.view.tab].update(shown);
}

let due: number | undefined;
let drawn = 0;
let pause = drawMilliseconds;

/** Draws soon, and not more often than the eye needs. */
function draw(): void {
  if (due !== undefined) return;
  const wait = model.activity.kind === 'running' ? Math.max(0, drawn + pause - performance.now()) : 0;
  due = window.setTimeout(() => {
    due = undefined;
    const start = performance.now();
    update();
    drawn = performance.now();
    pause = Math.max(drawMilliseconds, 3 * (drawn - start));
  }, wait);
}

function save(): void {
  host.setState({ folders: model.runs.map(({ folder }) => folder), view: model.view } satisfies Saved);
}

function exportRun(format: ExportFormat): void {
  const [run] = model.runs;
  if (!run) return;
  const content = {
    png: () => toPng(run, model.view, views.curves.images),
    csv: () => toCsv(run),
    json: () => toJson(run),
    md: () => toMarkdown(run),
  }[format]();
  host.postMessage({ type: 'export', format, name: fileName(run), content });
}

window.addEventListener('message', ({ data }: MessageEvent<ToPanel>) => {
  model = receive(model, data);
  if (data.type === 'show') save();
  draw();
});
onThemeChange(draw);
update();
host.postMessage({ type: 'ready', folders: saved?.folders ?? [] });
