import type { ExperimentResult } from '../shared/experiments.ts';
import type { Experiment, Surroundings, ValuesOf } from './experiment.ts';

/** What an experiment is run in, but for its pieces. */
export type Around = Pick<Surroundings, 'directory' | 'samples' | 'threads' | 'lanes' | 'progress'>;

type Values = ValuesOf<Experiment['parameters']>;

/** Ends an experiment where what was wanted of it is there. */
class Enough extends Error {}

/** An experiment whose work is one piece has the whole as that. */
const whole = ['whole'];

/** Runs an experiment as far as its pieces, and not beyond them. */
async function untilPieces(
  experiment: Experiment,
  values: Values,
  around: Around,
  each: Surroundings['each'],
): Promise<void> {
  try {
    await experiment.run(values, {
      ...around,
      show() {},
      async each(names, compute, found) {
        await each(names, compute, found);
        throw new Enough();
      },
    });
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
  }
}

/** A piece that an experiment needs at several places is computed once. */
const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)];

/** The names of the pieces of an experiment's work. Throws an InspectorError for what does not fit. */
export async function pieceNames(experiment: Experiment, values: Values, around: Around): Promise<readonly string[]> {
  if (!experiment.divided) return whole;
  let found: readonly string[] = [];
  await untilPieces(experiment, values, around, async (names) => {
    found = distinct(names);
  });
  return found;
}

/**
 * Computes some pieces of an experiment's work, one after the other.
 *
 * @param wanted their places among `pieceNames`; asked for before each of them, so that the work can be ended
 */
export async function computePieces(
  experiment: Experiment,
  values: Values,
  around: Around,
  wanted: Iterable<number> | AsyncIterable<number>,
  computed: (value: unknown, i: number) => Promise<void>,
): Promise<void> {
  if (!experiment.divided) {
    for await (const i of wanted) {
      const value = await experiment.run(values, { ...around, show() {}, each: async () => {} });
      await computed(value, i);
    }
    return;
  }
  await untilPieces(experiment, values, around, async (names, compute) => {
    const places = distinct(names).map((name) => names.indexOf(name));
    for await (const i of wanted) await computed(await compute(places[i]), i);
  });
}

/**
 * What an experiment comes to, of its pieces: undefined where none is there, what there is so far where some are missing.
 *
 * @param kept the piece at a place among `pieceNames`; undefined where it is missing
 */
export async function fromPieces(
  experiment: Experiment,
  values: Values,
  around: Around,
  kept: (i: number) => { readonly value: unknown } | undefined,
): Promise<{ readonly result: ExperimentResult | undefined; readonly whole: boolean }> {
  if (!experiment.divided) {
    const found = kept(0);
    return { result: found?.value as ExperimentResult | undefined, whole: found !== undefined };
  }
  let shown: ExperimentResult | undefined;
  try {
    const result = await experiment.run(values, {
      ...around,
      show(result) {
        shown = result;
      },
      async each(names, _compute, found) {
        const once = distinct(names);
        const pieces = names.map((name) => kept(once.indexOf(name)));
        for (const [i, piece] of pieces.entries()) if (piece) found(piece.value as never, i);
        if (pieces.includes(undefined)) throw new Enough();
      },
    });
    return { result, whole: true };
  } catch (error) {
    if (!(error instanceof Enough)) throw error;
    return { result: shown, whole: false };
  }
}
