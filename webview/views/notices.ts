import { inEditor, inEditorBriefly } from '../../extension/shared/editorWords.ts';
import { tensorLabel } from '../../extension/shared/format.ts';
import type { RunHeader } from '../../extension/shared/protocol.ts';
import { type Child, h, patch } from '../dom.ts';
import type { Model } from '../state.ts';
import { button } from '../toolkit.ts';
import type { Actions } from './view.ts';

/** Most names of tensors in a list. */
const mostNames = 12;

/** What stands between the header and the numbers: errors with their remedy, what is stale, and what to know of the model. */
export class Notices {
  readonly element = h('div', { class: 'notices' });
  private shown = '';

  constructor(private readonly actions: Actions) {}

  update({ runs: [run], activity, stale, missing }: Model): void {
    const key = JSON.stringify([
      activity.kind === 'failed' && activity,
      stale,
      missing,
      run?.folder,
      run?.header.status,
      run?.interrupted,
      run?.header.warnings,
      run?.header.notes,
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
      notices.push(
        this.notice(
          'error',
          inEditor(run.header.message.replaceAll('\n', ' ')),
          'What was measured until then is shown.',
          [],
        ),
      );
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
    for (const problem of missing) notices.push(this.notice('warning', inEditor(problem), undefined, []));
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
          { class: 'notice warning', 'data-key': 'warnings' },
          h(
            'summary',
            {},
            `${run.header.warnings.length === 1 ? 'A warning' : `${run.header.warnings.length} warnings`} about the model: ${run.header.warnings.map(({ title }) => title).join('; ')}`,
          ),
          ...run.header.warnings.map(({ title, detail, remedy }) =>
            h('p', {}, h('strong', {}, `${title}. `), inEditor(`${detail} ${remedy}`)),
          ),
        ),
      );
    }
    if (run) notices.push(remarks(run.header));
    patch(this.element, ...notices);
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

/** What was done to model and data, and what of it was not trained; false where there is nothing to say. */
function remarks({ notes, notTrained }: RunHeader): Child {
  if (notes.length === 0 && notTrained.length === 0) return false;
  const shown = notTrained
    .slice(0, mostNames)
    .map(({ name, reason }) => `${tensorLabel(name, 60)} (${inEditorBriefly(reason)})`);
  const more = notTrained.length > mostNames ? ` and ${notTrained.length - mostNames} more` : '';
  const title = [
    notes.length > 0 && `${notes.length} ${notes.length === 1 ? 'remark' : 'remarks'} on model and data`,
    notTrained.length > 0 && `${notTrained.length} ${notTrained.length === 1 ? 'tensor' : 'tensors'} not trained`,
  ];
  return h(
    'details',
    { class: 'notice note', 'data-key': 'remarks' },
    h('summary', {}, title.filter(Boolean).join('; ')),
    ...notes.map((note) => h('p', {}, inEditor(note))),
    notTrained.length > 0 && h('p', {}, `Not trained: ${shown.join(', ')}${more}.`),
  );
}
