import { Component, type ComponentChild, render } from 'preact';
import { effectLineOf } from '../extension/shared/effectWords.ts';
import type { ExportFormat, FromPanel, ToPanel } from '../extension/shared/panel.ts';
import { onThemeChange } from './charts/theme.ts';
import { fileName, toCsv, toJson, toMarkdown } from './exports.ts';
import { acquireHost } from './host.ts';
import { lastMeasured } from './measures.ts';
import { toPng } from './picture.ts';
import { firstView, type Model, nothingShown, receive, restoreView, type TabId, type View } from './state.ts';
import { Button, Tabs } from './toolkit.tsx';
import { AboutView } from './views/about.tsx';
import { CompareView } from './views/compare.tsx';
import { CurvesView } from './views/curves.tsx';
import { EdgeView } from './views/edge.tsx';
import { EffectView } from './views/effect.tsx';
import { Header } from './views/header.tsx';
import { Notices } from './views/notices.tsx';
import { Overview } from './views/overview.tsx';
import { ParametersView } from './views/parameters.tsx';
import { RegimesView } from './views/regimes.tsx';
import { TableView } from './views/table.tsx';
import type { Actions, Shown } from './views/view.ts';

/** How often the panel is drawn while a run goes on; less often where drawing takes long, so that keys and clicks come through. */
const drawMilliseconds = 120;

interface Saved {
  readonly folders: readonly string[];
  readonly view: View;
}

const host = acquireHost<FromPanel>();
const saved = host.getState() as Partial<Saved> | undefined;
let model: Model = { ...nothingShown, view: restoreView(saved?.view ?? firstView) };
/** What "About the numbers" was opened for, and the way back. */
let asked: { readonly measure: string; readonly leave: () => void } | undefined;

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
    const from = document.activeElement;
    const leave = () => {
      asked = undefined;
      actions.look({ tab });
      if (from instanceof HTMLElement) from.focus();
    };
    asked = { measure, leave };
    actions.look({ tab: 'about' });
  },
};

const tabs: Readonly<Record<TabId, readonly [title: string, content: (shown: Shown) => ComponentChild]>> = {
  parameters: ['Parameters', (shown) => <ParametersView shown={shown} actions={actions} />],
  effect: ['Effect over loss', (shown) => <EffectView shown={shown} actions={actions} />],
  curves: ['Curves', (shown) => <CurvesView shown={shown} actions={actions} />],
  edge: ['Edge', (shown) => <EdgeView shown={shown} actions={actions} />],
  regimes: ['Regimes', (shown) => <RegimesView shown={shown} actions={actions} />],
  compare: ['Compare', (shown) => <CompareView shown={shown} actions={actions} />],
  table: ['Table', (shown) => <TableView shown={shown} actions={actions} />],
  about: ['About the numbers', () => <AboutView asked={asked?.measure} leave={asked?.leave} />],
};

/** A tab's content is drawn once the tab has come to the front, and while it is there. */
class Tab extends Component<{ readonly isActive: boolean; readonly children: () => ComponentChild }> {
  private seen = false;

  override shouldComponentUpdate({ isActive }: Readonly<{ isActive: boolean }>): boolean {
    return isActive;
  }

  render({ isActive, children }: typeof this.props): ComponentChild {
    this.seen ||= isActive;
    return this.seen ? children() : null;
  }
}

function App() {
  const [run] = model.runs;
  const { activity, view } = model;
  const shown = run && { ...model, run, line: lastMeasured(run.steps), effectLine: effectLineOf(run) };
  return (
    <>
      <Header model={model} actions={actions} save={exportRun} />
      <Notices model={model} actions={actions} />
      {!shown && activity.kind === 'idle' && <Empty />}
      {!shown && (activity.kind === 'running' || activity.kind === 'reading') && <Preparing />}
      <div class="results" hidden={!shown}>
        {shown && <Overview shown={shown} actions={actions} />}
        <Tabs
          views={(Object.keys(tabs) as TabId[]).map((id) => ({
            id,
            title: tabs[id][0],
            content: <Tab isActive={shown !== undefined && id === view.tab}>{() => shown && tabs[id][1](shown)}</Tab>,
          }))}
          active={view.tab}
          show={(id) => actions.look({ tab: id as TabId })}
        />
      </div>
    </>
  );
}

const Empty = () => (
  <section class="empty">
    <h2>No run yet</h2>
    <p>
      A run takes some real full-batch steps of your optimizer on your model, and computes for every parameter what its
      finite steps and its memory do to training.
    </p>
    <p>It needs the model as ONNX, and a file with samples and labels.</p>
    <div class="actions">
      <Button appearance="primary" run={() => actions.post({ type: 'do', action: 'inspect' })}>
        Inspect…
      </Button>
      <Button run={() => actions.post({ type: 'do', action: 'trySample' })}>Try the Sample</Button>
    </div>
  </section>
);

const Preparing = () => (
  <section class="empty">
    <h2>Preparing the run</h2>
    <p>
      Model and data are read, the gradient and the correction are built as one program, and the first steps are taken.
      The numbers appear here as they are measured; large models take a while.
    </p>
  </section>
);

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

const update = () => render(<App />, document.body);

function save(): void {
  host.setState({ folders: model.runs.map(({ folder }) => folder), view: model.view } satisfies Saved);
}

function exportRun(format: ExportFormat): void {
  const [run] = model.runs;
  if (!run) return;
  const charts = () => [...document.querySelectorAll<HTMLCanvasElement>('#view-curves canvas')];
  const content = {
    png: () => toPng(run, model.view, charts()),
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
