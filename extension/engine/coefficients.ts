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

/** The coefficient of the stage with the same meaning as one of the step. */
const twin = (name: string): string => name.replace(/^step\./, 'stage.');

/**
 * The numbers of a step that follow from hyper-parameters and step index. They are the columns of one input of a program;
 * what agrees at every step, among groups or between the stage and the step itself, is one column.
 */
export class CoefficientTable {
  /** `update.stepSize`, …: all numbers of a step, in the order of `at`. */
  private readonly names: readonly string[];
  /** The hyper-parameters' own names of the numbers, by source. */
  private readonly keys: { readonly update: readonly string[]; readonly correction: readonly string[] };
  /** The number and the group that each column holds. */
  private readonly columns: readonly { readonly name: number; readonly group: number }[];
  /** Numbers of the correction at step n that equal those of the stage, with these. */
  private readonly shared: ReadonlyMap<number, number>;
  /** Numbers that differ among the groups. */
  private readonly divided: ReadonlySet<number>;

  constructor(
    private readonly options: CoefficientOptions,
    numbers: Numbers,
  ) {
    const { optimizer, corrected, stage } = options;
    const { hyper, stepSizes, clipNorm } = numbers;
    this.keys = {
      update: Object.keys(optimizer.updateCoefficients(hyper, 0, stepSizes)),
      correction: corrected ? [...Object.keys(optimizer.correctionCoefficients(hyper, 0, stepSizes)), 'move'] : [],
    };
    const prefixed = (prefix: string, keys: readonly string[]) => keys.map((key) => `${prefix}.${key}`);
    this.names = [
      ...prefixed('update', this.keys.update),
      'norm.eps',
      ...(clipNorm === undefined ? [] : ['clip.limit']),
      ...prefixed('stage', this.keys.correction),
      ...(stage === 'step' ? [] : prefixed('step', this.keys.correction)),
    ];
    const all = groupsOf(numbers);
    const values = (all.length > 1 ? probes : [0]).map((n) => all.map((group) => this.at(n, group)));
    const places = this.names.map((_, i) => i);
    const isConstant = (name: string) =>
      all.every((group) => {
        const constant = optimizer.constantCoefficients(group.hyper, group.stepSizes !== undefined);
        return constant.includes(name === 'move' ? 'stepSize' : name);
      });
    this.shared = new Map(
      places
        .filter((i) => this.names[i].startsWith('step.') && isConstant(this.names[i].slice('step.'.length)))
        .map((i): [number, number] => [i, this.names.indexOf(twin(this.names[i]))]),
    );
    this.divided = new Set(
      places.filter((i) => values.some(([first, ...others]) => others.some((group) => !agree(first[i], group[i])))),
    );
    this.columns = places
      .filter((i) => !this.shared.has(i))
      .flatMap((name) => (this.divided.has(name) ? all.map((_, group) => ({ name, group })) : [{ name, group: 0 }]));
  }

  /** Number of columns. */
  get width(): number {
    return this.columns.length;
  }

  /** What decides the columns, as a key: tables with the same key have the same columns. */
  get key(): string {
    return this.columns.map(({ name, group }) => `${this.names[name]}@${group}`).join(' ');
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
      for (const { name, group } of this.columns) rows[at++] = values[group][name];
    }
  }

  /** Numbers that were found to agree must agree at every step. */
  private check(values: readonly (readonly number[])[], n: number): void {
    for (const [i, other] of this.shared)
      for (const group of values)
        if (group[i] !== group[other])
          throw new Error(`coefficient ${this.names[i]} departs from its stage at step ${n}`);
    if (values.length === 1) return;
    for (let i = 0; i < this.names.length; i++)
      if (!this.divided.has(i) && values.some((group) => !agree(values[0][i], group[i])))
        throw new Error(`coefficient ${this.names[i]} differs among the groups at step ${n}`);
  }

  /** The coefficients in a row of the columns, each of shape [1]. */
  scalars(b: GraphBuilder, row: Value): StepScalars {
    const parts = b.split(row, new Array(this.width).fill(1), 0);
    const found = new Map<string, readonly Value[]>();
    this.names.forEach((name, i) => {
      const place = this.shared.get(i) ?? i;
      found.set(
        name,
        parts.filter((_, k) => this.columns[k].name === place),
      );
    });
    return new StepScalars(found);
  }

  /** All numbers of step n: of the update, of the correction at the stage, and of the correction at n for the self-check. */
  private at(n: number, { hyper, stepSizes, clipNorm, unit }: OneGroup): number[] {
    const { optimizer, corrected, stage } = this.options;
    const values: number[] = [];
    const add = (coefficients: Coefficients, keys: readonly string[]) => {
      for (const key of keys) values.push(coefficients[key]);
    };
    const correctionAt = (index: number) => {
      const found = optimizer.correctionCoefficients(unit.hyper, index, unit.stepSizes);
      add({ ...found, move: hyper.lr === 0 ? 0 : found.stepSize }, this.keys.correction);
    };
    add(optimizer.updateCoefficients(hyper, n, stepSizes), this.keys.update);
    values.push(typeof hyper.eps === 'number' ? hyper.eps : 0);
    if (clipNorm !== undefined) values.push(clipNorm);
    if (corrected) {
      correctionAt(stage === 'step' ? n : stage === 'inf' ? Number.POSITIVE_INFINITY : stage);
      if (stage !== 'step') correctionAt(n);
    }
    return values;
  }
}

/** The numbers of one group. */
interface OneGroup extends Numbers {
  /**
   * What the correction is in units of. Parameters of a group whose learning rate is 0 do not move; the others' steps serve
   * them as units.
   */
  readonly unit: GroupNumbers;
}

/** The numbers of the parameters that are in no group, and of each group. */
const groupsOf = ({ groups, ...rest }: Numbers): OneGroup[] =>
  [rest, ...(groups?.numbers ?? [])].map(({ hyper, stepSizes }) => ({
    ...{ hyper, stepSizes, clipNorm: rest.clipNorm },
    unit: hyper.lr === 0 ? { hyper: { ...hyper, lr: rest.hyper.lr }, stepSizes: rest.stepSizes } : { hyper, stepSizes },
  }));

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
