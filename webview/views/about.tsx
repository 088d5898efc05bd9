import { useLayoutEffect, useRef } from 'preact/hooks';
import { Formula } from '../formula.tsx';
import { measures } from '../measures.ts';
import { Button } from '../toolkit.tsx';

interface AboutProps {
  /** The measure that is asked about. */
  readonly asked: string | undefined;
  /** Leads back to where it was asked for; with Escape, or the button. */
  readonly leave: (() => void) | undefined;
}

/** Each measure in a sentence, with its formula and its source. */
export function AboutView({ asked, leave }: AboutProps) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (asked === undefined) return;
    const term = element.current?.querySelector<HTMLElement>(`[id="about-${CSS.escape(asked)}"]`);
    // The tab comes to the front a moment later.
    const frame = requestAnimationFrame(() => {
      term?.scrollIntoView({ block: 'start' });
      term?.focus();
    });
    return () => cancelAnimationFrame(frame);
  }, [asked]);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape leads back from anywhere in the text
    <div
      ref={element}
      class="tab about-text"
      onKeyDown={({ key }) => {
        if (key === 'Escape') leave?.();
      }}
    >
      <p hidden={!leave}>
        <Button run={() => leave?.()}>Back to the numbers</Button>
      </p>
      <p>
        All of this is about full-batch training: gradients of the whole data set. Small batches can reverse what it
        says.
      </p>
      <p>
        g is the gradient of the loss, D the denominator that the optimizer divides by, u = g/D the direction, H the
        Hessian, q = Hu the gradient of the norm, h the learning rate. Backward error analysis says that, to first order
        in h, training follows
      </p>
      <Formula text="θ′_j = − ( g_j + h κ_j q_j ) / D_j" />
      <dl>
        {measures.map(({ id, title, about, formula, source }) => (
          <Entry key={id} id={id} title={title} about={about} formula={formula} source={source} />
        ))}
      </dl>
      <p class="dim">
        On batch sizes: Cattaneo and Shigida, arXiv 2602.01642. On other optimizers: Cattaneo and Shigida, How Memory in
        Optimization Algorithms Implicitly Modifies the Loss.
      </p>
    </div>
  );
}

function Entry({
  id,
  title,
  about,
  formula,
  source,
}: Pick<(typeof measures)[number], 'id' | 'title' | 'about' | 'formula' | 'source'>) {
  return (
    <>
      <dt id={`about-${id}`} tabIndex={-1}>
        {title}
      </dt>
      <dd>
        <p>{about}</p>
        <Formula text={formula} />
        <p class="dim">Source: {source}.</p>
      </dd>
    </>
  );
}
