import type { ComponentChildren } from 'preact';
import { number, percent } from '../../extension/shared/format.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';
import { capitalised, doubt, sentence, strength } from '../../extension/shared/verdict.ts';
import { type Measure, netMeasure, selfCheckMeasure, strengthMeasure, validMeasure } from '../measures.ts';
import type { Actions, Shown } from './view.ts';

interface Props {
  readonly shown: Shown;
  readonly actions: Actions;
}

/** How strong, where it leads, and whether it can be believed: three tiles and a sentence. */
export function Overview({ shown, actions }: Props) {
  const { run, line, stale } = shown;
  const { header, steps } = run;
  return (
    <section aria-label="Overview" class={stale.length > 0 ? 'stale' : ''}>
      <div class="tiles">
        {line ? (
          <>
            <StrengthTile header={header} line={line} actions={actions} />
            <NetTile line={line} actions={actions} />
            <TrustTile line={line} actions={actions} />
          </>
        ) : (
          header.notApplicable && <Tile big="No first-order correction">{header.notApplicable}</Tile>
        )}
      </div>
      <p class="sentence">{line ? sentence(header, line) : waiting(header, steps[0])}</p>
    </section>
  );
}

function waiting(header: RunHeader, first: StepLine | undefined): string {
  if (header.notApplicable) return sentence(header, first ?? ({ step: 0 } as StepLine));
  return header.status === 'running' ? 'The first step is being measured …' : 'No correction was computed.';
}

function StrengthTile({
  header,
  line,
  actions,
}: {
  readonly header: RunHeader;
  readonly line: StepLine;
  readonly actions: Actions;
}) {
  return (
    <Tile big={capitalised(strength(line.hKappa))} problem={doubt(line)}>
      <p class="caption">
        h·κ over the model, step {line.step} <About measure={strengthMeasure} actions={actions} />
      </p>
      {header.hKappaLimit !== null && <p class="caption">{strength(header.hKappaLimit)} in the limit of many steps</p>}
    </Tile>
  );
}

function NetTile({ line, actions }: { readonly line: StepLine; readonly actions: Actions }) {
  const value = netMeasure.value(line, line);
  const big =
    value === null || value === undefined
      ? 'Net effect unknown'
      : `${percent(value, true)} ${value < 0 ? 'net fall' : 'net rise'} of ‖∇E‖₁`;
  return (
    <Tile big={big} problem={doubt(line)}>
      <p class="caption">
        at equal loss, in units of its base rate <About measure={netMeasure} actions={actions} />
      </p>
      {typeof line.relativeSize === 'number' && (
        <p class="caption">correction {number(line.relativeSize)} of the gradient</p>
      )}
    </Tile>
  );
}

function TrustTile({ line, actions }: { readonly line: StepLine; readonly actions: Actions }) {
  const problem = doubt(line);
  const check =
    line.selfCheck === null || line.selfCheck === undefined
      ? 'self-check not available'
      : `self-check ${number(line.selfCheck)} (${line.selfCheck <= 1 ? 'under 1: it predicts' : 'over 1: it does not predict'} the optimizer)`;
  return (
    <article class={`tile ${problem ? 'doubtful-verdict' : 'trusted'}`}>
      <p class="big">
        <span class="mark" aria-hidden="true">
          {problem ? '⚠ ' : '✓ '}
        </span>
        Theory valid for {percent(line.validShare).replace(' ', '\u00a0')}
      </p>
      <p class="caption">
        of the parameters <About measure={validMeasure} actions={actions} />
      </p>
      <p class="caption">
        {check} <About measure={selfCheckMeasure} actions={actions} />
      </p>
    </article>
  );
}

/** A number with its unit; greyed and with the reason where the theory does not hold. */
function Tile({
  big,
  problem,
  children,
}: {
  readonly big: string;
  readonly problem?: string;
  readonly children: ComponentChildren;
}) {
  // The word of a strength is smaller than its number, so that it stays in one piece in narrow panels.
  const [, word, value] = /^([A-Za-z-]+) ([\d.e−-]+)$/.exec(big) ?? [];
  return (
    <article class={`tile${problem ? ' doubtful' : ''}`}>
      <p class="big">
        {word === undefined ? (
          big
        ) : (
          <>
            <span class="word">{word}</span> {value}
          </>
        )}
      </p>
      {children}
      {problem && (
        <p class="caption reason">
          <span class="mark" aria-hidden="true">
            ⚠{' '}
          </span>
          not reliable at this step size
        </p>
      )}
    </article>
  );
}

function About({ measure: { id, about }, actions }: { readonly measure: Measure; readonly actions: Actions }) {
  return (
    <button
      class="about"
      type="button"
      title={about}
      aria-label={`What is this? ${about}`}
      onClick={() => actions.explain(id)}
    >
      ?
    </button>
  );
}
