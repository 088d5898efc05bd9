import { h } from '../dom.ts';
import { formula } from '../formula.ts';
import { measures } from '../measures.ts';
import { button } from '../toolkit.ts';
import type { TabView } from './view.ts';

/** Each measure in a sentence, with its formula and its source. */
export class AboutView implements TabView {
  private leave: (() => void) | undefined;
  private readonly back = h(
    'p',
    { hidden: true },
    button('Back to the numbers', () => this.goBack()),
  );
  readonly element = h(
    'div',
    {
      class: 'tab about-text',
      onkeydown: ({ key }: KeyboardEvent) => {
        if (key === 'Escape') this.goBack();
      },
    },
    this.back,
    h(
      'p',
      {},
      'All of this is about full-batch training: gradients of the whole data set. Small batches can reverse what it says.',
    ),
    h(
      'p',
      {},
      'g is the gradient of the loss, D the denominator that the optimizer divides by, u = g/D the direction, H the Hessian, q = Hu the gradient of the norm, h the learning rate. Backward error analysis says that, to first order in h, training follows',
    ),
    formula('θ′_j = − ( g_j + h κ_j q_j ) / D_j'),
    h(
      'dl',
      {},
      ...measures.flatMap(({ id, title, about, formula: text, source }) => [
        h('dt', { id: `about-${id}`, tabindex: '-1' }, title),
        h('dd', {}, h('p', {}, about), formula(text), h('p', { class: 'dim' }, `Source: ${source}.`)),
      ]),
    ),
    h(
      'p',
      { class: 'dim' },
      'On batch sizes: Cattaneo and Shigida, arXiv 2602.01642. On other optimizers: Cattaneo and Shigida, How Memory in Optimization Algorithms Implicitly Modifies the Loss.',
    ),
  );

  update(): void {}

  /** Puts the focus on a measure; `leave` leads back to where it was asked for, with Escape or the button. */
  show(measure: string, leave: () => void): void {
    this.leave = leave;
    this.back.hidden = false;
    const term = this.element.querySelector<HTMLElement>(`[id="about-${CSS.escape(measure)}"]`);
    term?.scrollIntoView({ block: 'start' });
    term?.focus();
  }

  private goBack(): void {
    const { leave } = this;
    this.leave = undefined;
    this.back.hidden = true;
    leave?.();
  }
}
