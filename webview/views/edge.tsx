import { brief, percent } from '../../extension/shared/format.ts';
import type { PanelRun } from '../../extension/shared/panel.ts';
import { spikeText } from '../../extension/shared/spikes.ts';
import { Figure } from '../charts/figure.tsx';
import { RunLegend } from '../charts/swatch.tsx';
import { chartOf } from './curves.tsx';
import { tabClass, type ViewProps } from './view.ts';

const nothing = 'No step of this run was measured at the edge of stability.';

/** How near the steps are to the edge of stability, where a mode of the loss begins to oscillate. */
export function EdgeView({ shown }: ViewProps) {
  const { runs, run } = shown;
  const level = { value: 1, text: 'edge' };
  const spikes = spikeText(run.steps);
  return (
    <div class={tabClass(shown)}>
      <p>{edgeSentence(run)}</p>
      {spikes && <p>{spikes}</p>}
      <RunLegend runs={runs} />
      <div class="charts">
        <Figure
          together
          chart={chartOf(
            'Realized edge ζ',
            runs,
            () =>
              ({ zeta }) =>
                zeta,
            { level },
          )}
          explanation="ζ = 1 + ΔE/(h·g·u): what of the fall of the loss that the gradient promises is lost in a step. Near 0 nothing is, at 1 all of it."
          nothing={nothing}
        />
        <Figure
          together={false}
          chart={chartOf(
            'Sharpness over the threshold',
            runs,
            () =>
              ({ edge }) =>
                edge,
            { level },
          )}
          explanation="The largest eigenvalue of the preconditioned Hessian, divided by the value above which the optimizer is unstable along its eigenvector."
          nothing={nothing}
        />
      </div>
    </div>
  );
}

/** In plain words, at the last lines that have it. */
function edgeSentence({ steps }: PanelRun): string {
  const sharp = steps.findLast(({ edge }) => typeof edge === 'number');
  const realized = steps.findLast(({ zeta }) => typeof zeta === 'number');
  const parts = [
    realized &&
      `At step ${realized.step} a step ${stepWords(realized.zeta!)} (ζ = ${brief(realized.zeta!, 2)}; 1 is the edge).`,
    sharp &&
      `At step ${sharp.step} the sharpest direction is ${sharp.edge! < 1 ? `at ${brief(sharp.edge!, 2)} of the value` : `${brief(sharp.edge!, 2)} times beyond the value`} from which on training oscillates along it.`,
  ];
  return parts.filter(Boolean).join(' ') || nothing;
}

function stepWords(zeta: number): string {
  if (zeta < 0.1) return 'lowers the loss as the gradient says';
  if (zeta < 1) return `gains ${percent(1 - zeta)} of what the gradient says`;
  return 'gains nothing: it is at the edge of stability, or beyond';
}
