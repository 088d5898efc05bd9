import { blockChannels } from '../autodiff/lowering/blocked.ts';
import { lower } from '../autodiff/lowering/index.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { type Graph, nodeCount, type Value } from '../onnx/graph.ts';
import { allocate, type Tensor } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import { extremeTerms, type MeasureTerms, measureTerms, plainTerms, selfCheckTerms } from '../optimizers/measures.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { graphArithmetic } from './arithmetic.ts';
import type { Chunks } from './chunks.ts';
import { clipped, type Seen, unclipped } from './clipping.ts';
import { CoefficientTable, type Numbers, type Stage, type StepScalars } from './coefficients.ts';
import { Objective, type Source } from './objective.ts';
import { perCoordinate } from './perCoordinate.ts';
import type { Problem } from './problem.ts';
import type { Device } from './session.ts';

/** Most steps that one run of a program may take. */
export const mostSteps = 4096;

/** A graph for the runtime. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly nodes: number;
}

/** Encodes a graph for the runtime; with `block`, images lie in blocks of that many channels (CPU only, see `blockChannels`). */
export function encode(graph: Graph, device: Device, block?: number): Encoded {
  const lowered = lower(graph, device);
  const final = block === undefined ? lowered : blockChannels(lowered, block);
  return { bytes: encodeModel(final, { graphName: 'steps' }), nodes: nodeCount(final) };
}

/** What a program measures besides taking steps. */
export interface ProgramOptions extends Numbers {
  readonly optimizer: Optimizer;
  readonly stage: Stage;
  readonly corrected: boolean;
  /** With a correction: whether its vectors at the last step are outputs, too. */
  readonly arrays: boolean;
  readonly chunks: Chunks;
}

/** The columns of the statistics, in order. */
export interface Columns {
  readonly sums: readonly string[];
  readonly extremes: readonly string[];
}

export const plainColumns = ['absolute', 'squared', 'perturbed', 'descent'] as const;
export const selfCheckColumns = ['withMemory', 'withoutMemory'] as const;

/**
 * Vectors of the last step with a correction: g, q and corr, and of the self-check F − G, by which the step departs from the
 * frozen history, and what the theory predicts for it.
 */
export const arrayNames = ['gradient', 'normGradient', 'correction', 'deviation', 'memory'] as const;

/**
 * The program of a problem and an optimizer: a loop of real full-batch steps, with forward pass, backward pass, update and
 * statistics per tensor, and where asked for the correction of every step, all in one ONNX graph. Numbers that depend on
 * hyper-parameters or on the step are inputs.
 */
export class Program {
  readonly graph: Graph;
  readonly columns: Columns;
  readonly stateNames: readonly string[];
  readonly table: CoefficientTable;

  /** @param sourceIn declares the inputs that E needs; those of an `Objective`, unless E is evaluated elsewhere */
  constructor(
    readonly problem: Problem,
    readonly options: ProgramOptions,
    private readonly sourceIn: (b: GraphBuilder) => Source = (b) => new Objective(problem, options.chunks, b),
  ) {
    const { optimizer, hyper } = options;
    this.stateNames = optimizer.stateNames(hyper);
    this.table = new CoefficientTable(options, options);
    const { graph, columns } = this.build();
    this.graph = graph;
    this.columns = columns;
  }

  /**
   * The coefficients of steps n, n+1, … as an input of the program: float64 [mostSteps, columns]. Their numbers may be those
   * of other hyper-parameters of the same structure.
   */
  coefficients(first: number, steps: number, numbers: Numbers = this.options): Tensor<'float64'> {
    const { width } = this.table;
    const data = allocate('float64', mostSteps * width);
    this.table.fill(data, first, steps, numbers);
    return { type: 'float64', shape: [mostSteps, width], data };
  }

  private build(): { graph: Graph; columns: Columns } {
    const { problem, options } = this;
    const { floatType, layout } = problem;
    const b = new GraphBuilder();
    const vector = (name: string) => b.input(name, floatType, [layout.length]);
    const count = b.input('steps', 'int64', []);
    const coefficients = b.input('coefficients', 'float64', [mostSteps, this.table.width]);
    const theta = vector('theta');
    const state = this.stateNames.map((name) => vector(`state/${name}`));
    const source = this.sourceIn(b);
    const mask = layout.mask(b, floatType);
    const members = memberVectors(b, this.problem, options);
    const zero = b.full(floatType, [layout.length], 0);
    const kept = options.arrays ? arrayNames.map(() => zero) : [];
    let columns: readonly string[] = [];
    const { carried, stacked } = b.loop(
      count,
      [theta, ...state, ...kept].map((value) => layout.carried(b, value)),
      (body, turn, tiles) => {
        const [at, ...rest] = tiles.map((value) => layout.flat(body, value));
        const row = body.gather(b.cast(coefficients, floatType), turn, 0);
        const step = this.step(body, {
          source,
          turn,
          mask,
          members,
          theta: at,
          state: rest.slice(0, state.length),
          scalars: this.table.scalars(body, row),
        });
        columns = step.columns;
        return {
          carried: [step.theta, ...step.state, ...step.arrays].map((value) => layout.carried(body, value)),
          stacked: [step.loss, step.sums, ...step.extremes],
          proceed: step.proceed,
        };
      },
      mostSteps,
    );
    const names = ['theta', ...this.stateNames.map((name) => `state/${name}`), ...(options.arrays ? arrayNames : [])];
    const statistics = ['loss', 'sums', ...(options.corrected ? ['low', 'high'] : [])];
    const graph = {
      scope: b,
      inputs: b.inputs,
      outputs: [
        ...carried.map((value, i) => ({ name: `next/${names[i]}`, value })),
        ...stacked.map((value, i) => ({ name: `statistics/${statistics[i]}`, value })),
      ],
    };
    return { graph, columns: { sums: columns, extremes: options.corrected ? ['low', 'high'] : [] } };
  }

  private step(
    b: GraphBuilder,
    given: {
      source: Source;
      turn: Value;
      mask: Value;
      members: readonly Value[];
      theta: Value;
      state: readonly Value[];
      scalars: StepScalars;
    },
  ) {
    const { optimizer, hyper, corrected, arrays } = this.options;
    const { layout, floatType } = this.problem;
    const { theta, mask, members, scalars } = given;
    const { loss, gradient, product } = given.source.evaluate(b, theta, given.turn);
    const stages = corrected ? this.products(b, { ...given, gradient }, product) : [];
    const { gradient: seen } = this.seen(b, gradient, scalars);
    const inputs = groupsIn({
      vectors: [theta, gradient, mask, seen],
      members,
      state: given.state,
      stages: stages.flat(),
    });
    let columns: readonly string[] = [];
    // Update, correction and measures, coordinate by coordinate.
    const results = perCoordinate(b, layout, inputs.all, (inner, tiles) => {
      const { vectors, members, state, stages: multiplied } = inputs.of(tiles);
      const [at, g, kept, f] = vectors;
      const a = graphArithmetic(inner, floatType);
      const update = scalars.of(inner, 'update', members);
      const taken = optimizer.update(a, hyper, update, { theta: at, gradient: f, state: this.stateOf(state) });
      const next = [
        inner.sub(at, inner.mul(update.stepSize, taken.direction)),
        ...this.stateNames.map((name) => taken.state[name]),
      ];
      const plain = plainTerms(a, g, scalars.of(inner, 'norm', members).eps);
      const sums: Record<string, Value> = {
        absolute: plain.absolute,
        squared: plain.squared,
        perturbed: inner.mul(plain.perturbed, kept),
        descent: inner.mul(g, inner.mul(update.stepSize, taken.direction)),
      };
      if (!corrected) {
        columns = Object.keys(sums);
        return { vectors: next, sums: Object.values(sums), lows: [], highs: [] };
      }
      const point = { theta: at, gradient: f, state: taken.state };
      // Beyond every bound of validity at fillers, which must not be counted.
      const beyond = inner.mul(inner.sub(a.constant(1), kept), a.constant(1e30));
      const each = multiplied.length / stages.length;
      const [{ terms, ofLoss }, own] = stages.map((_, i) => {
        const [plainProduct, ...products] = multiplied.slice(i * each, (i + 1) * each);
        const c = scalars.of(inner, stageNames[i], members);
        const found = optimizer.correction(a, hyper, c, point, products);
        return {
          terms: { ...found, expansion: inner.add(found.expansion, beyond) },
          // What the penalties of the optimizer add to g and q is there in both.
          ofLoss: {
            gradient: inner.add(inner.sub(found.gradient, f), g),
            normGradient: inner.add(inner.sub(found.normGradient, products[0]), plainProduct),
          },
        };
      });
      const measured: MeasureTerms<Value> = measureTerms(a, terms, scalars.has('clip') ? ofLoss : terms);
      const { terms: ownTerms } = own ?? { terms };
      Object.assign(sums, measured, selfCheckTerms(a, ownTerms, taken.direction));
      const { low, high } = extremeTerms(a, terms);
      columns = Object.keys(sums);
      return {
        vectors: arrays
          ? [
              ...[...next, terms.normGradient, terms.correction],
              ...[inner.sub(taken.direction, ownTerms.direction), ownTerms.memoryCorrection],
            ]
          : next,
        sums: Object.values(sums),
        lows: [low],
        highs: [high],
      };
    });
    const [next, ...rest] = results.vectors;
    const statistics = results.sums!;
    const size = b.add(
      loss,
      b.reduceSum(b.reshape(b.slice(statistics, { starts: [0], ends: [1], axes: [1] }), [layout.segments.length])),
    );
    return {
      theta: next,
      state: rest.slice(0, this.stateNames.length),
      arrays: arrays ? [gradient, ...rest.slice(this.stateNames.length)] : [],
      loss,
      columns,
      sums: statistics,
      extremes: corrected ? [results.lows!, results.highs!] : [],
      // Stops at the first loss or gradient that is not finite: x − x is 0 for finite x only.
      proceed: b.equal(b.sub(size, size), b.scalar('float64', 0)),
    };
  }

  /** The gradient as the optimizer sees it. */
  private seen(b: GraphBuilder, gradient: Value, scalars: StepScalars): Seen {
    return scalars.has('clip') ? clipped(b, gradient, scalars.of(b, 'clip', []).limit) : unclipped(gradient);
  }

  /**
   * For the stage, and for the step where the two may differ: H·v for the first direction v, and the products of the
   * Jacobian of the gradient that the optimizer sees (H without clipping) with all directions. Where groups have different
   * step sizes h_j, v is replaced by h ⊙ v and row j of the product divided by h_j: time runs as fast for each as it steps.
   * Equal directions share a product.
   */
  products(
    b: GraphBuilder,
    given: {
      theta: Value;
      gradient: Value;
      state: readonly Value[];
      scalars: StepScalars;
      members: readonly Value[];
    },
    product: (u: Value) => Value,
  ): Value[][] {
    const { optimizer, hyper } = this.options;
    const { theta, scalars, members } = given;
    const { gradient, jacobian } = this.seen(b, given.gradient, scalars);
    const stages = stageNames.filter((stage) => scalars.has(stage));
    const isScaled = (stage: string) => scalars.isDivided(`${stage}.move`);
    /** For each stage the places of its directions among all different ones. */
    let places: readonly (readonly number[])[] = [];
    const { vectors: directions } = perCoordinate(
      b,
      this.problem.layout,
      [theta, gradient, ...members, ...given.state],
      (inner, [at, f, ...others]) => {
        const a = graphArithmetic(inner, this.problem.floatType);
        const own = others.slice(0, members.length);
        const before = this.stateOf(others.slice(members.length));
        const { state } = optimizer.update(a, hyper, scalars.of(inner, 'update', own), {
          theta: at,
          gradient: f,
          state: before,
        });
        const different = new Map<Value, number>();
        places = stages.map((stage) => {
          const c = scalars.of(inner, stage, own);
          return optimizer.hessianDirections(a, hyper, c, { theta: at, gradient: f, state }).map((direction) => {
            const u = isScaled(stage) ? inner.mul(c.move, direction) : direction;
            const place = different.get(u) ?? different.size;
            different.set(u, place);
            return place;
          });
        });
        return { vectors: [...different.keys()], sums: [], lows: [], highs: [] };
      },
    );
    const found = directions.map(product);
    return stages.map((stage, i) => {
      const { stepSize } = scalars.of(b, stage, members);
      const inUnits = (value: Value) => (isScaled(stage) ? b.div(value, stepSize) : value);
      const products = places[i].map((place) => found[place]);
      return [inUnits(products[0]), ...products.map((value) => inUnits(jacobian(value)))];
    });
  }

  private stateOf(vectors: readonly Value[]): Record<string, Value> {
    return Object.fromEntries(this.stateNames.map((name, i) => [name, vectors[i]]));
  }
}

/** The prefixes of the coefficients of a correction: at the stage, and at the step itself for the self-check. */
const stageNames = ['stage', 'step'] as const;

/** For each group a vector that is true at its coordinates. */
export const memberVectors = (b: GraphBuilder, { layout }: Problem, { groups }: Numbers): Value[] =>
  (groups?.numbers ?? []).map((_, k) => layout.members(b, (segment) => groups!.of[segment] === k + 1));

/** Lists of vectors as one list without repetition, and the way back. */
function groupsIn<K extends string>(lists: Readonly<Record<K, readonly Value[]>>) {
  const all = [...new Set(Object.values<readonly Value[]>(lists).flat())];
  return {
    all,
    of: (values: readonly Value[]): Record<K, Value[]> => {
      const found = new Map(all.map((value, i) => [value, values[i]]));
      return Object.fromEntries(
        Object.entries<readonly Value[]>(lists).map(([name, list]) => [name, list.map((value) => found.get(value)!)]),
      ) as Record<K, Value[]>;
    },
  };
}
