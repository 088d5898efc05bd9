import { GraphBuilder } from '../onnx/builder.ts';
import { divideGraph } from '../onnx/divide.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import type { ElementType, Shape, Tensor } from '../onnx/tensor.ts';
import { type Chunks, chunksIn } from './chunks.ts';
import {
  type LanePhases,
  type LanePool,
  type LaneProgram,
  type Place,
  type SharedArray,
  tensorFor,
} from './lanePool.ts';
import { dataTensors, type Evaluation, Objective, type Source } from './objective.ts';
import type { Problem } from './problem.ts';
import { type Encoded, encode, memberVectors, type Program } from './program.ts';
import { type Feeds, Session } from './session.ts';

const laneName = (lane: number, what: string): string => `lane/${lane}/${what}`;

/** Emits the sum of what all lanes found. */
function gathered(b: GraphBuilder, lanes: number, what: string, type: ElementType, shape: Shape): Value {
  return Array.from({ length: lanes }, (_, k) => b.input(laneName(k, what), type, shape)).reduce(b.add);
}

/** E, its gradient and products as sums of what the lanes found, which are inputs of the program. */
export class Gathered implements Source {
  constructor(
    private readonly problem: Problem,
    private readonly lanes: number,
    private readonly outer: GraphBuilder,
  ) {}

  evaluate(): Evaluation {
    const { layout, floatType } = this.problem;
    const vector = (what: string) => gathered(this.outer, this.lanes, what, floatType, [layout.length]);
    let products = 0;
    return {
      loss: gathered(this.outer, this.lanes, 'loss', 'float64', []),
      gradient: vector('gradient'),
      product: () => vector(`product/${products++}`),
    };
  }
}

/**
 * What lane k computes: loss and gradient of its part of the data, and with the gradients of all lanes the products with its
 * part of the Hessian.
 */
function laneGraph(program: Program, chunks: Chunks, k: number, lanes: number): Graph {
  const { problem, options } = program;
  const { layout, floatType } = problem;
  const b = new GraphBuilder();
  const vector = (name: string) => b.input(name, floatType, [layout.length]);
  const theta = vector('theta');
  const evaluation = new Objective(problem, chunks, b).evaluate(b, theta);
  const outputs = [
    { name: laneName(k, 'loss'), value: evaluation.loss },
    { name: laneName(k, 'gradient'), value: evaluation.gradient },
  ];
  if (options.corrected) {
    const row = b.cast(b.input('coefficients', 'float64', [program.table.width]), floatType);
    const given = {
      theta,
      gradient: gathered(b, lanes, 'gradient', floatType, [layout.length]),
      state: program.stateNames.map((name) => vector(`state/${name}`)),
      scalars: program.table.scalars(b, row),
      members: memberVectors(b, problem, options),
    };
    let products = 0;
    program.products(b, given, (u) => {
      const value = evaluation.product(u);
      outputs.push({ name: laneName(k, `product/${products++}`), value });
      return value;
    });
  }
  return { scope: b, inputs: b.inputs, outputs };
}

/** Inputs of a lane that are known before any lane has run. */
const isEarly = (name: string): boolean => name === 'theta' || name.startsWith('data/');

/** Tensors that stay within a lane. */
const isOwn = ({ name }: Place): boolean => name.startsWith('data/') || name.startsWith('kept/');

export interface LaneOptions {
  /** Channels in a block of the runtime's image layout, if it is to be used. */
  readonly block: number | undefined;
  /** Threads of the update, which runs while the lanes rest. */
  readonly threads: number | undefined;
  /** Programs with more nodes are loaded as they are. */
  readonly mostOptimised: number;
}

/**
 * A step on several threads, each of which evaluates its part of the data in programs of its own; the rest of the step is a
 * program that takes what they found (`Gathered`). Operators that use all threads meet at the end of each operator and leave
 * results in the caches of other cores; lanes meet once in a plain step and twice in one with correction.
 */
export class LaneSession {
  private constructor(
    private readonly pool: LanePool,
    private readonly update: Session,
    private readonly group: number,
    private readonly phases: number,
    private readonly shared: ReadonlyMap<string, SharedArray>,
    /** The lanes' results as inputs of the update. */
    private readonly results: Feeds,
  ) {}

  /** Loads all programs; `program` must take E from `Gathered` lanes. Throws what the runtime throws. */
  static async create(program: Program, pool: LanePool, options: LaneOptions): Promise<LaneSession> {
    const optimised = ({ bytes, nodes }: Encoded) => ({ bytes, optimise: nodes <= options.mostOptimised });
    const shared = new Map<string, SharedArray>();
    const results = new Map<string, Tensor>();
    const lanes = pool.lanes.map((lane, k): LanePhases => {
      const chunks = chunksIn(lane, program.options.chunks);
      const phases = phasesOf(laneGraph(program, chunks, k, pool.lanes.length)).map(
        (part): LaneProgram => ({
          ...optimised(encode(part, 'cpu', options.block)),
          inputs: part.inputs.map((value) => placeOf(value.name!, value)),
          outputs: part.outputs.map(({ name, value }) => placeOf(name, value)),
        }),
      );
      const passed = phases.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]).filter((place) => !isOwn(place));
      for (const place of passed) {
        shared.set(place.name, pool.sharedArray(place));
        if (place.name.startsWith('lane/')) results.set(place.name, tensorFor(place));
      }
      const data = [...dataTensors(program.problem, chunks, lane.first)].map(([name, { type, shape, feed, from }]) => ({
        name,
        type,
        shape,
        feed,
        from,
      }));
      return { phases, data, shared };
    });
    const update = optimised(encode(program.graph, 'cpu'));
    const [session, group] = await Promise.all([
      Session.create(update.bytes, 'cpu', options.threads, { optimise: update.optimise, spin: false }),
      pool.load(lanes),
    ]);
    return new LaneSession(pool, session, group, lanes[0].phases.length, shared, results);
  }

  /** Takes one step; inputs and outputs are those of the program. */
  async run(feeds: Feeds, wanted?: readonly string[]): Promise<Map<string, Tensor>> {
    for (const [name, { data }] of feeds) {
      const array = this.shared.get(name);
      array?.set((data as Float32Array).subarray(0, array.length));
    }
    for (let phase = 0; phase < this.phases; phase++) await this.pool.run(this.group, phase);
    for (const [name, { data }] of this.results) (data as Float32Array).set(this.shared.get(name)!);
    return this.update.run(new Map([...feeds, ...this.results]), wanted);
  }

  async release(): Promise<void> {
    await this.update.release();
  }
}

const placeOf = (name: string, { type, shape }: Value): Place => ({ name, type, shape });

/** A lane's graph as the programs between which the lanes meet. */
function phasesOf(graph: Graph): Graph[] {
  const late = new Set(graph.inputs.map(({ name }) => name!).filter((name) => !isEarly(name)));
  const divided = divideGraph(graph, late);
  return divided.late.outputs.length === 0 ? [divided.early] : [divided.early, divided.late];
}
