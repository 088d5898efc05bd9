import type { Schedule } from '../config.ts';
import { optimizersOf, setByHand } from './actedOn.ts';
import type { Evaluator } from './evaluate.ts';
import { type Evaluated, literal, rangeOf, readArguments, scalarOf, unknownAt } from './values.ts';

interface Reader {
  argument(index: number): Evaluated | undefined;
  keyword(name: string): Evaluated | undefined;
}

/** Where the largest value of a schedule stands: keyword, position, default; of several, the largest counts. */
type Peak = readonly [keyword: string, position: number, fallback?: number];

const OPTAX: Readonly<Record<string, readonly Peak[]>> = {
  constant_schedule: [['value', 0]],
  cosine_decay_schedule: [['init_value', 0]],
  exponential_decay: [['init_value', 0]],
  linear_schedule: [
    ['init_value', 0],
    ['end_value', 1],
  ],
  polynomial_schedule: [
    ['init_value', 0],
    ['end_value', 1],
  ],
  cosine_onecycle_schedule: [['peak_value', 1]],
  linear_onecycle_schedule: [['peak_value', 1]],
  warmup_constant_schedule: [['peak_value', 1]],
  warmup_cosine_decay_schedule: [['peak_value', 1]],
  warmup_exponential_decay_schedule: [['peak_value', 1]],
  piecewise_constant_schedule: [['init_value', 0]],
  piecewise_interpolate_schedule: [['init_value', 1]],
};
const KERAS: Readonly<Record<string, readonly Peak[]>> = {
  ExponentialDecay: [['initial_learning_rate', 0]],
  InverseTimeDecay: [['initial_learning_rate', 0]],
  PolynomialDecay: [['initial_learning_rate', 0]],
  // With warm-up it rises to the target.
  CosineDecay: [
    ['initial_learning_rate', 0],
    ['warmup_target', 4],
  ],
  CosineDecayRestarts: [['initial_learning_rate', 0]],
};
const PADDLE: Readonly<Record<string, readonly Peak[]>> = {
  ...Object.fromEntries(
    'CosineAnnealing Polynomial Exponential NaturalExp InverseTime Step MultiStep Lambda Multiplicative'
      .split(' ')
      .map((name) => [`${name}Decay`, [['learning_rate', 0] as const]]),
  ),
  ReduceOnPlateau: [['learning_rate', 0]],
  OneCycleLR: [['max_learning_rate', 0]],
};
const MLX: Readonly<Record<string, readonly Peak[]>> = {
  cosine_decay: [['init', 0]],
  exponential_decay: [['init', 0]],
  step_decay: [['init', 0]],
  linear_schedule: [
    ['init', 0],
    ['end', 1],
  ],
};
const OPTAX_MODULE = /^optax(?:\.schedules|\.\w+)*\.(\w+)$/;
const KERAS_MODULE =
  /^(?:tensorflow(?:\.\w+)*|tf_keras|keras(?:\.\w+)*)\.(?:optimizers\.schedules|optimizers\.\w+\.schedules|optimizer(?:s|_v2)(?:\.\w+)*\.learning_rate_schedule|experimental)\.(\w+)$/;
const PADDLE_MODULE = /^paddle\.optimizer\.lr\.(\w+)$/;
const MLX_MODULE = /^mlx\.optimizers(?:\.schedulers)?\.(cosine_decay|exponential_decay|step_decay|linear_schedule)$/;
/** The schedules of a module, with where each has its peak. */
const TABLES = [
  [OPTAX_MODULE, OPTAX],
  [KERAS_MODULE, KERAS],
  [MLX_MODULE, MLX],
  [PADDLE_MODULE, PADDLE],
] as const;

/** A schedule that a call makes, with its peak; undefined for calls of other things. */
export function schedulePeak(node: { from: number; to: number }, name: string, reader: Reader): Evaluated | undefined {
  const [found] = TABLES.flatMap(([module, table]) => {
    const [, short] = module.exec(name) ?? [];
    return short === undefined ? [] : [{ short, table }];
  });
  if (!found) return undefined;
  const { short, table } = found;
  if (/^(?:join_schedules|sgdr_schedule)$/.test(short)) return joined(node, short, reader);
  if (short === 'PiecewiseConstantDecay') {
    const values = reader.keyword('values') ?? reader.argument(1);
    return schedule(node, short, values?.value.kind === 'sequence' ? values.value.items : [undefined]);
  }
  const peaks = Object.hasOwn(table, short) ? table[short] : undefined;
  if (!peaks) {
    // Paddle's module has schedules alone, Keras' has others beside them.
    const isSchedule = table === PADDLE || (table === KERAS && /[Ss]chedule|Decay|Warmup/.test(short));
    return isSchedule ? schedule(node, short, [undefined]) : undefined;
  }
  const values = peaks.map(([keyword, position]) => reader.keyword(keyword) ?? reader.argument(position));
  // Only a warm-up may be left out.
  const given =
    short === 'CosineDecay' ? values.filter((value, i) => i === 0 || (value && scalarOf(value) !== null)) : values;
  return schedule(node, short, given);
}

/** Schedules one after the other: the largest peak. */
function joined(node: { from: number; to: number }, name: string, reader: Reader): Evaluated {
  const parts = reader.keyword('schedules') ?? reader.argument(0);
  const items = parts?.value.kind === 'sequence' ? parts.value.items : [];
  const peaks = items.map(({ value }) => (value.kind === 'schedule' ? value.peak : undefined));
  return schedule(node, name, peaks.length > 0 ? peaks : [undefined]);
}

/** A schedule whose peak is the largest of some values, if all are known. */
function schedule(
  node: { from: number; to: number },
  name: string,
  values: readonly (Evaluated | undefined)[],
): Evaluated {
  const known = values.filter((value) => value !== undefined && typeof scalarOf(value) === 'number') as Evaluated[];
  const complete = known.length === values.length && known.length > 0;
  const peak = complete
    ? known.reduce((one, other) => (Number(scalarOf(other)) > Number(scalarOf(one)) ? other : one))
    : undefined;
  return literal(node, { kind: 'schedule', name, ...(peak && { peak }) });
}

/** Schedulers that hold the optimizer that they act on, and those that set its peak themselves. */
const SCHEDULER =
  /(?:^torch\.optim\.lr_scheduler\.|^torch\.optim\.swa_utils\.SWALR$|^transformers(?:\.\w+)*\.get_\w*schedule\w*$|^transformers(?:\.\w+)*\.get_scheduler$|^diffusers(?:\.\w+)*\.get_\w*schedul\w*$|^timm\.scheduler(?:\.\w+)*\.(?:\w+LRScheduler|create_scheduler(?:_v2)?)$|^(?:ignite|monai|pytorch_optimizer|torch_optimizer|fvcore|detectron2|mmengine)\S*(?:LR|Scheduler|Annealing\w*)$|Scheduler$|LR$|(?:^|\.)get_\w*schedule\w*$)/;
const PEAKED = /\.(?:OneCycleLR|CyclicLR)$/;

export interface Scheduled {
  readonly schedule: Schedule;
  /** The learning rate that the scheduler brings the optimizer to. */
  readonly peak?: Evaluated;
  /** What the training sets itself: a default of the constructor is then no value. */
  readonly replaced?: readonly string[];
}

/** The schedulers of a text by the offset of the optimizer's call on which they act; `known` are such offsets. */
export function schedulers(evaluator: Evaluator, known: ReadonlySet<number>): ReadonlyMap<number, Scheduled> {
  const found = new Map<number, Scheduled>();
  const own = new Map<number, Scheduled>();
  for (const { node, scope } of evaluator.index.calls) {
    const callee = node.firstChild;
    if (!callee || !/LR\b|[sS]chedul|Annealing|Warmup|Cycle/.test(evaluator.text(callee))) continue;
    const { value } = evaluator.evaluate(callee, scope);
    const name =
      value.kind === 'reference'
        ? value.name
        : value.kind === 'class' || value.kind === 'function'
          ? value.scope.name
          : '';
    if (!SCHEDULER.test(name)) continue;
    const given = readArguments(node.getChild('ArgList'), evaluator.index.text);
    const named = given.keywords.get('optimizer')?.value;
    const calls = (named ? [named] : given.positional.slice(0, 3))
      .map((each) => optimizersOf(evaluator, each, scope).filter((call) => known.has(call)))
      .find((each) => each.length > 0);
    const largest = given.keywords.get('max_lr')?.value ?? given.positional[name.endsWith('CyclicLR') ? 2 : 1];
    const peak = PEAKED.test(name) ? (largest ? evaluator.evaluate(largest, scope) : unknownAt(node)) : undefined;
    const chosen = given.keywords.get('name')?.value ?? given.positional[0];
    const chooser =
      chosen && /(?:^|\.)(?:get|create)_scheduler$/.test(name) ? evaluator.evaluate(chosen, scope) : undefined;
    // timm's is given all arguments of the script.
    const isInside = name.startsWith('timm.');
    const text = chooser && scalarOf(isInside ? evaluator.attributes.attribute(chooser, 'sched', node) : chooser);
    const short = typeof text === 'string' ? text.slice(0, 80) : name.slice(name.lastIndexOf('.') + 1);
    for (const call of calls ?? []) {
      // Of several in a row the first is the main one, unless it only holds others, or is seen inside of a function.
      const before = found.get(call);
      if (value.kind === 'function') own.set(call, { schedule: { name: short, range: rangeOf(callee) } });
      else if (!before) found.set(call, { schedule: { name: short, range: rangeOf(callee) }, ...(peak && { peak }) });
      else if (!/^(?:SequentialLR|ChainedScheduler)$/.test(short))
        found.set(call, {
          ...before,
          schedule: { ...before.schedule, name: `${before.schedule.name}, ${short}`.slice(0, 120) },
        });
    }
  }
  for (const [call, scheduled] of own) if (!found.has(call)) found.set(call, scheduled);
  for (const { key, node, optimizer, scope } of setByHand(evaluator))
    for (const call of optimizersOf(evaluator, optimizer, scope)) {
      const before = found.get(call) ?? {
        schedule: { name: key === 'lr' ? 'hand-written' : `hand-written ${key}`, range: rangeOf(node) },
      };
      found.set(call, { ...before, replaced: [...(before.replaced ?? []), key] });
    }
  return found;
}
