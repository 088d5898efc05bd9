import type { GraphBuilder } from './builder.ts';
import type { Graph, Value } from './graph.ts';
import type { NodeOf } from './nodeTypes.ts';
import type { Shape } from './tensor.ts';

/** What a turn of a loop gives: new carried values, values that are stacked, and whether to go on (always, if left out). */
export interface LoopTurn {
  readonly carried: readonly Value[];
  readonly stacked?: readonly Value[];
  readonly proceed?: Value;
}
export type LoopBuilder = (body: GraphBuilder, index: Value, carried: readonly Value[]) => LoopTurn;

/** What a loop leaves: the final carried values, and the stacked values of every turn. */
export interface LoopOutputs {
  readonly carried: readonly Value[];
  readonly stacked: readonly Value[];
}

/** A turn of a scan: gets the carried values and the slices of the sequences. */
export type ScanBuilder = (
  body: GraphBuilder,
  carried: readonly Value[],
  slices: readonly Value[],
) => { readonly carried: readonly Value[]; readonly stacked: readonly Value[] };

/** What a recurrence starts from and reads. */
export interface RecurrenceInputs {
  readonly carried: readonly Value[];
  /** [T, …] outside, the slice of one turn inside. */
  readonly sequences: readonly Value[];
  readonly constants: readonly Value[];
}

/** What a turn of a recurrence computes; outside, what is left at its end. */
export interface RecurrenceOutputs {
  readonly carried: readonly Value[];
  readonly stacked: readonly Value[];
  readonly summed: readonly Value[];
}
export type RecurrenceBuilder = (body: GraphBuilder, inputs: RecurrenceInputs) => RecurrenceOutputs;

const bodyOf = (body: GraphBuilder, outputs: readonly Value[]): Graph => ({
  scope: body,
  inputs: body.inputs,
  outputs: outputs.map((value, i) => ({ name: `out_${i}`, value })),
});

/**
 * Runs `build` `count` times (an int64 scalar, at most `maximum`), passing `carried` along. `build` gets the turn index and
 * the carried values inside a new scope; its `proceed` (bool scalar), where given, ends the loop when false.
 */
export function buildLoop(
  b: GraphBuilder,
  count: Value,
  carried: readonly Value[],
  build: LoopBuilder,
  maximum: number,
): LoopOutputs {
  const body = b.inner();
  const index = body.input('turn', 'int64', []);
  body.input('proceed', 'bool', []);
  const inner = carried.map((value, i) => body.input(`carried_${i}`, value.type, value.shape));
  const result = build(body, index, inner);
  const stacked = result.stacked ?? [];
  checkCarried(carried, result.carried);
  const graph = bodyOf(body, [result.proceed ?? b.scalar('bool', 1), ...result.carried, ...stacked]);
  const types = [...carried, ...stacked.map((value) => ({ type: value.type, shape: [maximum, ...value.shape] }))];
  const outputs = b.control('Loop', [count, b.scalar('bool', 1), ...carried], {}, types, graph);
  return { carried: outputs.slice(0, carried.length), stacked: outputs.slice(carried.length) };
}

/**
 * Runs `build` once for each slice of the sequences [T, …], passing `carried` along. Unlike a loop that gathers them, the runtime
 * hands out slices without copying them, and puts what is stacked where it belongs at once.
 */
export function buildScan(
  b: GraphBuilder,
  carried: readonly Value[],
  sequences: readonly Value[],
  build: ScanBuilder,
): LoopOutputs {
  const turns = turnsOf(sequences);
  const body = b.inner();
  const inner = carried.map((value, i) => body.input(`carried_${i}`, value.type, value.shape));
  const slices = sequences.map((value, i) => body.input(`slice_${i}`, value.type, value.shape.slice(1)));
  const result = build(body, inner, slices);
  checkCarried(carried, result.carried);
  const types = [...carried, ...result.stacked.map(({ type, shape }) => ({ type, shape: [turns, ...shape] }))];
  const outputs = b.control(
    'Scan',
    [...carried, ...sequences],
    { num_scan_inputs: sequences.length },
    types,
    bodyOf(body, [...result.carried, ...result.stacked]),
  );
  return { carried: outputs.slice(0, carried.length), stacked: outputs.slice(carried.length) };
}

/** Carried values keep type and shape from turn to turn. Throws an Error where they do not. */
function checkCarried(given: readonly Value[], results: readonly Value[]): void {
  given.forEach((before, i) => {
    const after = results[i];
    if (after?.type !== before.type || String(after.shape) !== String(before.shape)) {
      throw new Error(
        `carried value ${i} changes from ${before.type}[${before.shape}] to ${after ? `${after.type}[${after.shape}]` : 'nothing'}`,
      );
    }
  });
}

/**
 * A recurrence: every turn gets the carried values of the turn before, one slice of each sequence [T, …] and the constants.
 * `build` returns the new carried values, values that are stacked to [T, …], and values that are summed over all turns.
 * The carried values before each turn are stacked, too, from which gradients start.
 */
export function buildRecurrence(
  b: GraphBuilder,
  { carried, sequences, constants }: RecurrenceInputs,
  build: RecurrenceBuilder,
): RecurrenceOutputs & { readonly states: readonly Value[] } {
  const turns = turnsOf(sequences);
  const body = b.root().inner();
  const enter = (kind: string, values: readonly Value[], shapeOf = (shape: Shape) => shape) =>
    values.map((value, i) => body.input(`${kind}_${i}`, value.type, shapeOf(value.shape)));
  const inner = {
    carried: enter('carried', carried),
    sequences: enter('slice', sequences, (shape) => shape.slice(1)),
    constants: enter('constant', constants),
  };
  const result = build(body, inner);
  const stacked = [...result.stacked, ...inner.carried];
  const outputs = [...result.carried, ...stacked, ...result.summed];
  const types = outputs.map(({ type, shape }, i) => {
    const isStacked = i >= carried.length && i < carried.length + stacked.length;
    return { type, shape: isStacked ? [turns, ...shape] : shape };
  });
  const inputs = [...carried, ...sequences, ...constants];
  const attributes = { carried: carried.length, sequences: sequences.length, stacked: stacked.length };
  const values = b.control('Recurrence', inputs, attributes, types, bodyOf(body, outputs), b.scopeOf(inputs));
  const at = carried.length + result.stacked.length;
  return {
    carried: values.slice(0, carried.length),
    stacked: values.slice(carried.length, at),
    states: values.slice(at, at + carried.length),
    summed: values.slice(at + carried.length),
  };
}

/** The number of turns of a recurrence, T of its sequences [T, …]. */
export function turnsOf([first]: readonly Value[]): number {
  const turns = first?.shape[0];
  if (turns === undefined) throw new Error('a recurrence reads no sequence');
  return turns;
}

/** The inputs of a Recurrence, and its outputs: `stacked` ends with the carried values before each turn. */
export function recurrenceParts({ inputs, outputs, attributes }: NodeOf<'Recurrence'>) {
  const { carried, sequences, stacked } = attributes;
  return {
    carried: inputs.slice(0, carried),
    sequences: inputs.slice(carried, carried + sequences),
    constants: inputs.slice(carried + sequences),
    final: outputs.slice(0, carried),
    stacked: outputs.slice(carried, carried + stacked),
    summed: outputs.slice(carried + stacked),
  };
}
