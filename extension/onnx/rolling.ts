import { GraphBuilder } from './builder.ts';
import { listed, nth, writable, zip } from './checked.ts';
import { evaluateTensors } from './fold.ts';
import { dependencies, type Graph, type Node, nodesReaching, type Value } from './graph.ts';
import { isNode, type NodeOf } from './nodeTypes.ts';
import { RefusedUse } from './refusal.ts';
import { inlined } from './rewrite.ts';
import { sameShape } from './shapes.ts';
import { allocate, elementCount, isFloat, type Tensor, tensorOf } from './tensor.ts';

/** Loops of more turns than this become a recurrence, since the runtime takes long to load many nodes. */
export const mostUnrolled = 64;
/** Turns that are told in advance; a model without bounds on its own would keep the program busy for ever. */
const mostTurns = 50_000;
/** Numbers that are computed for it, all turns together. */
const mostCounting = 1_000_000;

/** A loop as both Loop and Scan describe it. */
export interface RollableLoop {
  /** At most so many turns are made; a condition may end the loop before. */
  readonly turns: number;
  readonly carried: readonly Value[];
  /** [T, …]; every turn gets a slice. */
  readonly sequences: readonly Value[];
  /** Builds a turn from its number and these; undefined where that cannot be built. */
  build(index: Value, carried: readonly Value[], slices: readonly Value[]): Turn | undefined;
}

export interface Turn {
  /** Does another turn follow? Where it is missing, one does. */
  readonly condition?: Value;
  readonly carried: readonly Value[];
  readonly stacked: readonly Value[];
}

/** What is left of a loop: the last carried values, and what its turns put out, [T, …]. */
export type RolledLoop = Pick<Turn, 'carried' | 'stacked'>;

/** A turn that was built from stand-ins. */
interface Draft extends Turn {
  readonly body: GraphBuilder;
  readonly index: Value;
  /** The stand-ins for carried values and slices. */
  readonly before: readonly Value[];
  readonly slices: readonly Value[];
  /** Nodes that take one element of a value from outside, at a place that counters tell. */
  readonly lookups: readonly NodeOf<'Gather'>[];
}

/**
 * A loop as one recurrence, whose body is built once. That is possible where shapes do not change from turn to turn, and
 * counters and conditions depend on each other alone, so that they can be told in advance. Undefined where it is not, or
 * where the loop is so short that it is better written out.
 */
export function rollLoop(b: GraphBuilder, loop: RollableLoop): RolledLoop | undefined {
  if (loop.turns <= mostUnrolled) return undefined;
  return rolledAsItIs(b, loop) ?? rolledAfterFirst(b, loop);
}

function rolledAsItIs(b: GraphBuilder, loop: RollableLoop): RolledLoop | undefined {
  const draft = draftOf(b, loop);
  const told = draft && tellInAdvance(b, loop, draft);
  return draft && told && told.turns > mostUnrolled ? assemble(b, loop, draft, told) : undefined;
}

/** The first turn written out: it may broadcast what it begins with, such as one row of zeros, to shapes that then stay. */
function rolledAfterFirst(b: GraphBuilder, loop: RollableLoop): RolledLoop | undefined {
  const { turns, carried, sequences } = loop;
  const slices = sequences.map((value) => b.reshape(firstOf(b, value, 1), value.shape.slice(1)));
  const first = loop.build(b.scalar('int64', 0), carried, slices);
  const goesOn = first && (!first.condition || Boolean(first.condition.constant?.data[0]));
  if (!goesOn || keepsTypes(first, carried)) return undefined;
  const rest = rolledAsItIs(b, {
    turns: turns - 1,
    carried: first.carried,
    sequences: sequences.map((value) => b.slice(value, { starts: [1], ends: [turns], axes: [0] })),
    build: (index, later, parts) => loop.build(b.add(index, b.scalar('int64', 1)), later, parts),
  });
  const isUniform = rest?.stacked.every(({ shape }, i) => sameShape(shape.slice(1), nth(first.stacked, i).shape));
  if (!rest || !isUniform) return undefined;
  const joined = zip(first.stacked, rest.stacked).map(([one, others]) =>
    b.concat([b.reshape(one, [1, ...one.shape]), others], 0),
  );
  return { carried: rest.carried, stacked: joined };
}

/** Whether a turn leaves what it carries with the types and shapes that it finds. */
const keepsTypes = ({ carried }: Turn, before: readonly Value[]): boolean =>
  carried.every(({ type, shape }, i) => type === before[i]?.type && sameShape(shape, before[i].shape));

function draftOf(b: GraphBuilder, loop: RollableLoop): Draft | undefined {
  const body = new GraphBuilder(b);
  const index = body.input('index', 'int64', []);
  const before = loop.carried.map(({ type, shape }, i) => body.input(`carried_${i}`, type, shape));
  const slices = loop.sequences.map(({ type, shape }, i) => body.input(`slice_${i}`, type, shape.slice(1)));
  const turn = loop.build(index, before, slices);
  if (!turn || !keepsTypes(turn, before)) return undefined;
  const nodes = nodesReaching(
    [...(turn.condition ? [turn.condition] : []), ...turn.carried, ...turn.stacked],
    ofScope(body),
  );
  // A recurrence inside another has no derivative here.
  if (nodes.some((node) => node.body)) return undefined;
  const lookups = nodes.flatMap((node) => {
    if (!isNode(node, 'Gather')) return [];
    const [source, position] = node.inputs;
    return source.scope !== body && position.scope === body && elementCount(position.shape) === 1 ? [node] : [];
  });
  return { ...turn, body, index, before, slices, lookups };
}

const ofScope =
  (scope: GraphBuilder) =>
  (value: Value): boolean =>
    value.scope === scope;

/** What is known of every turn before any is made. */
interface Told {
  readonly turns: number;
  /** The counters, which are the carried values of no floating-point type, before each turn and after the last. */
  readonly counters: readonly (readonly Tensor[])[];
  /** The places of the lookups in each turn. */
  readonly places: readonly (readonly Tensor[])[];
}

const isCounter = ({ type }: Value): boolean => !isFloat(type);

/** Counts through the loop. Undefined where a counter, a condition or a place depends on anything else. */
function tellInAdvance(b: GraphBuilder, loop: RollableLoop, draft: Draft): Told | undefined {
  const { body, index, before, lookups } = draft;
  const places = lookups.map(({ inputs: [, position] }) => position);
  const after = draft.carried.filter(isCounter);
  const wanted = [...(draft.condition ? [draft.condition] : []), ...after, ...places];
  const inputs = [index, ...before.filter(isCounter)];
  const reached = nodesReaching(wanted, ofScope(body)).flatMap(dependencies);
  if ([...wanted, ...reached].some((value) => value.scope === body && !value.node && !inputs.includes(value)))
    return undefined;
  const graph: Graph = { scope: body, inputs, outputs: wanted.map((value) => ({ name: '', value })) };
  const nodes = nodesReaching(wanted, ofScope(body));
  const isEndless = loop.turns > mostTurns && (!draft.condition || Boolean(draft.condition.constant?.data[0]));
  const work =
    1 +
    inputs.concat(nodes.flatMap(({ outputs }) => outputs)).reduce((sum, { shape }) => sum + 1 + elementCount(shape), 0);
  const told: { readonly counters: Tensor[][]; readonly places: Tensor[][] } = { counters: [], places: [] };
  let counters = constants(loop.carried.filter(isCounter));
  for (let turn = 0; turn < loop.turns; turn++) {
    // What nothing ends need not be counted.
    if (turn === mostTurns || (turn > 0 && isEndless))
      throw new RefusedUse(`it takes more than ${mostTurns} turns, which is not supported`);
    if (turn * work > mostCounting)
      throw new RefusedUse(`counting its turns takes more than ${mostCounting} operations, which is not supported`);
    const given: Tensor[] | undefined = counters && [tensorOf('int64', [], [turn]), ...counters];
    const values: Tensor[] | undefined =
      given &&
      (evaluated(nodes, wanted, new Map(zip<readonly [Value, Tensor]>(inputs, given))) ??
        constants(
          inlined(
            b,
            graph,
            given.map((tensor) => b.constant(tensor)),
          ),
        ));
    if (!counters || !values) return undefined;
    told.counters.push(counters);
    const condition = draft.condition && values[0];
    const rest = draft.condition ? values.slice(1) : values;
    counters = rest.slice(0, after.length);
    told.places.push(rest.slice(after.length));
    if (condition && !condition.data[0]) break;
  }
  if (!counters) return undefined;
  return { turns: told.places.length, counters: [...told.counters, counters], places: told.places };
}

/** What nodes of counters make of `known`, without a graph of it; undefined where one is not evaluated so. */
function evaluated(nodes: readonly Node[], wanted: readonly Value[], known: Map<Value, Tensor>): Tensor[] | undefined {
  for (const { opType, inputs, attributes, outputs } of nodes) {
    const tensors = inputs.map((value) => value && (known.get(value) ?? value.constant));
    const [output] = outputs;
    if (!output || outputs.length > 1 || inputs.some((value, i) => value && !tensors[i])) return undefined;
    const tensor = evaluateTensors(opType, tensors, attributes, output);
    if (!tensor) return undefined;
    known.set(output, tensor);
  }
  const results = wanted.map((value) => known.get(value) ?? value.constant);
  return results.every((tensor) => tensor !== undefined) ? results : undefined;
}

/** The tensors that values are; undefined where one depends on data. */
function constants(values: readonly Value[]): Tensor[] | undefined {
  const known = values.flatMap(({ constant }) => (constant ? [constant] : []));
  return known.length === values.length ? known : undefined;
}

function assemble(b: GraphBuilder, loop: RollableLoop, draft: Draft, told: Told): RolledLoop {
  const { body, index, before, slices, lookups } = draft;
  const { turns } = told;
  const found = new Set(lookups.flatMap(({ outputs }) => outputs));
  const states = draft.carried.filter((value) => isFloat(value.type));
  const wanted = [...states, ...draft.stacked];
  const nodes = nodesReaching(wanted, (value) => value.scope === body && !found.has(value));
  const outside = [...wanted, ...nodes.flatMap(dependencies)].filter(
    (value) => value.scope !== body && !value.constant,
  );
  const captured = [...new Set(outside)];
  const own = before.filter((value) => isFloat(value.type));
  const counted = before.filter(isCounter);
  const inputs = [index, ...counted, ...slices, ...lookups.map(({ outputs: [found] }) => found)];
  const graph: Graph = {
    scope: body,
    inputs: [...own, ...inputs, ...captured],
    outputs: wanted.map((value) => ({ name: '', value })),
  };
  const result = b.recurrence(
    {
      carried: loop.carried.filter((value) => isFloat(value.type)),
      sequences: [
        b.ints(listed(turns, (turn) => turn)),
        ...counted.map((_, i) =>
          b.constant(stacked(told.counters.slice(0, turns).map((counters) => nth(counters, i)))),
        ),
        ...loop.sequences.map((value) => (value.shape[0] === turns ? value : firstOf(b, value, turns))),
        ...lookups.map((node, i) => lookedUp(b, node, stacked(told.places.map((places) => nth(places, i))))),
      ],
      constants: captured,
    },
    (inner, { carried, sequences, constants: given }) => {
      const shaped = zip(sequences, inputs).map(([value, { shape }]) => inner.reshape(value, shape));
      const outputs = inlined(inner, graph, [...carried, ...shaped, ...given]);
      return { carried: outputs.slice(0, states.length), stacked: outputs.slice(states.length), summed: [] };
    },
  );
  const finalStates = result.carried.values();
  const finalCounters = nth(told.counters, turns)
    .map((value) => b.constant(value))
    .values();
  return {
    carried: before.map((value) => next(isFloat(value.type) ? finalStates : finalCounters)),
    stacked: result.stacked,
  };
}

/** The next of values of which there is one more. */
function next(values: Iterator<Value, undefined>): Value {
  const { value } = values.next();
  if (!value) throw new RangeError('a loop carries more than it ends with');
  return value;
}

const firstOf = (b: GraphBuilder, value: Value, turns: number): Value =>
  b.slice(value, { starts: [0], ends: [turns], axes: [0] });

/** Tensors of one shape along a new first axis. */
function stacked(tensors: readonly Tensor[]): Tensor {
  const [{ type, shape, data }] = tensors as [Tensor];
  const all = allocate(type, writable(tensors.length * data.length));
  tensors.forEach((tensor, i) => {
    (all as Uint8Array).set(tensor.data as Uint8Array, i * data.length);
  });
  return { type, shape: [tensors.length, ...shape], data: all };
}

/** What a lookup finds in every turn, [T, …]. */
function lookedUp(
  b: GraphBuilder,
  { inputs: [source], attributes: { axis } }: NodeOf<'Gather'>,
  places: Tensor,
): Value {
  const flat = b.reshape(b.constant(places), [elementCount(places.shape)]);
  const taken = b.gather(source, flat, axis);
  const rest = taken.shape.map((_, i) => i).filter((i) => i !== axis);
  return b.transpose(taken, [axis, ...rest]);
}
