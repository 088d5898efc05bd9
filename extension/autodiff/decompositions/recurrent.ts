import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { mostUnrolled } from '../../onnx/rolling.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { numbersOf, type Shape, tensorOf } from '../../onnx/tensor.ts';
import { elu, hardSigmoid, leakyRelu, softsign, thresholdedRelu } from './activations.ts';

// LSTM, GRU and RNN are unrolled over time, which is static; long ones become a recurrence, since the runtime takes long to
// load many nodes. The products of the input sequence with the weights are one Gemm for all steps; each step then takes one
// Gemm of the state, into which the step's share of the input goes as bias.

type Activation = (x: Value) => Value;

/** The functions that recurrent operators know by name, with the defaults of their parameters where they have any. */
const functions: Record<
  string,
  { alpha?: number; beta?: number; apply: (b: GraphBuilder, x: Value, alpha: number, beta: number) => Value }
> = {
  relu: { apply: (b, x) => b.relu(x) },
  tanh: { apply: (b, x) => b.tanh(x) },
  sigmoid: { apply: (b, x) => b.sigmoid(x) },
  affine: { alpha: 1, beta: 0, apply: (b, x, alpha, beta) => b.affine(x, alpha, beta) },
  leakyrelu: { alpha: 0.01, apply: (b, x, alpha) => leakyRelu(b, x, alpha) },
  thresholdedrelu: { alpha: 1, apply: (b, x, alpha) => thresholdedRelu(b, x, alpha) },
  scaledtanh: { alpha: 1, beta: 1, apply: (b, x, alpha, beta) => b.affine(b.tanh(b.affine(x, beta)), alpha) },
  hardsigmoid: { alpha: 0.2, beta: 0.5, apply: (b, x, alpha, beta) => hardSigmoid(b, x, alpha, beta) },
  elu: { alpha: 1, apply: (b, x, alpha) => elu(b, x, alpha) },
  softsign: { apply: (b, x) => softsign(b, x) },
  softplus: { apply: (b, x) => b.softplus(x) },
};

/** The activations of all directions in order; parameters are consumed by those functions that have some. */
function activationsOf(b: GraphBuilder, call: OperatorCall, defaults: readonly string[], directions: number) {
  const names = call.strings('activations', Array.from({ length: directions }, () => defaults).flat());
  if (names.length !== defaults.length * directions)
    throw new Error(`${names.length} activations given, ${defaults.length * directions} expected`);
  const alphas = [...call.floats('activation_alpha', [])];
  const betas = [...call.floats('activation_beta', [])];
  const limit = call.has('clip') ? call.float('clip') : undefined;
  return names.map((name): Activation => {
    const found = Object.hasOwn(functions, name.toLowerCase()) ? functions[name.toLowerCase()] : undefined;
    if (!found) throw new RefusedUse(`activation "${name}" is not known`);
    const alpha = found.alpha === undefined ? 0 : (alphas.shift() ?? found.alpha);
    const beta = found.beta === undefined ? 0 : (betas.shift() ?? found.beta);
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
type Step = (x: Value, state: State) => readonly Value[];

interface Architecture {
  readonly gates: number;
  readonly defaults: readonly string[];
  /** Inputs that give the initial states. */
  readonly initial: readonly number[];
  /** True where the recurrence has a bias apart from that of the input. */
  readonly separateBias: (call: OperatorCall) => boolean;
  /** Sizes of the pieces into which the recurrent weights are divided, in units of the hidden size. */
  readonly division: (call: OperatorCall) => readonly number[];
  readonly step: (b: GraphBuilder, call: OperatorCall, cell: Cell) => Step;
}

/** h·Rᵀ + x, and x alone where h is zero. */
const withRecurrence = (b: GraphBuilder, h: Value | undefined, r: Value, x: Value): Value =>
  h ? b.gemm(h, r, { transB: true, c: x }) : x;

/** Sizes of consecutive pieces of the last axis, in units of the hidden size. */
const pieces = (b: GraphBuilder, x: Value, hidden: number, ...parts: number[]): readonly Value[] =>
  b.split(
    x,
    parts.map((part) => part * hidden),
    x.shape.length - 1,
  );

const lstm: Architecture = {
  gates: 4,
  defaults: ['Sigmoid', 'Tanh', 'Tanh'],
  initial: [5, 6],
  separateBias: () => false,
  division: () => [4],
  // gates i, o, f, c:   C = f·C₋ + i·c,   H = o·h(C)
  step: (b, call, { hidden, recurrence: [weights], activations: [gate, candidate, output], peepholes }) => {
    const coupled = call.int('input_forget', 0) === 1;
    const peep = peepholes && pieces(b, peepholes, hidden, 1, 1, 1);
    const looked = (x: Value, c: Value | undefined, weight: Value) => (c ? b.add(x, b.mul(c, weight)) : x);
    return (x, [h, c]) => {
      const sum = withRecurrence(b, h, weights!, x);
      let [i, o, f, g]: Value[] = [];
      if (peep) {
        [i, o, f, g] = pieces(b, sum, hidden, 1, 1, 1, 1);
        i = gate!(looked(i!, c, peep[0]!));
        f = gate!(looked(f!, c, peep[2]!));
      } else {
        const [gates, rest] = pieces(b, sum, hidden, 3, 1);
        [i, o, f] = pieces(b, gate!(gates!), hidden, 1, 1, 1);
        g = rest;
      }
      const added = b.mul(i!, candidate!(g!));
      const kept = c && b.mul(coupled ? b.oneMinus(i!) : f!, c);
      const next = kept ? b.add(kept, added) : added;
      const shown = peep ? gate!(looked(o!, next, peep[1]!)) : o;
      return [b.mul(shown!, output!(next)), next];
    };
  },
};

const gru: Architecture = {
  gates: 3,
  defaults: ['Sigmoid', 'Tanh'],
  initial: [5],
  separateBias: (call) => call.int('linear_before_reset', 0) === 1,
  division: (call) => (call.int('linear_before_reset', 0) === 1 ? [3] : [2, 1]),
  // gates z, r, h:   H = h + z·(H₋ − h),   with the reset before or after the recurrent product of the candidate
  step: (b, call, { hidden, recurrence, recurrentBias, activations: [gate, candidate] }) => {
    const resetAfter = call.int('linear_before_reset', 0) === 1;
    const [gateRows, candidateRows] = recurrence;
    return (x, [h]) => {
      const [xGates, xCandidate] = pieces(b, x, hidden, 2, 1);
      let proposal: Value;
      let z: Value;
      let r: Value;
      if (resetAfter) {
        const product = h ? b.gemm(h, gateRows!, { transB: true, c: recurrentBias }) : recurrentBias;
        const [hGates, hCandidate] = product ? pieces(b, product, hidden, 2, 1) : [];
        [z, r] = pieces(b, gate!(hGates ? b.add(xGates!, hGates) : xGates!), hidden, 1, 1) as [Value, Value];
        proposal = candidate!(hCandidate ? b.add(xCandidate!, b.mul(r, hCandidate)) : xCandidate!);
      } else {
        [z, r] = pieces(b, gate!(withRecurrence(b, h, gateRows!, xGates!)), hidden, 1, 1) as [Value, Value];
        proposal = candidate!(withRecurrence(b, h && b.mul(r, h), candidateRows!, xCandidate!));
      }
      return [h ? b.add(proposal, b.mul(z, b.sub(h, proposal))) : b.sub(proposal, b.mul(z, proposal))];
    };
  },
};

const rnn: Architecture = {
  gates: 1,
  defaults: ['Tanh'],
  initial: [5],
  separateBias: () => false,
  division: () => [1],
  step:
    (b, _call, { recurrence: [weights], activations: [activation] }) =>
    (x, [h]) => [activation!(withRecurrence(b, h, weights!, x))],
};

/** The part of a value that belongs to one direction, without the direction axis. */
const ofDirection = (b: GraphBuilder, value: Value, axis: number, direction: number): Value =>
  b.reshape(
    b.split(value, new Array<number>(value.shape[axis]!).fill(1), axis)[direction]!,
    value.shape.filter((_, i) => i !== axis),
  );

/** Inputs of the recurrent operators, by position, as ONNX names them; a GRU and an RNN have no `initial_c` and no `P`. */
const inputNames = ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h', 'initial_c', 'P'] as const;

/** Refuses inputs that are there and have another shape than the definition of the operator gives them. */
function requireShapes(call: OperatorCall, shapes: Partial<Record<(typeof inputNames)[number], Shape>>): void {
  for (const [index, name] of inputNames.entries()) {
    const given = call.inputs[index]?.shape;
    const due = shapes[name];
    if (given && due && String(given) !== String(due))
      throw new Error(`${name} has shape ${showShape(given)}, where ${showShape(due)} is due`);
  }
}

const recurrent =
  ({ gates, defaults, initial, separateBias, division, step }: Architecture): Operator =>
  (b, call) => {
    const batchFirst = call.int('layout', 0) === 1;
    const given = call.input(0);
    if (given.shape.length !== 3) throw new Error(`X has shape ${showShape(given.shape)}, where three axes are due`);
    const x = batchFirst ? b.transpose(given, [1, 0, 2]) : given;
    const [steps, samples, features] = leading(x.shape, 3);
    const direction = call.string('direction', 'forward');
    const directions = direction === 'bidirectional' ? 2 : 1;
    if (!['forward', 'reverse', 'bidirectional'].includes(direction))
      throw new Error('its direction is none of "forward", "reverse" and "bidirectional"');
    const hidden = call.int('hidden_size', call.input(2).shape[2]);
    if (String(call.input(2).shape) !== String([directions, gates * hidden, hidden]))
      throw new Error(
        `recurrent weights ${showShape(call.input(2).shape)} do not fit a hidden size of ${hidden}; ONNX has no projections (proj_size)`,
      );
    const state = batchFirst ? [samples, directions, hidden] : [directions, samples, hidden];
    requireShapes(call, {
      W: [directions, gates * hidden, features],
      B: [directions, 2 * gates * hidden],
      sequence_lens: [samples],
      initial_h: state,
      initial_c: state,
      P: [directions, 3 * hidden],
    });
    const flat = b.reshape(x, [steps * samples, features]);
    const stateAxis = batchFirst ? 1 : 0;

    const runs = Array.from({ length: directions }, (_, d) => {
      const part = (index: number, axis = 0): Value | undefined => {
        const value = call.inputs[index];
        return value && ofDirection(b, value, axis, d);
      };
      const biases = part(3);
      const [inputBias, recurrentBias] = biases ? b.split(biases, [gates * hidden, gates * hidden], 0) : [];
      const bias = inputBias && recurrentBias && !separateBias(call) ? b.add(inputBias, recurrentBias) : inputBias;
      const weights = part(2)!;
      const pieces = division(call).map((rows) => rows * hidden);
      const run: Run = {
        inputs: b.gemm(flat, part(1)!, { transB: true, c: bias }),
        initial: initial.map((index) => part(index, stateAxis)),
        lengths: call.inputs[4],
        steps,
        samples,
        hidden,
        backward: direction === 'reverse' || d === 1,
        weights: {
          recurrence: b.split(weights, pieces, 0),
          recurrentBias: separateBias(call) ? recurrentBias : undefined,
          peepholes: part(7),
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
        runs.map(({ state }) => b.reshape(state[k]!, batchFirst ? [samples, 1, hidden] : [1, samples, hidden])),
        stateAxis,
      ),
    );
    return [batchFirst ? b.transpose(sequence, [2, 0, 1, 3]) : sequence, ...last];
  };

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
  const inputs = b.split(run.inputs, new Array<number>(steps).fill(samples), 0);
  const active = stillRunning(b, run);
  const rows =
    active && b.split(active, new Array<number>(steps).fill(1), 0).map((row) => b.reshape(row, [samples, 1]));
  const zero = b.full(run.inputs.type, [samples, run.hidden], 0);
  let state = run.initial;
  const shown: Value[] = [];
  for (let i = 0; i < steps; i++) {
    const t = run.backward ? steps - 1 - i : i;
    [shown[t], state] = gated(b, advance(inputs[t]!, state), state, rows?.[t], zero);
  }
  return { shown: b.concat(shown, 0), state: state as readonly Value[] };
}

function looped(b: GraphBuilder, run: Run): RunResult {
  const { steps, samples, hidden, weights } = run;
  const zero = b.full(run.inputs.type, [samples, hidden], 0);
  const active = stillRunning(b, run);
  const order = b.ints(Array.from({ length: steps }, (_, t) => (run.backward ? steps - 1 - t : t)));
  const inTurn = (sequence: Value) => (run.backward ? b.gather(sequence, order, 0) : sequence);
  const sequence = b.reshape(run.inputs, [steps, samples, run.inputs.shape[1]!]);
  const given = [...weights.recurrence, weights.recurrentBias, weights.peepholes];
  const { carried, stacked } = b.recurrence(
    {
      carried: run.initial.map((state) => state ?? zero),
      sequences: [inTurn(sequence), ...(active ? [inTurn(active)] : [])],
      constants: given.filter((value) => value !== undefined),
    },
    (inner, { carried: state, sequences: [x, running], constants }) => {
      const recurrence = constants.slice(0, weights.recurrence.length);
      const others = constants.slice(weights.recurrence.length);
      const recurrentBias = weights.recurrentBias && others[0];
      const peepholes = weights.peepholes && others.at(-1);
      const advance = run.step(inner, { recurrence, recurrentBias, peepholes });
      const rows = running && inner.reshape(running, [samples, 1]);
      const [shown, next] = gated(inner, advance(x!, state), state, rows, inner.zerosLike(state[0]!));
      return { carried: next as Value[], stacked: [shown], summed: [] };
    },
  );
  return { shown: inTurn(stacked[0]!), state: carried };
}

/** What a step shows and the state after it, where samples that have ended show zeros and keep their state. */
function gated(
  b: GraphBuilder,
  next: readonly Value[],
  state: State,
  running: Value | undefined,
  zero: Value,
): [shown: Value, state: State] {
  if (!running) return [next[0]!, next];
  return [b.where(running, next[0]!, zero), next.map((value, k) => b.where(running, value, state[k] ?? zero))];
}

/** For each step, which samples have not ended yet, [T, N]; undefined where all run to the end. */
function stillRunning(b: GraphBuilder, { lengths, steps, samples }: Run): Value | undefined {
  if (!lengths || (lengths.constant && numbersOf(lengths.constant).every((length) => length === steps)))
    return undefined;
  const times = tensorOf(
    'int64',
    [steps, 1],
    Array.from({ length: steps }, (_, t) => t),
  );
  return b.greater(b.reshape(b.cast(lengths, 'int64'), [1, samples]), b.constant(times));
}

export const recurrentNetworks: Record<string, Operator> = {
  LSTM: recurrent(lstm),
  GRU: recurrent(gru),
  RNN: recurrent(rnn),
};
