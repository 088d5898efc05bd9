import { InspectorError, quoteName } from '../shared/errors.ts';
import type { ExperimentResult, ParameterSpec, ParameterValue } from '../shared/experiments.ts';
import { rangeText, within } from '../shared/range.ts';
import { optionOf } from '../shared/request.ts';
import type { Words } from '../shared/words.ts';

/** What an experiment knows of its surroundings. */
export interface Surroundings {
  /** Directory to which file parameters are relative. */
  readonly directory: string;
  /** Folder of the bundled sample. */
  readonly samples: string;
  readonly threads?: number;
  /** Most parts of a large data set that are summed side by side; of `threads`, if not given. */
  readonly lanes?: number;
  /**
   * Reports the share that is done and lets other messages in; called often, at least every few hundred milliseconds.
   * Throws a `Cancelled` once the user wants the experiment to stop.
   */
  progress(share: number): Promise<void>;
  /**
   * The pieces of work of these names, which do not depend on each other: each as an earlier run of the same experiment in the
   * same folder finished it, else computed and kept. They must be plain data. `found` gets them in their order, as they are
   * there; where only some are wanted, or there are only some, the others are left out, and what follows this call does not
   * happen. What is computed may itself report progress.
   */
  each<T>(
    names: readonly string[],
    compute: (i: number) => Promise<T>,
    found: (value: T, i: number) => void,
  ): Promise<void>;
  /** Shows what there is so far; cheap enough to be called after every part. */
  show(result: ExperimentResult): void;
}

/** Thrown out of an experiment that the user stopped. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

type Specs = Readonly<Record<string, ParameterSpec>>;
export type ValuesOf<P extends Specs> = { readonly [K in keyof P]: P[K]['default'] };

/** One experiment: a file of this folder describes it with one such object, and `registry.ts` lists it. */
export interface Experiment<P extends Specs = Specs> {
  /** Name on the command line. */
  readonly name: string;
  readonly title: string;
  /** The figure, table or theorem of a paper that it reproduces. */
  readonly figure: string;
  /** What it does, in one line. */
  readonly summary: string;
  readonly parameters: P;
  /** Its work is the pieces of one call of `each`, before which it only reads; without this it is a single piece. */
  readonly divided?: boolean;
  run(values: ValuesOf<P>, surroundings: Surroundings): Promise<ExperimentResult>;
}

/** Infers the types of the parameters' values. */
export const defineExperiment = <P extends Specs>(experiment: Experiment<P>): Experiment<P> => experiment;

type Bounds = Pick<ParameterSpec, 'min' | 'max' | 'minExclusive' | 'maxExclusive' | 'whole'>;

export const number = (standard: number, help: Words, bounds: Bounds = {}): ParameterSpec<number> => ({
  kind: 'number',
  default: standard,
  help,
  ...bounds,
});
export const count = (standard: number, help: Words, bounds: Bounds = { min: 1 }): ParameterSpec<number> => ({
  kind: 'count',
  default: standard,
  help,
  ...bounds,
});
export const numbers = (
  standard: readonly number[],
  help: Words,
  bounds: Bounds = {},
): ParameterSpec<readonly number[]> => ({ kind: 'numbers', default: standard, help, ...bounds });
export const choice = <T extends string>(
  standard: T,
  choices: readonly T[],
  help: Words,
): ParameterSpec<string> & { readonly default: T } => ({ kind: 'choice', default: standard, choices, help });
export const switched = (help: Words): ParameterSpec<boolean> => ({ kind: 'switch', default: false, help });
export const file = (help: Words): ParameterSpec<string | undefined> => ({ kind: 'file', default: undefined, help });
export const text = (help: Words): ParameterSpec<string | undefined> => ({ kind: 'text', default: undefined, help });

export { decay, positive } from '../shared/range.ts';

/**
 * The defaults overridden by `given`, checked. Throws an InspectorError that names the parameter, its value and what is
 * allowed.
 */
export function completeParameters<P extends Specs>(
  experiment: Experiment<P>,
  given: Readonly<Record<string, ParameterValue>>,
): ValuesOf<P> {
  const specs = new Map(Object.entries(experiment.parameters));
  for (const [name, value] of Object.entries(given)) {
    const spec = specs.get(name);
    if (!spec)
      throw new InspectorError(
        `The experiment ${experiment.name} has no parameter ${quoteName(name)}.`,
        `It has ${[...specs.keys()].map((key) => optionOf(key)).join(', ')}.`,
      );
    if (value !== undefined) check(optionOf(name), spec, value);
  }
  return Object.fromEntries(
    [...specs].map(([name, spec]) => [name, given[name] ?? spec.default]),
  ) as unknown as ValuesOf<P>;
}

function check(name: string, spec: ParameterSpec, value: NonNullable<ParameterValue>): void {
  const fail = (shown: unknown, remedy: string): never => {
    throw new InspectorError(
      `${name} = ${typeof shown === 'string' ? quoteName(shown) : String(shown)} is not possible.`,
      remedy,
    );
  };
  if (spec.kind === 'choice') {
    if (!spec.choices!.includes(String(value))) fail(value, `Give one of ${spec.choices!.join(', ')}.`);
  } else if (spec.kind === 'switch') {
    if (typeof value !== 'boolean') fail(value, 'Give true or false.');
  } else if (spec.kind === 'file' || spec.kind === 'text') {
    if (typeof value !== 'string') fail(value, 'Give a text.');
  } else {
    const list = spec.kind === 'numbers' ? value : [value];
    if (!Array.isArray(list) || list.length === 0) fail(value, 'Give at least one number.');
    for (const each of list as readonly unknown[]) {
      if (!within(spec, each) || (isWhole(spec) && !Number.isSafeInteger(each)))
        fail(each, `Give ${wanted(spec)}${rangeText(spec)}; the default is ${[spec.default].flat().join(',')}.`);
    }
  }
}

/** What kind of number, for a message. */
const wanted = (spec: ParameterSpec): string =>
  `${spec.kind === 'numbers' ? '' : 'a '}${isWhole(spec) ? 'whole' : 'finite'} number${spec.kind === 'numbers' ? 's' : ''}`;

const isWhole = ({ kind, whole }: ParameterSpec): boolean => kind === 'count' || whole === true;
