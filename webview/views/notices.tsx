import type { ComponentChildren } from 'preact';
import { inEditor, inEditorBriefly } from '../../extension/shared/editorWords.ts';
import { baseName, duration, shorten, tensorLabel, thousands } from '../../extension/shared/format.ts';
import type { PanelAction, ShownFile } from '../../extension/shared/panel.ts';
import type { RunHeader } from '../../extension/shared/protocol.ts';
import { capitalised } from '../../extension/shared/verdict.ts';
import { joinWords } from '../../extension/shared/words.ts';
import { originsText } from '../measures.ts';
import type { Model } from '../state.ts';
import { Button } from '../toolkit.tsx';
import type { Actions } from './view.ts';

/** Most names of tensors in a list. */
const mostNames = 12;
const kept = 'What was measured until then is shown.';

/** What stands between the header and the numbers: errors with their remedy, what is stale, and what to know of the model. */
export function Notices({ model, actions }: { readonly model: Model; readonly actions: Actions }) {
  const { runs, activity, stale, missing } = model;
  const [run] = runs;
  const act = (action: PanelAction) => () => actions.post({ type: 'do', action });
  return (
    <div class="notices">
      {activity.kind === 'failed' ? (
        <Notice
          key="failed"
          kind="error"
          message={activity.message}
          remedy={activity.remedy}
          file={activity.file}
          openFile={act('openFile')}
        >
          {activity.retry === 'cpu' && (
            <Button appearance="primary" run={act('retryOnCpu')}>
              Retry on CPU
            </Button>
          )}
          {activity.retry === 'change' && (
            <Button appearance="primary" run={act('change')}>
              Change Settings…
            </Button>
          )}
          {activity.retry !== 'cpu' && (
            <Button appearance={activity.retry === 'again' ? 'primary' : 'secondary'} run={act('rerun')}>
              Run Again
            </Button>
          )}
          <Button run={act('showLog')}>Show Log</Button>
        </Notice>
      ) : run?.header.status === 'failed' && run.header.message ? (
        <Notice key="failed" kind="error" message={inEditor(run.header.message).replaceAll('\n', ' ')} remedy={kept}>
          <Button run={act('rerun')}>Run Again</Button>
        </Notice>
      ) : (
        run?.interrupted && (
          <Notice
            key="failed"
            kind="warning"
            message="The process of this run ended before the run did."
            remedy={kept}
          />
        )
      )}
      {activity.kind === 'running' && activity.slow && !activity.stopping && (
        <Notice
          key="slow"
          kind="note"
          message={`A step takes ${duration(activity.slow.seconds)}. With the first ${thousands(activity.slow.samples)} samples it would take about 2 s.`}
        >
          <Button run={() => actions.post({ type: 'fewerSamples', samples: activity.slow!.samples })}>
            Use {thousands(activity.slow.samples)} Samples
          </Button>
        </Notice>
      )}
      {missing.map((problem) => (
        <Notice key={`missing ${problem}`} kind="warning" message={inEditor(problem)} />
      ))}
      {run && stale.length > 0 && activity.kind !== 'running' && (
        <Notice key="stale" kind="warning" message={`These numbers are of an earlier state: ${stale.join('; ')}.`}>
          <Button run={act('rerun')}>Re-run</Button>
        </Notice>
      )}
      {run && <Warnings key="warnings" header={run.header} />}
      {run && <Remarks key="remarks" header={run.header} />}
    </div>
  );
}

interface NoticeProps {
  readonly kind: 'error' | 'warning' | 'note';
  readonly message: string;
  readonly remedy?: string;
  /** What the message is about; it stands before it, and opens. */
  readonly file?: ShownFile;
  readonly openFile?: () => void;
  readonly children?: ComponentChildren;
}

/** What has happened, what can be done about it, and the buttons that do it. */
export function Notice({ kind, message, remedy, file, openFile, children }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'note'}>
      <div>
        <p class="message">
          {file && (
            <button type="button" class="link" title={file.path} onClick={openFile}>
              {shorten(baseName(file.path), 80)}
            </button>
          )}
          {message}
        </p>
        {remedy && <p class="remedy">{remedy}</p>}
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

function Warnings({ header: { warnings } }: { readonly header: RunHeader }) {
  if (warnings.length === 0) return null;
  return (
    <details class="notice warning">
      <summary>
        {warnings.length === 1 ? 'A warning' : `${warnings.length} warnings`} about the model:{' '}
        {warnings.map(({ title }) => title).join('; ')}
      </summary>
      {warnings.map(({ code, title, detail, remedy }) => (
        <p key={`${code} ${title}`}>
          <strong>{title}. </strong>
          {inEditor(joinWords([detail, remedy]))}
        </p>
      ))}
    </details>
  );
}

/** What was done to model and data, and what of it was not trained. */
function Remarks({ header }: { readonly header: RunHeader }) {
  const { notes, notTrained } = header;
  const whence = originsText(header);
  if (notes.length === 0 && notTrained.length === 0 && whence === '') return null;
  const shown = notTrained
    .slice(0, mostNames)
    .map(({ name, reason }) => `${tensorLabel(name, 60)} (${inEditorBriefly(reason)})`);
  const more = notTrained.length > mostNames ? ` and ${notTrained.length - mostNames} more` : '';
  const title = [
    notes.length > 0 && `${notes.length} ${notes.length === 1 ? 'remark' : 'remarks'} on model and data`,
    notTrained.length > 0 && `${notTrained.length} ${notTrained.length === 1 ? 'tensor' : 'tensors'} not trained`,
    whence !== '' && 'where the settings come from',
  ];
  return (
    <details class="notice note">
      <summary>{capitalised(title.filter(Boolean).join('; '))}</summary>
      {whence !== '' && <p>{whence}</p>}
      {notes.map((note) => (
        <p key={inEditor(note)}>{inEditor(note)}</p>
      ))}
      {notTrained.length > 0 && (
        <p>
          Not trained: {shown.join(', ')}
          {more}.
        </p>
      )}
    </details>
  );
}
