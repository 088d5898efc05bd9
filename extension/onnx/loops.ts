import type { GraphBuilder } from './builder.ts';
import { first, listed, nth } from './checked.ts';
import type { Value } from './graph.ts';
import type { ModelGraph, ModelNode } from './model.ts';
import { RefusedUse } from './refusal.ts';
import { type RollableLoop, type RolledLoop, rollLoop } from './rolling.ts';
import { type Item, Sequence } from './sequence.ts';
import { normaliseAxis } from './shapes.ts';
import { numbersOf } from './tensor.ts';

/** Builds a body with values for its inputs; undefined stands for what a blocked node would have computed. */
export type RunBody = (body: ModelGraph, bound: ReadonlyMap<string, Item | undefined>) => readonly (Item | undefined)[];

/** Nodes that all loops of a model may be written out to. */
const mostNodes = 50_000;

/**
 * Builds loops whose number of steps is known: Loop with a constant trip count and a condition that is constant at every
 * step, and Scan, whose sequences have a known length. Long ones become a recurrence where they can, the others are
 * written out.
 */
export class LoopBuilder {
  private nodes = 0;
  private rolling = false;

  /** `faults` collects what is wrong in a body; what an attempt in vain finds is forgotten. */
  constructor(private readonly faults: unknown[]) {}

  /** Loop-1 and later: trip count, condition, carried values → carried values and what each step puts out, joined. */
  loop(b: GraphBuilder, node: ModelNode, items: readonly (Item | undefined)[], runBody: RunBody): (Item | undefined)[] {
    const body = bodyOf(node);
    const count = items[0] === undefined ? Number.POSITIVE_INFINITY : constantOf(items[0], 'its number of steps');
    let goesOn = items[1] === undefined || constantOf(items[1], 'whether it runs') !== 0;
    const rolled = goesOn ? this.rolledLoop(b, body, count, items.slice(2), runBody) : undefined;
    if (rolled) return rolled;
    let carried = items.slice(2);
    const steps: (readonly (Item | undefined)[])[] = [];
    for (let step = 0; step < count && goesOn; step++) {
      this.account(body);
      const outputs = runBody(body, bind(body, [b.scalar('int64', step), b.scalar('bool', 1), ...carried]));
      const [condition] = outputs;
      if (!condition) return [];
      goesOn = constantOf(condition, 'whether it goes on') !== 0;
      carried = outputs.slice(1, 1 + carried.length);
      steps.push(outputs.slice(1 + carried.length));
      if (outputs.includes(undefined)) break;
    }
    const scanned = body.outputs.length - 1 - carried.length;
    if (scanned > 0 && steps.length === 0)
      throw new RefusedUse('it takes no step, so that what it puts out has no shape');
    return [
      ...carried,
      ...listed(scanned, (i) =>
        joined(
          b,
          steps.map((outputs) => outputs[i]),
          0,
        ),
      ),
    ];
  }

  /** Scan-9 and later: initial states, sequences → final states and sequences. */
  scan(
    b: GraphBuilder,
    node: ModelNode,
    opset: number,
    inputs: readonly (Value | undefined)[],
    runBody: RunBody,
  ): (Item | undefined)[] {
    if (opset < 9)
      throw new RefusedUse('sequences with a batch axis (Scan-8) are not supported; export with opset 9 or later');
    const body = bodyOf(node);
    const given = node.attributes.get('num_scan_inputs');
    const sequences = given?.kind === 'int' ? given.value : 0;
    const states = inputs.length - sequences;
    if (sequences < 1 || states < 0) throw new Error(`num_scan_inputs is ${sequences} for ${inputs.length} inputs`);
    const list: ListOf = (name, i) => {
      const found = node.attributes.get(name);
      return found?.kind === 'ints' ? (found.value[i] ?? 0) : 0;
    };
    const rolled = this.rolledScan(b, body, { states, inputs, list }, runBody);
    if (rolled) return rolled;
    const [sequence] = inputs.slice(states);
    if (sequence)
      this.checkTurns(body, nth(sequence.shape, normaliseAxis(list('scan_input_axes', 0), sequence.shape.length)));
    const parts = inputs.slice(states).map((sequence, i) => {
      if (!sequence) throw new Error('a sequence is missing');
      const axis = normaliseAxis(list('scan_input_axes', i), sequence.shape.length);
      const each = partsOf(b, sequence, axis);
      return list('scan_input_directions', i) === 1 ? each.reverse() : each;
    });
    const { length } = first(parts);
    if (parts.some((part) => part.length !== length)) throw new Error('its sequences differ in length');
    if (length === 0) throw new RefusedUse('its sequences are empty');
    let carried: readonly (Item | undefined)[] = inputs.slice(0, states);
    const steps: (readonly (Item | undefined)[])[] = [];
    for (let step = 0; step < length; step++) {
      this.account(body);
      const outputs = runBody(body, bind(body, [...carried, ...parts.map((part) => part[step])]));
      carried = outputs.slice(0, states);
      steps.push(outputs.slice(states));
      if (outputs.includes(undefined)) break;
    }
    const results = first(steps).map((_, i) => {
      const each = steps.map((outputs) => outputs[i]);
      return joined(b, list('scan_output_directions', i) === 1 ? each.reverse() : each, list('scan_output_axes', i));
    });
    return [...carried, ...results];
  }

  /** A Loop as one recurrence; undefined where it is none. */
  private rolledLoop(
    b: GraphBuilder,
    body: ModelGraph,
    turns: number,
    items: readonly (Item | undefined)[],
    runBody: RunBody,
  ): (Item | undefined)[] | undefined {
    const initial = valuesOf(items);
    if (!initial || !Number.isFinite(turns)) return undefined;
    const rolled = this.roll(b, {
      turns,
      carried: initial,
      sequences: [],
      build: (index, carried) => {
        const outputs = valuesOf(runBody(body, bind(body, [index, b.scalar('bool', 1), ...carried])));
        const [condition, ...rest] = outputs ?? [];
        return condition && { condition, carried: rest.slice(0, initial.length), stacked: rest.slice(initial.length) };
      },
    });
    return rolled && [...rolled.carried, ...rolled.stacked];
  }

  /** A Scan as one recurrence; undefined where it is none. */
  private rolledScan(
    b: GraphBuilder,
    body: ModelGraph,
    { states, inputs, list }: { states: number; inputs: readonly (Value | undefined)[]; list: ListOf },
    runBody: RunBody,
  ): (Item | undefined)[] | undefined {
    const given = valuesOf(inputs);
    if (!given) return undefined;
    const sequences = given.slice(states).map((sequence, i) => {
      const first = axisTo(b, sequence, normaliseAxis(list('scan_input_axes', i), sequence.shape.length), 0);
      return list('scan_input_directions', i) === 1 ? backwards(b, first) : first;
    });
    const turns = sequences[0]?.shape[0] ?? 0;
    if (sequences.some(({ shape }) => shape[0] !== turns)) return undefined;
    const rolled = this.roll(b, {
      turns,
      carried: given.slice(0, states),
      sequences,
      build: (_index, carried, slices) => {
        const outputs = valuesOf(runBody(body, bind(body, [...carried, ...slices])));
        return outputs && { carried: outputs.slice(0, states), stacked: outputs.slice(states) };
      },
    });
    if (!rolled) return undefined;
    const results = rolled.stacked.map((value, i) => {
      const ordered = list('scan_output_directions', i) === 1 ? backwards(b, value) : value;
      return axisTo(b, ordered, 0, normaliseAxis(list('scan_output_axes', i), value.shape.length));
    });
    return [...rolled.carried, ...results];
  }

  private roll(b: GraphBuilder, loop: RollableLoop): RolledLoop | undefined {
    // Loops inside a loop that is being rolled are written out.
    if (this.rolling) return undefined;
    const before = this.faults.length;
    this.rolling = true;
    try {
      const rolled = rollLoop(b, loop);
      if (!rolled) this.faults.length = before;
      return rolled;
    } finally {
      this.rolling = false;
    }
  }

  /** Counts the nodes of one more step. Throws where there are too many. */
  private account(body: ModelGraph): void {
    this.checkTurns(body, 1);
    this.nodes += body.nodes.length + 1;
  }

  /** Throws where so many more steps have too many nodes. */
  private checkTurns(body: ModelGraph, turns: number): void {
    if (this.nodes + turns * (body.nodes.length + 1) > mostNodes)
      throw new RefusedUse(`written out, its steps have more than ${mostNodes} nodes, which is not supported`);
  }
}

/** The number at place i of an attribute that is a list. */
type ListOf = (name: string, i: number) => number;

/** The values that items are; undefined where one is missing or a sequence. */
function valuesOf(items: readonly (Item | undefined)[]): Value[] | undefined {
  const values = items.flatMap((item) => (item && !(item instanceof Sequence) ? [item] : []));
  return values.length === items.length ? values : undefined;
}

/** A value with an axis moved to another place. */
function axisTo(b: GraphBuilder, value: Value, from: number, to: number): Value {
  const rest = value.shape.map((_, i) => i).filter((i) => i !== from);
  return b.transpose(value, rest.toSpliced(to, 0, from));
}

/** The slices of a sequence from the last to the first. */
const backwards = (b: GraphBuilder, sequence: Value): Value =>
  b.slice(sequence, { starts: [-1], ends: [Number.NEGATIVE_INFINITY], axes: [0], steps: [-1] });

/** What lies at each index of an axis, without that axis. Parts of constants are constants. */
function partsOf(b: GraphBuilder, sequence: Value, axis: number): Value[] {
  const length = nth(sequence.shape, axis);
  const parts = sequence.constant
    ? listed(length, (i) => b.slice(sequence, { starts: [i], ends: [i + 1], axes: [axis] }))
    : b.split(
        sequence,
        listed(length, () => 1),
        axis,
      );
  return parts.map((part) => b.reshape(part, sequence.shape.toSpliced(axis, 1)));
}

function bodyOf(node: ModelNode): ModelGraph {
  const body = node.attributes.get('body');
  if (body?.kind !== 'graph') throw new Error('its body is missing');
  return body.value;
}

function bind(body: ModelGraph, items: readonly (Item | undefined)[]): Map<string, Item | undefined> {
  if (body.inputs.length !== items.length)
    throw new Error(`its body takes ${body.inputs.length} inputs, but ${items.length} are given`);
  return new Map(body.inputs.map(({ name }, i) => [name, items[i]]));
}

/** The number in a constant of one element. */
function constantOf(item: Item, what: string): number {
  const constant = item instanceof Sequence ? undefined : item.constant;
  if (!constant) throw new RefusedUse(`${what} depends on data; export the model with a fixed number of steps`);
  return first(numbersOf(constant));
}

/** The outputs of all steps along a new axis; undefined where one is missing. */
function joined(b: GraphBuilder, each: readonly (Item | undefined)[], axis: number): Value | undefined {
  const values = each.flatMap((item) => (item && !(item instanceof Sequence) ? [item] : []));
  if (values.length < each.length) return undefined;
  const at = normaliseAxis(axis, first(values).shape.length + 1);
  return b.concat(
    values.map((value) => b.reshape(value, value.shape.toSpliced(at, 0, 1))),
    at,
  );
}
