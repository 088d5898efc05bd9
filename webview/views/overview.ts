import { number, percent } from '../../extension/shared/format.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';
import { capitalised, doubt, sentence, strength } from '../../extension/shared/verdict.ts';
import { type Child, h, patch } from '../dom.ts';
import { netMeasure, selfCheckMeasure, strengthMeasure, validMeasure } from '../measures.ts';
import type { Actions, Shown } from './view.ts';

/** How strong, where it leads, and whether it can be believed: three tiles and a sentence. */
export class Overview {
  private readonly tiles = h('div', { class: 'tiles' });
  private readonly sentence = h('p', { class: 'sentence' });
  readonly element = h('section', { 'aria-label': 'Overview' }, this.tiles, this.sentence);
  private shown = '';

  constructor(private readonly actions: Actions) {}

  update({ run: { header, steps }, line, stale }: Shown): void {
    this.element.classList.toggle('stale', stale.length > 0);
    const key = JSON.stringify([header.started, line?.step, steps.length > 0, line?.hKappa]);
    if (key === this.shown) return;
    this.shown = key;
    if (!line) {
      const waiting = header.notApplicable
        ? sentence(header, steps[0] ?? ({ step: 0 } as StepLine))
        : header.status === 'running'
          ? 'The first step is being measured …'
          : 'No correction was computed.';
      patch(
        this.tiles,
        ...(header.notApplicable ? [this.tile('No first-order correction', header.notApplicable, [], undefined)] : []),
      );
      this.sentence.textContent = waiting;
      return;
    }
    const problem = doubt(line);
    patch(this.tiles, this.strength(header, line, problem), this.net(line, problem), this.trust(line, problem));
    this.sentence.textContent = sentence(header, line);
  }

  private strength(header: RunHeader, line: StepLine, problem: string | undefined): HTMLElement {
    const limit = header.hKappaLimit === null ? [] : [`${strength(header.hKappaLimit)} in the limit of many steps`];
    return this.tile(
      capitalised(strength(line.hKappa)),
      `h·κ over the model, step ${line.step}`,
      limit,
      problem,
      strengthMeasure.id,
    );
  }

  private net(line: StepLine, problem: string | undefined): HTMLElement {
    const value = netMeasure.value(line, line);
    const big =
      value === null || value === undefined
        ? 'Net effect unknown'
        : `${percent(value, true)} ${value < 0 ? 'net fall' : 'net rise'} of ‖∇E‖₁`;
    return this.tile(
      big,
      'at equal loss, in units of its base rate',
      typeof line.relativeSize === 'number' ? [`correction ${number(line.relativeSize)} of the gradient`] : [],
      problem,
      netMeasure.id,
    );
  }

  private trust(line: StepLine, problem: string | undefined): HTMLElement {
    const check =
      line.selfCheck === null || line.selfCheck === undefined
        ? 'self-check not available'
        : `self-check ${number(line.selfCheck)} (${line.selfCheck <= 1 ? 'under 1: it predicts' : 'over 1: it does not predict'} the optimizer)`;
    return h(
      'article',
      { class: `tile ${problem ? 'doubtful-verdict' : 'trusted'}` },
      h(
        'p',
        { class: 'big' },
        h('span', { class: 'mark', 'aria-hidden': 'true' }, problem ? '⚠ ' : '✓ '),
        `Theory valid for ${percent(line.validShare).replace(' ', '\u00a0')}`,
      ),
      h('p', { class: 'caption' }, 'of the parameters ', this.about(validMeasure.id, validMeasure.about)),
      h('p', { class: 'caption' }, `${check} `, this.about(selfCheckMeasure.id, selfCheckMeasure.about)),
    );
  }

  /** A number with its unit; greyed and with the reason where the theory does not hold. */
  private tile(
    big: string,
    caption: string,
    more: readonly string[],
    problem: string | undefined,
    measure?: string,
  ): HTMLElement {
    const explanation = measure === strengthMeasure.id ? strengthMeasure.about : netMeasure.about;
    return h(
      'article',
      { class: `tile${problem ? ' doubtful' : ''}` },
      h('p', { class: 'big' }, ...emphasised(big)),
      h('p', { class: 'caption' }, `${caption} `, measure && this.about(measure, explanation)),
      ...more.map((text) => h('p', { class: 'caption' }, text)),
      problem &&
        h(
          'p',
          { class: 'caption reason' },
          h('span', { class: 'mark', 'aria-hidden': 'true' }, '⚠ '),
          'not reliable at this step size',
        ),
    );
  }

  private about(measure: string, text: string): HTMLElement {
    return h(
      'button',
      {
        class: 'about',
        type: 'button',
        title: text,
        'aria-label': `What is this? ${text}`,
        onclick: () => this.actions.explain(measure),
      },
      '?',
    );
  }
}

/** The word of a strength is smaller than its number, so that it stays in one piece in narrow panels. */
function emphasised(big: string): Child[] {
  const [, word, number] = /^([A-Za-z-]+) ([\d.e−-]+)$/.exec(big) ?? [];
  return word === undefined ? [big] : [h('span', { class: 'word' }, word), ' ', number];
}
