import { render } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { inEditor } from '../extension/shared/editorWords.ts';
import type { ExperimentAction, FromExperimentPage, ToExperimentPage } from '../extension/shared/experimentPanel.ts';
import type { Chart, ExperimentHeader, ExperimentResult, ParameterValue } from '../extension/shared/experiments.ts';
import { badgeOf } from '../extension/shared/experimentVerdict.ts';
import { baseName, setting } from '../extension/shared/format.ts';
import { Figure } from './charts/figure.tsx';
import { onThemeChange } from './charts/theme.ts';
import { DifferenceTable } from './differences.tsx';
import { type DrawnChart, experimentPng } from './experimentPicture.ts';
import { acquireHost } from './host.ts';
import { ResultTables } from './resultTables.tsx';
import { Button } from './toolkit.tsx';
import { Notice } from './views/notices.tsx';

type Show = Extract<ToExperimentPage, { type: 'show' }>;

const host = acquireHost<FromExperimentPage>();
const act = (action: ExperimentAction) => () => host.postMessage({ type: 'do', action });

/** What is shown, and how far the work of this window is. */
let message: Exclude<ToExperimentPage, { type: 'progress' }> | undefined;
let progress = { share: 0, text: '' };

function receive(received: ToExperimentPage): void {
  if (received.type === 'progress') progress = received;
  else {
    const before = message?.type === 'show' ? message.folder : undefined;
    if (received.type === 'failed' || received.folder !== before) progress = { share: 0, text: '' };
    if (received.type === 'show') host.setState({ folder: received.folder });
    message = received;
  }
  draw();
}

const draw = () => render(<App />, document.body);

function App() {
  if (!message) return null;
  if (message.type === 'failed')
    return (
      <Notice kind="error" message={message.message} remedy={message.remedy}>
        <Button run={act('showLog')}>Show Log</Button>
      </Notice>
    );
  return <Page key={message.folder} shown={message} />;
}

function Page({ shown }: { readonly shown: Show }) {
  const { header, work } = shown;
  const { result } = header;
  const charts = (result?.charts ?? []).filter(hasPoints);
  const main = useRef<HTMLElement>(null);
  const finding = useRef<HTMLDivElement>(null);
  const before = document.activeElement;
  useLayoutEffect(() => {
    // What was pressed to start or to stop is gone: its counterpart takes its place.
    if (before && !before.isConnected)
      main.current?.querySelector<HTMLElement>(`${work === 'here' ? '.meter' : '.controls'} vscode-button`)?.focus();
  });
  return (
    <main ref={main} class="experiment">
      <div ref={finding}>
        <Finding shown={shown} />
      </div>
      {work === 'here' && <Meter />}
      <div class="controls">
        <Notices shown={shown} />
        <Actions shown={shown} charts={charts} />
      </div>
      <div class="charts">
        {charts.map((chart) => (
          <Figure key={chart.id} chart={chart} together={false} legend choice />
        ))}
      </div>
      {result && <Tables result={result} />}
      {result && result.notes.length > 0 && (
        <ul class="notes">
          {result.notes.map((note) => (
            <li key={inEditor(note, 'experiment')}>{inEditor(note, 'experiment')}</li>
          ))}
        </ul>
      )}
      <Settings header={header} />
      {/* How far the work is would drown what is said. */}
      <div class="spoken" role="status">
        {work === 'here' ? 'Running' : findingText(shown)}
      </div>
    </main>
  );
}

/** Of a comparison, intervals are drawn in place of the tables that say the same. */
function Tables({ result: { tables, differences } }: { readonly result: ExperimentResult }) {
  if (!differences) return <ResultTables tables={tables} />;
  const [intervals, runs] = tables;
  return (
    <>
      <DifferenceTable title={intervals.title} differences={differences} />
      <ResultTables tables={[runs]} />
    </>
  );
}

const hasPoints = ({ series }: Chart): boolean => series.some(({ style, x }) => style !== 'reference' && x.length > 0);

/** How far the work is, in a bar and in words, and a button that stops it. */
function Meter() {
  return (
    <div class="notice meter">
      <div>
        <p class="message">{progress.text}</p>
        <progress max={1} value={progress.share} aria-label="Progress" />
      </div>
      <div class="actions">
        <Button
          run={() => {
            progress = { ...progress, text: 'Stopping …' };
            draw();
            act('cancel')();
          }}
        >
          Cancel
        </Button>
      </div>
    </div>
  );
}

function Notices({ shown: { header, work, resumable } }: { readonly shown: Show }) {
  const { status, message: reason } = header;
  return (
    <>
      {work === 'elsewhere' && (
        <div class="notice">
          <p>Another process works on this. Open it again to see more of it.</p>
        </div>
      )}
      {work === 'ended' && status === 'failed' && (
        <Notice kind="error" message={reason === undefined ? 'No reason is known.' : inEditor(reason, 'experiment')}>
          <Button run={act('showLog')}>Show Log</Button>
        </Notice>
      )}
      {resumable && (
        <Notice kind="warning" message={missingText(header)}>
          <Button appearance="primary" run={act('resume')}>
            Resume
          </Button>
        </Notice>
      )}
    </>
  );
}

function Actions({ shown, charts }: { readonly shown: Show; readonly charts: readonly Chart[] }) {
  const { header, work, runs, folder } = shown;
  const { result, title, figure, started } = header;
  return (
    <div>
      <div class="head-row">
        <div class="subject">
          <strong>{title}</strong>
          <span class="dim">
            {' '}
            · {figure} · {started.slice(0, 10)} · {baseName(folder)}
          </span>
        </div>
        <div class="actions">
          {runs > 1 && <Button run={act('compareRuns')}>Compare Runs</Button>}
          {result && charts.length > 0 && <Button run={() => picture(header, charts)}>Save Picture…</Button>}
          {result && <Button run={act('exportCsv')}>Export CSV…</Button>}
          <Button run={act('openFolder')}>Open Folder</Button>
          {work === 'ended' && <Button run={act('runAgain')}>Run Again</Button>}
        </div>
      </div>
      {charts.length > 0 && <p class="dim hint">Drag, or Ctrl and the wheel, to zoom; double click to see all.</p>}
    </div>
  );
}

/** What was found, and the verdict; while points are missing, what there is so far, and no verdict. */
function Finding({ shown }: { readonly shown: Show }) {
  const { result, status } = shown.header;
  const isWhole = result !== undefined && status === 'finished';
  const label = isWhole ? 'Finding' : result ? 'So far' : undefined;
  const badge = isWhole ? badgeOf(result) : undefined;
  return (
    <section class="finding" aria-label={label}>
      <h1>{headline(shown)}</h1>
      {badge && (
        <p class={`verdict ${result?.agreement}`}>
          <span class="mark" aria-hidden="true">
            {badge.mark}
          </span>{' '}
          {badge.text}.
        </p>
      )}
    </section>
  );
}

function headline({ header, work }: Show): string {
  const { result, status } = header;
  if (!result) return work === 'ended' ? stateText(header) : 'Running …';
  return status === 'finished' ? result.sentence : `So far: ${result.sentence}`;
}

function findingText(shown: Show): string {
  const { result, status } = shown.header;
  const badge = result && status === 'finished' ? badgeOf(result) : undefined;
  return headline(shown) + (badge ? ` ${badge.text}.` : '');
}

const missingText = ({ name }: ExperimentHeader): string =>
  name === 'sweep'
    ? 'Some points of this sweep have not been run yet.'
    : name === 'compare'
      ? 'Some runs of this comparison have not been taken yet.'
      : 'It was stopped before it was finished. What it finished is not repeated.';

function stateText({ status }: ExperimentHeader): string {
  if (status === 'failed') return 'The experiment failed.';
  if (status === 'interrupted') return 'The experiment was interrupted before it had a result.';
  return status === 'cancelled' ? 'The experiment was stopped before it had a result.' : 'There is no result yet.';
}

function Settings({ header: { parameters, tool } }: { readonly header: ExperimentHeader }) {
  const text = (value: ParameterValue) => (Array.isArray(value) ? value.map(setting).join(', ') : setting(value));
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null);
  return (
    <details class="settings">
      <summary>Settings</summary>
      <dl>
        {entries.flatMap(([name, value]) => [
          <dt key={`name ${name}`}>{name}</dt>,
          <dd key={`value ${name}`}>{text(value)}</dd>,
        ])}
      </dl>
      <p class="dim">{tool}</p>
    </details>
  );
}

function picture({ title, result }: ExperimentHeader, charts: readonly Chart[]): void {
  if (!result) return;
  const canvases = [...document.querySelectorAll<HTMLCanvasElement>('canvas[data-chart]')];
  const drawn = charts.flatMap((chart): DrawnChart[] => {
    const canvas = canvases.find((each) => each.getAttribute('data-chart') === chart.id);
    return canvas ? [{ chart, canvas }] : [];
  });
  const badge = badgeOf(result);
  const verdict = badge ? `${badge.mark} ${badge.text}.` : '';
  host.postMessage({ type: 'picture', content: experimentPng(title, result.sentence, verdict, drawn) });
}

window.addEventListener('message', ({ data }: MessageEvent<ToExperimentPage>) => receive(data));
onThemeChange(draw);
const saved = host.getState() as { readonly folder?: unknown } | undefined;
host.postMessage({ type: 'ready', ...(typeof saved?.folder === 'string' && { folder: saved.folder }) });
