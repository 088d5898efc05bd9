import { InspectorError, quoteName } from '../shared/errors.ts';
import { bilinear } from './bilinear/bilinear.ts';
import { closeness } from './closeness/closeness.ts';
import type { Experiment } from './experiment.ts';
import { miniBatch } from './miniBatch/miniBatch.ts';
import { normAndAccuracy } from './normAndAccuracy/normAndAccuracy.ts';
import { oneDimensional } from './oneDimensional/oneDimensional.ts';
import { separable } from './separable/separable.ts';
import { table1 } from './table1/table1.ts';

/** Every experiment, in the order in which they are offered. */
export const experiments: readonly Experiment[] = [
  oneDimensional,
  table1,
  bilinear,
  closeness,
  normAndAccuracy,
  miniBatch,
  separable,
];

/** The experiment of that name; throws an InspectorError that lists the names. */
export function experimentNamed(name: string): Experiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (found) return found;
  throw new InspectorError(
    `There is no experiment ${quoteName(name)}.`,
    `Choose one of ${experiments.map((experiment) => experiment.name).join(', ')}.`,
  );
}
