import type { StepLine } from '../../shared/protocol.ts';

/** Most numbers that the panel is handed for one run. */
const mostValues = 400_000;
const fieldsOfTensor = 22;
const fewestSteps = 50;

/** The lines of a run, every n-th where there are too many; the first, the last and the last with a correction stay. */
export function thinned(steps: readonly StepLine[]): readonly StepLine[] {
  const tensors = Object.keys(steps[0]?.tensors ?? {}).length + 1;
  const most = Math.max(fewestSteps, Math.floor(mostValues / (tensors * fieldsOfTensor)));
  if (steps.length <= most) return steps;
  const measured = steps.findLastIndex(({ kappa }) => kappa !== undefined);
  const corrected = steps.flatMap(({ kappa }, i) => (kappa !== undefined ? [i] : []));
  const keep = new Set([0, steps.length - 1, measured]);
  for (const indices of [corrected, [...steps.keys()]]) {
    const stride = Math.max(1, Math.ceil((2 * indices.length) / most));
    for (let i = 0; i < indices.length; i += stride) keep.add(indices[i]);
  }
  return steps.filter((_, i) => keep.has(i));
}
