import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { baseName, duration, number, shorten, thousands } from '../../extension/shared/format.ts';
import type { Activity, ExportFormat, PanelRun } from '../../extension/shared/panel.ts';
import { partText, settingsText } from '../measures.ts';
import type { Model } from '../state.ts';
import { Button, ProgressRing } from '../toolkit.tsx';
import type { Actions } from './view.ts';

/** Formats that hold the steps themselves. */
const ofSteps: readonly ExportFormat[] = ['csv', 'json'];
const exportNames: readonly (readonly [ExportFormat, string])[] = [
  ['png', 'Picture (PNG)'],
  ['csv', 'Numbers (CSV)'],
  ['json', 'Run (JSON)'],
  ['md', 'Summary (Markdown)'],
];

interface HeaderProps {
  readonly model: Model;
  readonly actions: Actions;
  readonly save: (format: ExportFormat) => void;
}

/** What was run, what is going on, and what can be done with it. */
export function Header({ model, actions, save }: HeaderProps) {
  const { runs, activity } = model;
  const [run, ...others] = runs;
  const isRunning = activity.kind === 'running';
  const words = run || activity.kind !== 'idle' ? activityWords(activity, run) : '';
  const bar = useRef<HTMLProgressElement>(null);
  const [stop, rerun] = [useRef<HTMLElement>(null), useRef<HTMLElement>(null)];
  const wasRunning = useRef(isRunning);
  // Each of the two takes the place of the other, with the focus; so it does of a notice whose button was pressed.
  const before = document.activeElement;
  useLayoutEffect(() => {
    const changed = wasRunning.current !== isRunning;
    wasRunning.current = isRunning;
    const focused = before === stop.current || before === rerun.current;
    if ((changed && focused) || (before && !before.isConnected)) (isRunning ? stop : rerun).current?.focus();
  });
  useLayoutEffect(() => {
    if (isRunning && activity.progress.phase === 'running') {
      bar.current!.max = Math.max(1, activity.progress.steps);
      bar.current!.value = activity.progress.step;
    } else bar.current?.removeAttribute('value');
  });
  // The numbers of every step would drown what is said.
  const said = isRunning && activity.progress.phase === 'running' && !activity.stopping ? 'Running' : words;
  return (
    <header>
      <div class="head-row">
        <div class="subject">
          {run ? (
            <Subject run={run} compared={others.length > 0} />
          ) : (
            <strong>{isRunning ? shorten(activity.title, 60) : 'Optimizer Bias'}</strong>
          )}
        </div>
        <div class="actions">
          <div class="activity">
            <ProgressRing hidden={!isRunning && activity.kind !== 'reading'} />
            <span class="words">{words}</span>
          </div>
          <Button element={stop} hidden={!isRunning} run={() => actions.post({ type: 'do', action: 'stop' })}>
            Stop
          </Button>
          <Button
            element={rerun}
            hidden={!run || isRunning}
            title="Run again with the settings as they are now"
            run={() => actions.post({ type: 'do', action: 'rerun' })}
          >
            Re-run
          </Button>
          <ExportMenu run={run} save={save} />
        </div>
      </div>
      <progress ref={bar} class="bar" aria-label="Progress of the run" hidden={!isRunning} />
      <div class="spoken" role="status">
        {said}
      </div>
    </header>
  );
}

function ExportMenu({ run, save }: { readonly run: PanelRun | undefined; readonly save: HeaderProps['save'] }) {
  const menu = useRef<HTMLDetailsElement>(null);
  const summary = useRef<HTMLElement>(null);
  const close = () => {
    if (menu.current) menu.current.open = false;
  };
  useEffect(() => {
    const outside = ({ target }: PointerEvent) => {
      if (!menu.current?.contains(target as Node)) close();
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, []);
  const part = partText(run?.steps ?? []);
  return (
    <details
      ref={menu}
      class="menu"
      hidden={!run?.steps.length}
      onKeyDown={({ key }) => {
        if (key !== 'Escape' || !menu.current?.open) return;
        close();
        summary.current?.focus();
      }}
      onFocusOut={({ relatedTarget }) => {
        // Without a target, the whole page has lost the focus.
        if (relatedTarget && !menu.current?.contains(relatedTarget as Node)) close();
      }}
    >
      <summary ref={summary} class="menu-button">
        Export
      </summary>
      <div class="menu-items">
        {exportNames.map(([format, text]) => (
          <Button
            key={format}
            run={() => {
              close();
              summary.current?.focus();
              save(format);
            }}
          >
            {text}
            {part && ofSteps.includes(format) ? `, ${part}` : ''}
          </Button>
        ))}
      </div>
    </details>
  );
}

/** `compared`: the numbers are those of this run, and others are laid over it. */
function Subject({ run, compared }: { readonly run: PanelRun; readonly compared: boolean }) {
  const { model, data, device, loss } = run.header;
  const details = [settingsText(run.header), `${thousands(data.samples)} samples`, loss, device.toUpperCase()];
  if (compared) details.push(shorten(run.name, 48));
  return (
    <>
      <strong title={model.path}>{shorten(baseName(model.path), 60)}</strong>
      <span class="dim"> · {details.join(' · ')}</span>
    </>
  );
}

function activityWords(activity: Activity, run: PanelRun | undefined): string {
  switch (activity.kind) {
    case 'reading':
      return 'Reading the run …';
    case 'running': {
      const { progress, folder, title, stopping } = activity;
      // Another run is looked at meanwhile.
      const whose = run && folder !== undefined && run.folder !== folder ? `${shorten(title, 40)}: ` : '';
      if (stopping) return `${whose}Stopping…`;
      return whose + progressWords(progress);
    }
    case 'failed':
      return 'Failed';
    case 'idle':
      return run ? outcome(run) : '';
  }
}

function progressWords({
  phase,
  step,
  steps,
  loss,
  secondsLeft,
}: Extract<Activity, { kind: 'running' }>['progress']): string {
  if (phase === 'reading') return 'Reading model and data …';
  if (phase === 'building') return 'Building the program …';
  return `step ${thousands(step)}/${thousands(steps)} · loss ${number(loss)}${secondsLeft === undefined ? '' : ` · ${duration(secondsLeft)} left`}`;
}

function outcome({ header, steps, interrupted }: PanelRun): string {
  const taken = steps.at(-1)?.step ?? 0;
  const when = new Date(header.started).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
  const words = {
    running: 'Running elsewhere',
    finished: 'Finished',
    cancelled: 'Stopped by you',
    failed: 'Failed',
    interrupted: 'Interrupted',
  };
  const status = words[interrupted ? 'interrupted' : header.status];
  return `${status} · ${taken} steps · ${when}`;
}
