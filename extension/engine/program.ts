import { blockChannels } from '../autodiff/lowering/blocked.ts';
import { lower } from '../autodiff/lowering/index.ts';
import { GraphBuilder } from '../onnx/builder.ts';
import { type Graph, nodeCount, type Value } from '../onnx/graph.ts';
import { allocate, type Tensor } from '../onnx/tensor.ts';
import { encodeModel } from '../onnx/write.ts';
import {
  extremeTerms,
  type MeasureTerms,
  measureTerms,
  plainTerms,
  REACHES,
  reachTerms,
  selfCheckTerms,
} from '../optimizers/measures.ts';
import type { Coefficients, Hyperparameters, Optimizer, StepSizes } from '../optimizers/optimizer.ts';
import { graphArithmetic } from './arithmetic.ts';
import type { Chunks } from './chunks.ts';
import { Objective, type Source } from './objective.ts';
import { perCoordinate } from './perCoordinate.ts';
import type { Problem } from './problem.ts';
import type { Device } from './session.ts';

/** Most steps that one run of a program may take. */
export const mostSteps = 4096;

/** At which n the coefficients of the correction are taken: the run's own step, the limit, or a fixed one. */
export type Stage = 'step' | 'inf' | number;

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
export interface ProgramOptions {
  readonly optimizer: Optimizer;
  readonly hyper: Hyperparameters;
  readonly stepSizes?: StepSizes;
  readonly stage: Stage;
  readonly corrected: boolean;
  readonly chunks: Chunks;
}

/** What the coefficients follow from. */
type Numbers = Pick<ProgramOptions, 'hyper' | 'stepSizes'>;

/** The columns of the statistics, in order. */
export interface Columns {
  readonly sums: readonly string[];
  readonly extremes: readonly string[];
}

export const plainColumns = ['absolute', 'squared', 'perturbed'] as const;
export const selfCheckColumns = ['withMemory', 'withoutMemory'] as const;
/** Columns of the counts at other step sizes. */
export const reachColumns = REACHES.map((_, i) => `reach${i}`);

/**
 * The program of a problem and an optimizer: a loop of real full-batch steps, with forward pass, backward pass, update and
 * statistics per tensor, and where asked for the correction of every step, all in one ONNX graph. Numbers that depend on
 * hyper-parameters or on the step are inputs.
 */
export class Program {
  readonly graph: Graph;
  readonly columns: Columns;
  readonly stateNames: readonly string[];
  /** Names of the coefficients, in the order of the input's columns. */
  private readonly coefficientNames: readonly string[];
  /** Coefficients of the self-check that equal those of the stage at every step, so that what follows from them is computed once. */
  private readonly shared: ReadonlySet<string>;

  /** @param sourceIn declares the inputs that E needs; those of an `Objective`, unless E is evaluated elsewhere */
  constructor(
    readonly problem: Problem,
    readonly options: ProgramOptions,
    private readonly sourceIn: (b: GraphBuilder) => Source = (b) => new Objective(problem, options.chunks, b),
  ) {
    const { optimizer, hyper } = options;
    this.stateNames = optimizer.stateNames(hyper);
    const probes = [0, 1, 2, 17, 1000].map((n) => this.coefficientsAt(n));
    const names = Object.keys(probes[0]);
    const twin = (name: string) => name.replace(/^step\./, 'stage.');
    this.shared = new Set(
      names.filter((name) => name.startsWith('step.') && probes.every((values) => values[name] === values[twin(name)])),
    );
    this.coefficientNames = names.filter((name) => !this.shared.has(name));
    const { graph, columns } = this.build();
    this.graph = graph;
    this.columns = columns;
  }

  /** Number of coefficients of a step. */
  get width(): number {
    return this.coefficientNames.length;
  }

  /**
   * The coefficients of steps n, n+1, … as an input of the program: float64 [mostSteps, names]. Their numbers may be those
   * of other hyper-parameters of the same structure.
   */
  coefficients(first: number, steps: number, numbers: Numbers = this.options): Tensor<'float64'> {
    const width = this.coefficientNames.length;
    const data = allocate('float64', mostSteps * width);
    for (let i = 0; i < steps; i++) {
      const values = this.coefficientsAt(first + i, numbers);
      for (const name of this.shared) {
        if (values[name] !== values[name.replace(/^step\./, 'stage.')])
          throw new Error(`coefficient ${name} departs from its stage at step ${first + i}`);
      }
      data.set(
        this.coefficientNames.map((name) => values[name]),
        i * width,
      );
    }
    return { type: 'float64', shape: [mostSteps, width], data };
  }

  /** All scalars of step n: of the update, of the correction at the stage, and of the correction at n for the self-check. */
  private coefficientsAt(n: number, { hyper, stepSizes }: Numbers = this.options): Coefficients {
    const { optimizer, corrected, stage } = this.options;
    const named = (prefix: string, values: Coefficients) =>
      Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]);
    const eps = typeof hyper.eps === 'number' ? hyper.eps : 0;
    const at = stage === 'step' ? n : stage === 'inf' ? Number.POSITIVE_INFINITY : stage;
    return Object.fromEntries([
      ...named('update', optimizer.updateCoefficients(hyper, n, stepSizes)),
      ...named('norm', { eps }),
      ...(corrected ? named('stage', optimizer.correctionCoefficients(hyper, at, stepSizes)) : []),
      ...(corrected && stage !== 'step' ? named('step', optimizer.correctionCoefficients(hyper, n, stepSizes)) : []),
    ]);
  }

  private build(): { graph: Graph; columns: Columns } {
    const { problem, options } = this;
    const { floatType, layout } = problem;
    const b = new GraphBuilder();
    const vector = (name: string) => b.input(name, floatType, [layout.length]);
    const count = b.input('steps', 'int64', []);
    const coefficients = b.input('coefficients', 'float64', [mostSteps, this.coefficientNames.length]);
    const theta = vector('theta');
    const state = this.stateNames.map((name) => vector(`state/${name}`));
    const source = this.sourceIn(b);
    const mask = layout.mask(b, floatType);
    const zero = b.full(floatType, [layout.length], 0);
    const kept = options.corrected ? [zero, zero, zero] : [];
    let columns: readonly string[] = [];
    const { carried, stacked } = b.loop(
      count,
      [theta, ...state, ...kept],
      (body, turn, [at, ...rest]) => {
        const row = body.cast(body.gather(coefficients, turn, 0), floatType);
        const step = this.step(body, {
          source,
          mask,
          theta: at,
          state: rest.slice(0, state.length),
          scalars: this.scalars(body, row),
        });
        columns = step.columns;
        return {
          carried: [step.theta, ...step.state, ...step.arrays],
          stacked: [step.loss, step.sums, ...step.extremes],
          proceed: step.proceed,
        };
      },
      mostSteps,
    );
    const names = [
      'theta',
      ...this.stateNames.map((name) => `state/${name}`),
      ...(options.corrected ? ['gradient', 'normGradient', 'correction'] : []),
    ];
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

  /** The coefficients of one step as scalars by prefix and name. */
  scalars(b: GraphBuilder, row: Value): Map<string, Record<string, Value>> {
    const groups = new Map<string, Record<string, Value>>();
    const parts = b.split(row, new Array(this.coefficientNames.length).fill(1), 0);
    this.coefficientNames.forEach((full, i) => {
      const [prefix, name] = full.split('.');
      groups.set(prefix, { ...groups.get(prefix), [name]: b.reshape(parts[i], []) });
    });
    for (const full of this.shared) {
      const name = full.slice('step.'.length);
      groups.set('step', { ...groups.get('step'), [name]: groups.get('stage')![name] });
    }
    return groups;
  }

  private step(
    b: GraphBuilder,
    given: {
      source: Source;
      mask: Value;
      theta: Value;
      state: readonly Value[];
      scalars: Map<string, Record<string, Value>>;
    },
  ) {
    const { optimizer, hyper, corrected } = this.options;
    const { layout, floatType } = this.problem;
    const { theta, mask, scalars } = given;
    const { loss, gradient, product } = given.source.evaluate(b, theta);
    const products = corrected ? this.products(b, { theta, gradient, state: given.state, scalars }, product) : [];
    let columns: readonly string[] = [];
    // Update, correction and measures, coordinate by coordinate.
    const results = perCoordinate(b, layout, [theta, gradient, mask, ...given.state, ...products], (inner, vectors) => {
      const [at, g, kept, ...others] = vectors;
      const a = graphArithmetic(inner, floatType);
      const update = scalars.get('update')!;
      const taken = optimizer.update(a, hyper, update, { theta: at, gradient: g, state: this.stateOf(others) });
      const next = [
        inner.sub(at, inner.mul(update.stepSize, taken.direction)),
        ...this.stateNames.map((name) => taken.state[name]),
      ];
      const plain = plainTerms(a, g, scalars.get('norm')!.eps);
      const sums: Record<string, Value> = {
        absolute: plain.absolute,
        squared: plain.squared,
        perturbed: inner.mul(plain.perturbed, kept),
      };
      if (!corrected) {
        columns = Object.keys(sums);
        return { vectors: next, sums: Object.values(sums), lows: [], highs: [] };
      }
      const inputs = { theta: at, gradient: g, state: taken.state };
      const stages = ['stage', ...(scalars.has('step') ? ['step'] : [])];
      const multiplied = others.slice(this.stateNames.length);
      const each = multiplied.length / stages.length;
      // Beyond every bound of validity at fillers, which must not be counted.
      const beyond = inner.mul(inner.sub(a.constant(1), kept), a.constant(1e30));
      const [terms, ownTerms] = stages.map((stage, i) => {
        const products = multiplied.slice(i * each, (i + 1) * each);
        const found = optimizer.correction(a, hyper, scalars.get(stage)!, inputs, products);
        return { ...found, expansion: inner.add(found.expansion, beyond) };
      });
      const measured: MeasureTerms<Value> = measureTerms(a, terms);
      Object.assign(sums, measured, selfCheckTerms(a, ownTerms ?? terms, taken.direction));
      reachTerms(a, terms).forEach((count, i) => {
        sums[reachColumns[i]] = count;
      });
      const { low, high } = extremeTerms(a, terms);
      columns = Object.keys(sums);
      return {
        vectors: [...next, terms.normGradient, terms.correction],
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
      arrays: corrected ? [gradient, ...rest.slice(this.stateNames.length)] : [],
      loss,
      columns,
      sums: statistics,
      extremes: corrected ? [results.lows!, results.highs!] : [],
      // Stops at the first loss or gradient that is not finite: x − x is 0 for finite x only.
      proceed: b.equal(b.sub(size, size), b.scalar('float64', 0)),
    };
  }

  /** H·v for the directions of the stage, and of the step where they may differ; equal directions share a product. */
  products(
    b: GraphBuilder,
    given: { theta: Value; gradient: Value; state: readonly Value[]; scalars: Map<string, Record<string, Value>> },
    product: (u: Value) => Value,
  ): Value[] {
    const { optimizer, hyper } = this.options;
    const { theta, gradient, scalars } = given;
    const a = graphArithmetic(b, this.problem.floatType);
    const { state } = optimizer.update(a, hyper, scalars.get('update')!, {
      theta,
      gradient,
      state: this.stateOf(given.state),
    });
    const known = new Map<Value, Value>();
    return ['stage', 'step'].flatMap((stage) => {
      const c = scalars.get(stage);
      if (!c) return [];
      return optimizer
        .hessianDirections(a, hyper, c, { theta, gradient, state })
        .map((u) => known.get(u) ?? known.set(u, product(u)).get(u)!);
    });
  }

  private stateOf(vectors: readonly Value[]): Record<string, Value> {
    return Object.fromEntries(this.stateNames.map((name, i) => [name, vectors[i]]));
  }
}
