import { type Child, h, set } from '../dom.ts';
import type { Model } from '../state.ts';
import { button } from '../toolkit.ts';
import type { Actions } from './view.ts';

/** What stands between the header and the numbers: errors with their remedy, what is stale, and what to know of the model. */
export class Notices {
  readonly element = h('div', { class: 'notices' });
  private shown = '';

  constructor(private readonly actions: Actions) {}

  update({ runs: [run], activity, stale }: Model): void {
    const key = JSON.stringify([
      activity.kind === 'failed' && activity,
      stale,
      run?.folder,
      run?.header.status,
      run?.interrupted,
      run?.header.warnings,
    ]);
    if (key === this.shown) return;
    this.shown = key;
    const notices: Child[] = [];
    if (activity.kind === 'failed') {
      const { message, remedy, retry } = activity;
      const again = { cpu: 'Retry on CPU', again: 'Run Again', change: 'Change Settings…' }[retry];
      const action = ({ cpu: 'retryOnCpu', again: 'rerun', change: 'change' } as const)[retry];
      notices.push(
        this.notice('error', message, remedy, [
          button(again, () => this.actions.post({ type: 'do', action }), 'primary'),
          button('Show Log', () => this.actions.post({ type: 'do', action: 'showLog' })),
        ]),
      );
    } else if (run?.header.status === 'failed' && run.header.message) {
      notices.push(this.notice('error', run.header.message, 'What was measured until then is shown.', []));
    } else if (run?.interrupted) {
      notices.push(
        this.notice(
          'warning',
          'The process of this run ended before the run did.',
          'What was measured until then is shown.',
          [],
        ),
      );
    }
    if (run && stale.length > 0 && activity.kind !== 'running') {
      notices.push(
        this.notice('warning', `These numbers are of an earlier state: ${stale.join('; ')}.`, undefined, [
          button('Re-run', () => this.actions.post({ type: 'do', action: 'rerun' })),
        ]),
      );
    }
    if (run && run.header.warnings.length > 0) {
      notices.push(
        h(
          'details',
          { class: 'notice warning' },
          h(
            'summary',
            {},
            `${run.header.warnings.length === 1 ? 'A warning' : `${run.header.warnings.length} warnings`} about the model: ${run.header.warnings.map(({ title }) => title).join('; ')}`,
          ),
          ...run.header.warnings.map(({ title, detail, remedy }) =>
            h('p', {}, h('strong', {}, `${title}. `), `${detail} ${remedy}`),
          ),
        ),
      );
    }
    set(this.element, ...notices);
  }

  private notice(
    kind: 'error' | 'warning',
    message: string,
    remedy: string | undefined,
    buttons: readonly HTMLElement[],
  ): HTMLElement {
    return h(
      'div',
      { class: `notice ${kind}`, role: kind === 'error' ? 'alert' : 'note' },
      h('div', {}, h('p', { class: 'message' }, message), remedy && h('p', { class: 'remedy' }, remedy)),
      buttons.length > 0 && h('div', { class: 'actions' }, ...buttons),
    );
  }
}
