import type { GraphBuilder } from '../../onnx/builder.ts';
import { first, listed, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { mostUnrolled } from '../../onnx/rolling.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';
import { quoteName } from '../../shared/errors.ts';
import { elu, hardSigmoid, leakyRelu, softsign, thresholdedRelu } from './activations.ts';

/** A damaged model may announce billions, whose numbers are stored. */
const mostSteps = 1_000_000;

// LSTM, GRU and RNN are unrolled over time, which is static; long ones become a recurrence, since the runtime takes long to
// load many nodes. The products of the input sequence with the weights are one Gemm for all steps; each step then takes one
// Gemm of the state, into which the step's share of the input goes as bias.

type Activation = (x: Value) => Value;

/**
 * The functions that recurrent operators know by name, with the defaults of their parameters where they have any. Capitals make no
 * difference, as to the runtime: PyTorch's older exporter writes "tanh" and "relu".
 */
const functions: Record<
  string,
  { alpha?: number; beta?: number; apply: (b: GraphBuilder, x: Value, alpha: number, beta: number) => Value }
> = {
  Relu: { apply: (b, x) => b.relu(x) },
  Tanh: { apply: (b, x) => b.tanh(x) },
  Sigmoid: { apply: (b, x) => b.sigmoid(x) },
  Affine: { alpha: 1, beta: 0, apply: (b, x, alpha, beta) => b.affine(x, alpha, beta) },
  LeakyRelu: { alpha: 0.01, apply: (b, x, alpha) => leakyRelu(b, x, alpha) },
  ThresholdedRelu: { alpha: 1, apply: (b, x, alpha) => thresholdedRelu(b, x, alpha) },
  ScaledTanh: { alpha: 1, beta: 1, apply: (b, x, alpha, beta) => b.affine(b.tanh(b.affine(x, beta)), alpha) },
  HardSigmoid: { alpha: 0.2, beta: 0.5, apply: (b, x, alpha, beta) => hardSigmoid(b, x, alpha, beta) },
  Elu: { alpha: 1, apply: (b, x, alpha) => elu(b, x, alpha) },
  Softsign: { apply: (b, x) => softsign(b, x) },
  Softplus: { apply: (b, x) => b.softplus(x) },
};

const known = new Map(Object.entries(functions).map(([name, found]) => [name.toLowerCase(), found]));

type RecurrentOp = 'LSTM' | 'GRU' | 'RNN';

/** The activations of all directions in order; parameters are consumed by those functions that have some. */
function activationsOf(
  b: GraphBuilder,
  call: OperatorCall<RecurrentOp>,
  defaults: readonly string[],
  directions: number,
) {
  const { activations, activation_alpha = [], activation_beta = [], clip: limit } = call.attributes;
  const names = activations ?? listed(directions, () => defaults).flat();
  if (names.length !== defaults.length * directions)
    throw new Error(`${names.length} activations given, ${defaults.length * directions} expected`);
  const alphas = activation_alpha.values();
  const betas = activation_beta.values();
  return names.map((name): Activation => {
    const found = known.get(name.toLowerCase());
    if (!found) throw new RefusedUse(`an activation is ${quoteName(name)}, not ${Object.keys(functions).join(', ')}`);
    const alpha = found.alpha === undefined ? 0 : (alphas.next().value ?? found.alpha);
    const beta = found.beta === undefined ? 0 : (betas.next().value ?? found.beta);
    return (x) => {
      const inside = limit === undefined ? x : b.clip(x, b.number(-limit, x), b.number(limit, x));
      return found.apply(b, inside, alpha, beta);
    };
  });
}

/** What a cell of one direction computes with. Gates lie side by side in W, R and the biases. */
interface Cell {
  readonly hidden: number;
  /** The recurrent weights, [gates·H, H] together, as the architecture divides them. */
  readonly recurrence: readonly Value[];
  /** The bias that belongs to the recurrence, [gates·H]. */
  readonly recurrentBias: Value | undefined;
  readonly activations: readonly Activation[];
  /** Peephole weights of an LSTM, [3H]. */
  readonly peepholes: Value | undefined;
}

/** States before and after a step; the first is the output. Undefined stands for zeros. */
type State = readonly (Value | undefined)[];
type Step = (x: Value, state: State) => readonly [shown: Value, ...rest: Value[]];

interface Architecture<Op extends RecurrentOp> {
  readonly gates: number;
  readonly defaults: readonly string[];
  /** The inputs that not all of the operators have: the initial states, and the peephole weights. */
  readonly own: (call: OperatorCall<Op>) => Pick<Cell, 'peepholes'> & { readonly initial: State };
  /** True where the recurrence has a bias apart from that of the input. */
  readonly separateBias: (call: OperatorCall<Op>) => boolean;
  /** Sizes of the pieces into which the recurrent weights are divided, in units of the hidden size. */
  readonly division: (call: OperatorCall<Op>) => readonly number[];
  readonly step: (b: GraphBuilder, call: OperatorCall<Op>, cell: Cell) => Step;
}

/** h·Rᵀ + x, and x alone where h is zero. */
const withRecurrence = (b: GraphBuilder, h: Value | undefined, r: Value, x: Value): Value =>
  h ? b.gemm(h, r, { transB: true, c: x }) : x;

/** Consecutive pieces of the last axis, of sizes in units of the hidden size. */
const pieces = <const Parts extends readonly number[]>(
  b: GraphBuilder,
  x: Value,
  hidden: number,
  ...parts: Parts
): { readonly [K in keyof Parts]: Value } =>
  b.split(x, parts.map((part) => part * hidden) as { readonly [K in keyof Parts]: number }, x.shape.length - 1) as {
    readonly [K in keyof Parts]: Value;
  };

const lstm: Architecture<'LSTM'> = {
  gates: 4,
  defaults: ['Sigmoid', 'Tanh', 'Tanh'],
  own: ({ in: [, , , , , h, c, peepholes] }) => ({ initial: [h, c], peepholes }),
  separateBias: () => false,
  division: () => [4],
  // gates i, o, f, c:   C = f·C₋ + i·c,   H = o·h(C)
  step: (b, call, { hidden, recurrence, activations, peepholes }) => {
    const weights = first(recurrence);
    const [gate, candidate, output] = [nth(activations, 0), nth(activations, 1), nth(activations, 2)];
    const coupled = call.attributes.input_forget === 1;
    const peep = peepholes && pieces(b, peepholes, hidden, 1, 1, 1);
    const looked = (x: Value, c: Value | undefined, weight: Value) => (c ? b.add(x, b.mul(c, weight)) : x);
    /** The gates i, o, f and what the candidate is made of; o is not yet a gate where it looks at the next state. */
    const gates = (sum: Value, c: Value | undefined) => {
      if (peep) {
        const [i, o, f, g] = pieces(b, sum, hidden, 1, 1, 1, 1);
        return [gate(looked(i, c, peep[0])), o, gate(looked(f, c, peep[2])), g] as const;
      }
      const [open, g] = pieces(b, sum, hidden, 3, 1);
      return [...pieces(b, gate(open), hidden, 1, 1, 1), g] as const;
    };
    return (x, [h, c]) => {
      const [i, o, f, g] = gates(withRecurrence(b, h, weights, x), c);
      const added = b.mul(i, candidate(g));
      const kept = c && b.mul(coupled ? b.oneMinus(i) : f, c);
      const next = kept ? b.add(kept, added) : added;
      const shown = peep ? gate(looked(o, next, peep[1])) : o;
      return [b.mul(shown, output(next)), next];
    };
  },
};

const gru: Architecture<'GRU'> = {
  gates: 3,
  defaults: ['Sigmoid', 'Tanh'],
  own: ({ in: [, , , , , h] }) => ({ initial: [h], peepholes: undefined }),
  separateBias: ({ attributes }) => attributes.linear_before_reset === 1,
  division: ({ attributes }) => (attributes.linear_before_reset === 1 ? [3] : [2, 1]),
  // gates z, r, h:   H = h + z·(H₋ − h),   with the reset before or after the recurrent product of the candidate
  step: (b, { attributes }, { hidden, recurrence, recurrentBias, activations }) => {
    const [gate, candidate] = [nth(activations, 0), nth(activations, 1)];
    /** Of h, what the gates and the candidate get, and the gates themselves. */
    const resetAfter = (xGates: Value, xCandidate: Value, h: Value | undefined) => {
      const product = h ? b.gemm(h, first(recurrence), { transB: true, c: recurrentBias }) : recurrentBias;
      const [hGates, hCandidate] = product ? pieces(b, product, hidden, 2, 1) : [];
      const [z, r] = pieces(b, gate(hGates ? b.add(xGates, hGates) : xGates), hidden, 1, 1);
      return { z, proposal: candidate(hCandidate ? b.add(xCandidate, b.mul(r, hCandidate)) : xCandidate) };
    };
    const resetBefore = (xGates: Value, xCandidate: Value, h: Value | undefined) => {
      const [gateRows, candidateRows] = [nth(recurrence, 0), nth(recurrence, 1)];
      const [z, r] = pieces(b, gate(withRecurrence(b, h, gateRows, xGates)), hidden, 1, 1);
      return { z, proposal: candidate(withRecurrence(b, h && b.mul(r, h), candidateRows, xCandidate)) };
    };
    const propose = attributes.linear_before_reset === 1 ? resetAfter : resetBefore;
    return (x, [h]) => {
      const [xGates, xCandidate] = pieces(b, x, hidden, 2, 1);
      const { z, proposal } = propose(xGates, xCandidate, h);
      return [h ? b.add(proposal, b.mul(z, b.sub(h, proposal))) : b.sub(proposal, b.mul(z, proposal))];
    };
  },
};

const rnn: Architecture<'RNN'> = {
  gates: 1,
  defaults: ['Tanh'],
  own: ({ in: [, , , , , h] }) => ({ initial: [h], peepholes: undefined }),
  separateBias: () => false,
  division: () => [1],
  step:
    (b, _call, { recurrence, activations }) =>
    (x, [h]) => [first(activations)(withRecurrence(b, h, first(recurrence), x))],
};

/** The part of a value that belongs to one direction, without the direction axis. */
const ofDirection = (b: GraphBuilder, value: Value, axis: number, direction: number): Value =>
  b.reshape(
    nth(
      b.split(
        value,
        listed(nth(value.shape, axis), () => 1),
        axis,
      ),
      direction,
    ),
    value.shape.filter((_, i) => i !== axis),
  );

/** Refuses an input that is there and has another shape than the definition of the operator gives it. */
function requireShape(name: string, value: Value | undefined, due: Shape): void {
  if (value && String(value.shape) !== String(due))
    throw new Error(`${name} has shape ${showShape(value.shape)}, where ${showShape(due)} is due`);
}

function recurrent<Op extends RecurrentOp>(architecture: Architecture<Op>): Definition<Op> {
  const { gates, defaults, own, separateBias, division, step } = architecture;
  return (b, call) => {
    const [given, w, r, biases, lengths] = call.in;
    const { initial, peepholes } = own(call);
    const { direction, hidden_size, layout } = call.attributes;
    const batchFirst = layout === 1;
    if (given.shape.length !== 3) throw new Error(`X has shape ${showShape(given.shape)}, where three axes are due`);
    const x = batchFirst ? b.transpose(given, [1, 0, 2]) : given;
    const [steps, samples, features] = leading(x.shape, 3);
    if (steps > mostSteps)
      throw new RefusedUse(`sequences of ${steps} steps are not supported, at most ${mostSteps} are`);
    const directions = direction === 'bidirectional' ? 2 : 1;
    const hidden = hidden_size ?? r.shape[2] ?? 0;
    if (String(r.shape) !== String([directions, gates * hidden, hidden]))
      throw new Error(
        `recurrent weights ${showShape(r.shape)} do not fit a hidden size of ${hidden}; ONNX has no projections (proj_size)`,
      );
    const state = batchFirst ? [samples, directions, hidden] : [directions, samples, hidden];
    requireShape('W', w, [directions, gates * hidden, features]);
    requireShape('B', biases, [directions, 2 * gates * hidden]);
    requireShape('sequence_lens', lengths, [samples]);
    requireShape('initial_h', initial[0], state);
    requireShape('initial_c', initial[1], state);
    requireShape('P', peepholes, [directions, 3 * hidden]);
    const flat = b.reshape(x, [steps * samples, features]);
    const stateAxis = batchFirst ? 1 : 0;

    const runs = listed(directions, (d) => {
      const part = (value: Value, axis = 0): Value => ofDirection(b, value, axis, d);
      const bothBiases = biases && part(biases);
      const [inputBias, recurrentBias] = bothBiases
        ? b.split(bothBiases, [gates * hidden, gates * hidden], 0)
        : [undefined, undefined];
      const bias = inputBias && recurrentBias && !separateBias(call) ? b.add(inputBias, recurrentBias) : inputBias;
      const weights = part(r);
      const rows = division(call).map((count) => count * hidden);
      const run: Run = {
        inputs: b.gemm(flat, part(w), { transB: true, c: bias }),
        initial: initial.map((value) => value && part(value, stateAxis)),
        lengths,
        steps,
        samples,
        hidden,
        backward: direction === 'reverse' || d === 1,
        weights: {
          recurrence: b.split(weights, rows, 0),
          recurrentBias: separateBias(call) ? recurrentBias : undefined,
          peepholes: peepholes && part(peepholes),
        },
        step: (scope, cell) => {
          const all = activationsOf(scope, call, defaults, directions);
          const activations = all.slice(d * defaults.length, (d + 1) * defaults.length);
          return step(scope, call, { hidden, activations, ...cell });
        },
      };
      return steps > mostUnrolled ? looped(b, run) : unrolled(b, run);
    });

    // [T, D, N, H], or [N, T, D, H]
    const sequences = runs.map(({ shown }) => b.reshape(shown, [steps, 1, samples, hidden]));
    const sequence = b.concat(sequences, 1);
    const last = initial.map((_, k) =>
      b.concat(
        runs.map(({ state }) => b.reshape(nth(state, k), batchFirst ? [samples, 1, hidden] : [1, samples, hidden])),
        stateAxis,
      ),
    );
    return [batchFirst ? b.transpose(sequence, [2, 0, 1, 3]) : sequence, ...last];
  };
}

/** One direction of a layer. */
interface Run {
  /** What the input adds to the gates, [T·N, gates·H]. */
  readonly inputs: Value;
  readonly initial: State;
  readonly lengths: Value | undefined;
  readonly steps: number;
  readonly samples: number;
  readonly hidden: number;
  readonly backward: boolean;
  readonly weights: Pick<Cell, 'recurrence' | 'recurrentBias' | 'peepholes'>;
  step(scope: GraphBuilder, weights: Run['weights']): Step;
}

/** The outputs of all steps, [T·N, H] or [T, N, H], and the last state. */
interface RunResult {
  readonly shown: Value;
  readonly state: readonly Value[];
}

function unrolled(b: GraphBuilder, run: Run): RunResult {
  const { steps, samples } = run;
  const advance = run.step(b, run.weights);
  const inputs = b.split(
    run.inputs,
    listed(steps, () => samples),
    0,
  );
  const active = stillRunning(b, run);
  const rows =
    active &&
    b
      .split(
        active,
        listed(steps, () => 1),
        0,
      )
      .map((row) => b.reshape(row, [samples, 1]));
  const zero = b.full(run.inputs.type, [samples, run.hidden], 0);
  const order = listed(steps, (i) => (run.backward ? steps - 1 - i : i));
  let state = run.initial;
  const shown: Value[] = [];
  for (const t of order) [shown[t], state] = gated(b, advance(nth(inputs, t), state), state, rows?.[t], zero);
  return { shown: b.concat(shown, 0), state: state.map((value) => value ?? zero) };
}

function looped(b: GraphBuilder, run: Run): RunResult {
  const { steps, samples, hidden, weights } = run;
  const zero = b.full(run.inputs.type, [samples, hidden], 0);
  const active = stillRunning(b, run);
  const order = b.ints(listed(steps, (t) => (run.backward ? steps - 1 - t : t)));
  const inTurn = (sequence: Value) => (run.backward ? b.gather(sequence, order, 0) : sequence);
  const sequence = b.reshape(run.inputs, [steps, samples, nth(run.inputs.shape, 1)]);
  const given = [...weights.recurrence, weights.recurrentBias, weights.peepholes];
  const { carried, stacked } = b.recurrence(
    {
      carried: run.initial.map((state) => state ?? zero),
      sequences: [inTurn(sequence), ...(active ? [inTurn(active)] : [])],
      constants: given.filter((value) => value !== undefined),
    },
    (inner, { carried: state, sequences, constants }) => {
      const [x, running] = [first(sequences), sequences[1]];
      const recurrence = constants.slice(0, weights.recurrence.length);
      const others = constants.slice(weights.recurrence.length);
      const recurrentBias = weights.recurrentBias && others[0];
      const peepholes = weights.peepholes && others.at(-1);
      const advance = run.step(inner, { recurrence, recurrentBias, peepholes });
      const rows = running && inner.reshape(running, [samples, 1]);
      const nothing = inner.zerosLike(first(state));
      const [shown, next] = gated(inner, advance(x, state), state, rows, nothing);
      return { carried: next, stacked: [shown], summed: [] };
    },
  );
  return { shown: inTurn(first(stacked)), state: carried };
}

/** What a step shows and the state after it, where samples that have ended show zeros and keep their state. */
function gated(
  b: GraphBuilder,
  next: ReturnType<Step>,
  state: State,
  running: Value | undefined,
  zero: Value,
): [shown: Value, state: readonly Value[]] {
  if (!running) return [next[0], next];
  return [b.where(running, next[0], zero), next.map((value, k) => b.where(running, value, state[k] ?? zero))];
}

/** For each step, which samples have not ended yet, [T, N]; undefined where all run to the end. */
function stillRunning(b: GraphBuilder, { lengths, steps, samples }: Run): Value | undefined {
  if (!lengths || (lengths.constant && numbersOf(lengths.constant).every((length) => length === steps)))
    return undefined;
  const times = tensorOf(
    'int64',
    [steps, 1],
    listed(steps, (t) => t),
  );
  return b.greater(b.reshape(b.cast(lengths, 'int64'), [1, samples]), b.constant(times));
}

export const recurrentNetworks = {
  LSTM: recurrent(lstm),
  GRU: recurrent(gru),
  RNN: recurrent(rnn),
} satisfies Partial<Definitions>;
