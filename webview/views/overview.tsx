import type { ComponentChildren } from 'preact';
import { effectHeadline, effectSentence, noEffect, oscillationText } from '../../extension/shared/effectWords.ts';
import { number, percent, shorten } from '../../extension/shared/format.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import {
  capitalised,
  decisiveSelfCheck,
  doubt,
  hedged,
  heldAgainst,
  isUnchecked,
  sentence,
  strength,
} from '../../extension/shared/verdict.ts';
import {
  effectMeasure,
  type Measure,
  netMeasure,
  predictedMeasure,
  selfCheckMeasure,
  strengthMeasure,
  validMeasure,
} from '../measures.ts';
import type { Actions, Shown } from './view.ts';

interface Props {
  readonly shown: Shown;
  readonly actions: Actions;
}

/** Comparisons that are told of; all of them are in the Runs view. */
const mostTried = 2;

/** What was measured, what the theory says, and whether it holds here: tiles, and the same in sentences. */
export function Overview({ shown, actions }: Props) {
  const { run, effectLine, stale, tried } = shown;
  const line = shown.line && heldAgainst(shown.line, effectLine);
  const { header, steps } = run;
  const measured = effectSentence(header, effectLine);
  const { differs = [] } = header.request;
  return (
    <section aria-label="Overview" class={stale.length > 0 ? 'stale' : ''}>
      <div class="tiles">
        <EffectTile shown={shown} actions={actions} />
        {header.notApplicable ? (
          <Tile big="No first-order correction">
            <p class="caption">{header.notApplicable}</p>
          </Tile>
        ) : (
          line && (
            <>
              <TheoryTile shown={shown} line={line} actions={actions} />
              <TrustTile line={line} actions={actions} />
            </>
          )
        )}
      </div>
      {measured && <p class="sentence measured">{measured}</p>}
      <p class="sentence">
        {line || header.notApplicable
          ? sentence(header, line ?? steps[0] ?? ({ step: 0 } as StepLine))
          : header.status === 'running'
            ? 'The first step is being measured …'
            : 'No correction was computed.'}
      </p>
      {tried.slice(0, mostTried).map((text) => (
        <p key={text} class="sentence tried">
          {shorten(text, 1000)}
        </p>
      ))}
      {differs.length > 0 && (
        <p class="sentence dim differs">
          Differs from your training: {differs.map((each) => shorten(each, 120)).join(' · ')}
        </p>
      )}
    </section>
  );
}

/** The measured effect, or why there is none. */
function EffectTile({ shown: { run, effectLine }, actions }: Props) {
  const { header } = run;
  const { reference } = header;
  const headline = effectHeadline(header, effectLine);
  if (!reference || reference.kind === 'none') return null;
  if (headline === undefined || !reference.converged)
    return (
      <Tile big="Effect not measured">
        <p class="caption">
          {noEffect(header, effectLine) ?? 'The reference has not come as far yet.'}{' '}
          <About measure={effectMeasure} actions={actions} />
        </p>
      </Tile>
    );
  const oscillation = effectLine && oscillationText(effectLine);
  const sofar = header.effect === undefined && typeof effectLine?.loss === 'number';
  return (
    <Tile big={`${headline} measured`}>
      <p class="caption">
        gradient norm at equal loss, against {shorten(reference.label, 40)}{' '}
        <About measure={effectMeasure} actions={actions} />
      </p>
      {sofar && <p class="caption">so far, at loss {number(effectLine.loss)}</p>}
      {oscillation && <p class="caption">{oscillation}</p>}
    </Tile>
  );
}

/** What the theory says: in the long run, at the step that is shown, and for the quantity that is measured. */
function TheoryTile({ shown: { run, effectLine }, line, actions }: Props & { readonly line: StepLine }) {
  const { hKappaLimit } = run.header;
  const problem = doubt(line);
  const predicted = effectLine?.effectPredicted;
  const net = netMeasure.value(line, line);
  const hasPrediction = typeof predicted === 'number';
  return (
    <Tile
      big={hKappaLimit === null ? capitalised(strength(line.hKappa)) : `Theory: ${strength(hKappaLimit)}`}
      problem={problem}
    >
      {hKappaLimit !== null && <p class="caption">in the long run</p>}
      <p class="caption">
        at step {line.step}: {strength(line.hKappa)} <About measure={strengthMeasure} actions={actions} />
      </p>
      <p class="caption">
        {hasPrediction
          ? `predicted where ${effectMeasure.text(effectLine?.effect)} is measured: `
          : 'net effect on the norm at this step: '}
        {hedged(hasPrediction ? predictedMeasure.text(predicted) : netMeasure.text(net), !problem)}{' '}
        <About measure={hasPrediction ? predictedMeasure : netMeasure} actions={actions} />
      </p>
    </Tile>
  );
}

function TrustTile({ line, actions }: { readonly line: StepLine; readonly actions: Actions }) {
  const problem = doubt(line);
  const value = decisiveSelfCheck(line);
  const check =
    value === null
      ? 'nothing to check it by'
      : `self-check ${number(value)}: ${value < 1 ? `of what the memory does to the steps ${percent(value)} is unexplained` : 'what the memory does to the steps is unexplained'}`;
  return (
    <article class={`tile ${problem ? 'doubtful-verdict' : 'trusted'}`}>
      <p class="big">
        <span class="mark" aria-hidden="true">
          {problem ? '⚠ ' : '✓ '}
        </span>
        {!problem
          ? 'The theory holds here'
          : isUnchecked(line)
            ? 'Not known whether the theory holds'
            : 'The theory does not hold here'}
      </p>
      <p class="caption">
        {check} <About measure={selfCheckMeasure} actions={actions} />
      </p>
      <p class="caption">
        small changes of the gradient for {percent(line.validShare).replace(' ', '\u00a0')} of the parameters{' '}
        <About measure={validMeasure} actions={actions} />
      </p>
    </article>
  );
}

interface TileProps {
  readonly big: string;
  readonly problem?: string;
  readonly children: ComponentChildren;
}

/** A number with its unit; greyed and with the reason where the theory does not hold. */
function Tile({ big, problem, children }: TileProps) {
  return (
    <article class={`tile${problem ? ' doubtful' : ''}`}>
      <p class="big">{big}</p>
      {children}
      {problem && (
        <p class="caption reason">
          <span class="mark" aria-hidden="true">
            ⚠{' '}
          </span>
          not reliable here
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
