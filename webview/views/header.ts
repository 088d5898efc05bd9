import { baseName, duration, number, shorten, thousands } from '../../extension/shared/format.ts';
import type { Activity, ExportFormat, PanelRun } from '../../extension/shared/panel.ts';
import { h, set } from '../dom.ts';
import { partText, settingsText } from '../measures.ts';
import type { Model } from '../state.ts';
import { button, progressRing } from '../toolkit.ts';
import type { Actions } from './view.ts';

/** Formats that hold the steps themselves. */
const ofSteps: readonly ExportFormat[] = ['csv', 'json'];
const exportNames: readonly (readonly [ExportFormat, string])[] = [
  ['png', 'Picture (PNG)'],
  ['csv', 'Numbers (CSV)'],
  ['json', 'Run (JSON)'],
  ['md', 'Summary (Markdown)'],
];

/** What was run, what is going on, and what can be done with it. */
export class Header {
  private readonly subject = h('div', { class: 'subject' });
  private readonly activity = h('div', { class: 'activity' });
  /** What is said: the numbers of every step would drown it. */
  private readonly spoken = h('div', { class: 'spoken', role: 'status' });
  private readonly bar = h('progress', { class: 'bar', 'aria-label': 'Progress of the run' }) as HTMLProgressElement;
  private readonly exports: HTMLElement;
  /** How many of the steps an export has. */
  private readonly parts: HTMLElement[] = [];
  private readonly actions: HTMLElement;
  readonly element: HTMLElement;
  private readonly spinner = progressRing();
  private readonly words = h('span', { class: 'words' });
  private readonly stop: HTMLElement;
  private readonly rerun: HTMLElement;

  constructor(actions: Actions, save: (format: ExportFormat) => void) {
    this.stop = button('Stop', () => actions.post({ type: 'do', action: 'stop' }));
    this.rerun = button(
      'Re-run',
      () => actions.post({ type: 'do', action: 'rerun' }),
      'secondary',
      'Run again with the settings as they are now',
    );
    this.exports = h(
      'details',
      { class: 'menu' },
      h('summary', { class: 'menu-button' }, 'Export'),
      h(
        'div',
        { class: 'menu-items' },
        ...exportNames.map(([format, text]) => {
          const item = button(
            text,
            () => {
              (this.exports as HTMLDetailsElement).open = false;
              this.exports.querySelector('summary')?.focus();
              save(format);
            },
            'secondary',
          );
          const part = h('span', {});
          item.append(part);
          if (ofSteps.includes(format)) this.parts.push(part);
          return item;
        }),
      ),
    );
    this.exports.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || !(this.exports as HTMLDetailsElement).open) return;
      (this.exports as HTMLDetailsElement).open = false;
      this.exports.querySelector('summary')?.focus();
    });
    this.exports.addEventListener('focusout', ({ relatedTarget }) => {
      // Without a target, the whole page has lost the focus.
      if (relatedTarget && !this.exports.contains(relatedTarget as Node))
        (this.exports as HTMLDetailsElement).open = false;
    });
    document.addEventListener('pointerdown', (event) => {
      if (!this.exports.contains(event.target as Node)) (this.exports as HTMLDetailsElement).open = false;
    });
    set(this.activity, this.spinner, this.words);
    this.actions = h('div', { class: 'actions' }, this.activity, this.stop, this.rerun, this.exports);
    this.element = h('header', {}, h('div', { class: 'head-row' }, this.subject, this.actions), this.bar, this.spoken);
  }

  /** Puts the focus on what stops the run, or repeats it. */
  focus(): void {
    (this.stop.hidden ? this.rerun : this.stop).focus();
  }

  update({ runs: [run, ...others], activity }: Model): void {
    const running = activity.kind === 'running';
    set(
      this.subject,
      ...(run
        ? subject(run, others.length > 0)
        : [h('strong', {}, running ? shorten(activity.title, 60) : 'Optimizer Bias')]),
    );
    this.words.textContent = run || activity.kind !== 'idle' ? words(activity, run) : '';
    const said =
      activity.kind === 'running' && activity.progress.phase === 'running' ? 'Running' : this.words.textContent;
    if (this.spoken.textContent !== said) this.spoken.textContent = said;
    this.spinner.hidden = !running && activity.kind !== 'reading';
    // Each of the two takes the place of the other, with the focus.
    const focused = document.activeElement === this.stop || document.activeElement === this.rerun;
    this.stop.hidden = !running;
    this.rerun.hidden = !run || running;
    if (focused) this.focus();
    this.exports.hidden = !run?.steps.length;
    const part = partText(run?.steps ?? []);
    for (const element of this.parts) element.textContent = part ? `, ${part}` : '';
    this.bar.hidden = !running;
    if (running) {
      const { step, steps, phase } = activity.progress;
      if (phase === 'running') {
        this.bar.max = Math.max(1, steps);
        this.bar.value = step;
      } else this.bar.removeAttribute('value');
    }
  }
}

/** `compared`: the numbers are those of this run, and others are laid over it. */
function subject(run: PanelRun, compared: boolean): HTMLElement[] {
  const { model, data, device, loss } = run.header;
  const details = [settingsText(run.header), `${thousands(data.samples)} samples`, loss, device.toUpperCase()];
  if (compared) details.push(shorten(run.name, 48));
  return [
    h('strong', { title: model.path }, shorten(baseName(model.path), 60)),
    h('span', { class: 'dim' }, ` · ${details.join(' · ')}`),
  ];
}

function words(activity: Activity, run: PanelRun | undefined): string {
  switch (activity.kind) {
    case 'reading':
      return 'Reading the run …';
    case 'running': {
      const { phase, step, steps, loss, secondsLeft } = activity.progress;
      if (activity.stopping) return 'Stopping…';
      if (phase === 'reading') return 'Reading model and data …';
      if (phase === 'building') return 'Building the program …';
      return `step ${step}/${steps} · loss ${number(loss)}${secondsLeft === undefined ? '' : ` · ${duration(secondsLeft)} left`}`;
    }
    case 'failed':
      return 'Failed';
    case 'idle':
      return run ? outcome(run) : '';
  }
}

function outcome({ header, steps, interrupted }: PanelRun): string {
  const taken = steps.at(-1)?.step ?? 0;
  const when = new Date(header.started).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
  const status = interrupted
    ? 'Interrupted'
    : { running: 'Running elsewhere', finished: 'Finished', cancelled: 'Stopped by you', failed: 'Failed' }[
        header.status
      ];
  return `${status} · ${taken} steps · ${when}`;
}
