import type { GraphBuilder } from '../onnx/builder.ts';
import type { Value } from '../onnx/graph.ts';
import type { Coefficients, Hyperparameters, Optimizer, StepSizes } from '../optimizers/optimizer.ts';

/** At which n the coefficients of the correction are taken: the run's own step, the limit, or a fixed one. */
export type Stage = 'step' | 'inf' | number;

/** Hyper-parameters and the schedule of their learning rate. */
export interface GroupNumbers {
  readonly hyper: Hyperparameters;
  readonly stepSizes?: StepSizes;
}

/** Parameters with hyper-parameters of their own, which must have the same structure as those of the others. */
export interface Groups {
  /** By segment of the layout: the number of its group, or 0 where it is in none. */
  readonly of: readonly number[];
  /** Of the groups 1, 2, …. */
  readonly numbers: readonly GroupNumbers[];
}

/** All that the coefficients of a program follow from. */
export interface Numbers extends GroupNumbers {
  readonly groups?: Groups;
  /** Largest two-norm of the gradient that the optimizer sees. */
  readonly clipNorm?: number;
}

/** What decides which coefficients there are. */
export interface CoefficientOptions {
  readonly optimizer: Optimizer;
  readonly stage: Stage;
  readonly corrected: boolean;
}

/** Steps at which coefficients of groups are compared to find those that always agree. */
const probes = [0, 1, 2, 17, 64, 256, 1000, 4096, 65_536, 2 ** 20];

/** The same number but for rounding: of groups, numbers in units of their steps are computed from different steps. */
const agree = (x: number, y: number): boolean => x === y || Math.abs(x - y) <= 1e-9 * Math.abs(x);

const nameIn = (name: string, group: number): string => (group === 0 ? name : `${name}@${group}`);
/** The coefficient of the stage with the same meaning as one of the step. */
const twin = (name: string): string => name.replace(/^step\./, 'stage.');

/**
 * The numbers of a step that follow from hyper-parameters and step index. They are the columns of one input of a program;
 * what agrees at every step, among groups or between the stage and the step itself, is one column.
 */
export class CoefficientTable {
  /** In the order of the columns; those of group k end in `@k`. */
  private readonly columns: readonly string[];
  /** Names of the coefficients of the correction at step n that equal those of the stage. */
  private readonly shared: ReadonlySet<string>;
  /** Names whose numbers differ among the groups. */
  private readonly divided: ReadonlySet<string>;
  private readonly names: readonly string[];
  private readonly groups: number;

  constructor(
    private readonly options: CoefficientOptions,
    numbers: Numbers,
  ) {
    const all = groupsOf(numbers);
    const values = (all.length > 1 ? probes : [0]).map((n) => all.map((group) => this.at(n, group)));
    this.groups = all.length;
    this.names = Object.keys(values[0][0]);
    this.shared = new Set(
      this.names.filter(
        (name) =>
          name.startsWith('step.') &&
          all.every(({ hyper, stepSizes }) => {
            const constant = options.optimizer.constantCoefficients(hyper, stepSizes !== undefined);
            const own = name.slice('step.'.length);
            return constant.includes(own === 'move' ? 'stepSize' : own);
          }),
      ),
    );
    this.divided = new Set(
      this.names.filter((name) =>
        values.some(([first, ...others]) => others.some((group) => !agree(first[name], group[name]))),
      ),
    );
    const own = this.names.filter((name) => !this.shared.has(name));
    this.columns = own.flatMap((name) =>
      this.divided.has(name) ? all.map((_, group) => nameIn(name, group)) : [name],
    );
  }

  /** Number of columns. */
  get width(): number {
    return this.columns.length;
  }

  /** What decides the columns, as a key: tables with the same key have the same columns. */
  get key(): string {
    return this.columns.join(' ');
  }

  /**
   * Writes the numbers of steps first, first + 1, … into rows of the columns. The hyper-parameters may be others of the
   * same structure.
   */
  fill(rows: Float64Array, first: number, steps: number, numbers: Numbers): void {
    const groups = groupsOf(numbers);
    let at = 0;
    for (let n = first; n < first + steps; n++) {
      const values = groups.map((group) => this.at(n, group));
      this.check(values, n);
      for (const name of this.names) {
        if (this.shared.has(name)) continue;
        const count = this.divided.has(name) ? groups.length : 1;
        for (let k = 0; k < count; k++) rows[at++] = values[k][name];
      }
    }
  }

  /** Columns that were found to agree must agree at every step. */
  private check(values: readonly Coefficients[], n: number): void {
    for (const name of this.shared)
      for (const group of values)
        if (group[name] !== group[twin(name)])
          throw new Error(`coefficient ${name} departs from its stage at step ${n}`);
    if (values.length === 1) return;
    for (const name of this.names)
      if (!this.divided.has(name) && values.some((group) => !agree(values[0][name], group[name])))
        throw new Error(`coefficient ${name} differs among the groups at step ${n}`);
  }

  /** The coefficients in a row of the columns. */
  scalars(b: GraphBuilder, row: Value): StepScalars {
    const parts = b.split(row, new Array(this.width).fill(1), 0);
    const columns = new Map(this.columns.map((column, i) => [column, b.reshape(parts[i], [])]));
    const found = new Map<string, readonly Value[]>();
    for (const name of this.names) {
      const column = this.shared.has(name) ? twin(name) : name;
      const count = this.divided.has(column) ? this.groups : 1;
      found.set(
        name,
        Array.from({ length: count }, (_, k) => columns.get(nameIn(column, k))!),
      );
    }
    return new StepScalars(found);
  }

  /** All numbers of step n: of the update, of the correction at the stage, and of the correction at n for the self-check. */
  private at(n: number, { hyper, stepSizes, clipNorm }: Numbers): Coefficients {
    const { optimizer, corrected, stage } = this.options;
    const values: Record<string, number> = {};
    const add = (prefix: string, coefficients: Coefficients) => {
      for (const name in coefficients) values[`${prefix}.${name}`] = coefficients[name];
    };
    const correctionAt = (index: number) => {
      const found = optimizer.correctionCoefficients(hyper, index, stepSizes);
      // Parameters of a group without a learning rate do not move, whatever serves as the unit of their κ.
      return { ...found, move: hyper.lr === 0 ? 0 : found.stepSize };
    };
    add('update', optimizer.updateCoefficients(hyper, n, stepSizes));
    add('norm', { eps: typeof hyper.eps === 'number' ? hyper.eps : 0 });
    if (clipNorm !== undefined) add('clip', { limit: clipNorm });
    if (corrected) {
      add('stage', correctionAt(stage === 'step' ? n : stage === 'inf' ? Number.POSITIVE_INFINITY : stage));
      if (stage !== 'step') add('step', correctionAt(n));
    }
    return values;
  }
}

/** The numbers of the parameters that are in no group, and of each group. */
const groupsOf = ({ groups, ...rest }: Numbers): Numbers[] => [
  rest,
  ...(groups?.numbers ?? []).map((own) => ({ ...own, clipNorm: rest.clipNorm })),
];

/**
 * What decides which program takes steps with these numbers, as a key: numbers with the same key differ in inputs of the
 * program only.
 */
export const structureOf = (optimizer: Optimizer, numbers: Numbers): string =>
  [
    optimizer.structure(numbers.hyper),
    new CoefficientTable(
      { optimizer, stage: 'step', corrected: optimizer.notApplicable(numbers.hyper) === undefined },
      numbers,
    ).key,
    numbers.groups?.of ?? '',
  ].join(' | ');

/** The coefficients of one step as values of a program. */
export class StepScalars {
  constructor(private readonly values: ReadonlyMap<string, readonly Value[]>) {}

  has(prefix: string): boolean {
    return [...this.values.keys()].some((name) => name.startsWith(`${prefix}.`));
  }

  /** True where the groups have different numbers. */
  isDivided(name: string): boolean {
    return this.values.get(name)!.length > 1;
  }

  /**
   * The coefficients with a prefix, by the name behind it: scalars, or vectors where the groups differ.
   *
   * @param members for each group 1, 2, … a vector that is true at its coordinates
   */
  of(b: GraphBuilder, prefix: string, members: readonly Value[]): Record<string, Value> {
    const found: Record<string, Value> = {};
    for (const [name, [first, ...others]] of this.values) {
      if (!name.startsWith(`${prefix}.`)) continue;
      found[name.slice(prefix.length + 1)] = others.reduce((rest, own, k) => b.where(members[k], own, rest), first);
    }
    return found;
  }
}
