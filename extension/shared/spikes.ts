import { finePercent, number, percent } from './format.ts';
import type { StepLine } from './protocol.ts';

/** A loss this many times the lowest before it counts as a spike. */
const factor = 1.5;

export interface Spike {
  /** Where the loss is highest. */
  readonly step: number;
  readonly loss: number;
  /** The lowest before. */
  readonly from: number;
}

/** The spikes of a loss: stretches above 1.5 times the lowest loss before them, that of the start aside. */
export function spikesOf(steps: readonly Pick<StepLine, 'step' | 'loss'>[]): Spike[] {
  const found: Spike[] = [];
  let lowest = steps[0]?.loss ?? Number.POSITIVE_INFINITY;
  let fallen = false;
  let open: Spike | undefined;
  for (const { step, loss } of steps) {
    if (loss === null) continue;
    // A loss that grows from the very beginning diverges; it has no level to spike from.
    if (fallen && lowest > 0 && loss > factor * lowest) {
      if (!open || loss > open.loss) open = { step, loss, from: lowest };
      continue;
    }
    if (open) found.push(open);
    open = undefined;
    if (loss < lowest) {
      fallen = true;
      lowest = loss;
    }
  }
  return open ? [...found, open] : found;
}

/** What precedes spikes at the last line that has it, and the spikes that there were; undefined where neither is known. */
export function spikeText(steps: readonly StepLine[]): string | undefined {
  const signs = steps.findLast(({ gradientCurvature }) => typeof gradientCurvature === 'number');
  const spikes = spikesOf(steps);
  const [first] = spikes;
  const highest = spikes.reduce<Spike | undefined>(
    (a, b) => (a && a.loss / a.from >= b.loss / b.from ? a : b),
    undefined,
  );
  const told =
    first &&
    highest &&
    `The loss spiked ${spikes.length === 1 ? `at step ${first.step}` : `${spikes.length} times, first at step ${first.step}, highest at step ${highest.step}`}: ${number(highest.from)} → ${number(highest.loss)}.`;
  const before =
    signs &&
    `At step ${signs.step} the curvature along the gradient is ${finePercent(signs.gradientCurvature)} of the 2/h from which on steps along it raise the loss; v̂ is above 10 g² for ${percent(signs.staleShare)} of the parameters.`;
  return [told, before].filter(Boolean).join(' ') || undefined;
}
