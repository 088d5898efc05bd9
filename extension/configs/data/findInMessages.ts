import { type Argument, assemble, assembleGeneric, type Finding } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { isAdamLike, optimizerNamed } from '../names.ts';
import { type DataEntry, type DataNode, findingOf, type MapNode, NODE_LIMIT, textAt } from './tree.ts';

/** The optimizers in protocol buffers as text: of TensorFlow's Object Detection API and what has its messages, and Caffe's solvers. */
export function findInMessages(root: DataNode): OptimizerConfig[] {
  const found: OptimizerConfig[] = [];
  const stack: { node: DataNode; key: string }[] = [{ node: root, key: '' }];
  for (let visited = 0; stack.length > 0 && visited < NODE_LIMIT; visited++) {
    const { node, key } = stack.pop()!;
    if (node.kind === 'list') {
      for (const item of [...node.items].reverse()) stack.push({ node: item, key });
      continue;
    }
    if (node.kind !== 'map') continue;
    const config = key === 'optimizer' ? fromOptimizer(node) : node === root ? fromSolver(node) : undefined;
    if (config) found.push(config);
    else for (const [name, { value }] of [...node.entries].reverse()) stack.push({ node: value, key: name });
  }
  return found;
}

/** `optimizer { adam_optimizer { learning_rate { … } } use_moving_average: false }`. */
function fromOptimizer(optimizer: MapNode): OptimizerConfig | undefined {
  const [name, entry] =
    [...optimizer.entries].find(([key, { value }]) => key.endsWith('_optimizer') && value.kind === 'map') ?? [];
  if (name === undefined || entry?.value.kind !== 'map') return undefined;
  const definition = constructorOf(`object_detection.optimizer.${name}`);
  const message = entry.value;
  const bound = new Map<string, Argument>();
  for (const [key, { keyRange, value }] of message.entries)
    if (key !== 'learning_rate') bound.set(key, { finding: findingOf(value, value), keyRange });
  const rate = message.entries.get('learning_rate');
  const peak = rate?.value.kind === 'map' ? peakOf(rate.value) : undefined;
  if (rate)
    bound.set('learning_rate', {
      finding: peak ?? { value: undefined, from: 'unknown', range: rate.value.range },
      keyRange: rate.keyRange,
    });
  const call = { constructorName: name, range: entry.keyRange, callRange: optimizer.range, arguments: bound };
  const known = new Set(definition?.parameters.map((parameter) => parameter.name));
  const isOwn = definition && [...bound.keys()].every((key) => known.has(key)) && (!rate || peak?.isOwn === true);
  // Without the message there is no learning rate; with it, and nothing in it, the one that the message begins with.
  if (isOwn) {
    if (peak?.value === undefined && peak) bound.delete('learning_rate');
    else if (!rate)
      bound.set('learning_rate', { finding: { value: undefined, from: 'unknown', range: entry.keyRange } });
    return assemble(definition, { ...call, open: false, ...(peak?.schedule && { schedule: peak.schedule }) });
  }
  // Others have these messages with fields of their own, and defaults of their own.
  const canonical = optimizerNamed(name.replace(/_optimizer$/, ''));
  const momentum = bound.get('momentum_optimizer_value');
  if (momentum) bound.set('momentum', momentum);
  if (canonical === undefined) return undefined;
  const fixed = optimizer.entries.get('fixed_weight_decay')?.value;
  const isFixed = fixed?.kind === 'scalar' && fixed.value === true;
  return assembleGeneric('generic', isFixed ? (optimizerNamed(`${canonical}w`) ?? canonical) : canonical, call);
}

/** The fields of a message of learning rates that may hold the largest. */
const RATES: Readonly<Record<string, readonly string[]>> = {
  constant_learning_rate: ['learning_rate'],
  exponential_decay_learning_rate: ['initial_learning_rate'],
  manual_step_learning_rate: ['initial_learning_rate'],
  cosine_decay_learning_rate: ['learning_rate_base'],
};
/** Those of projects that have the messages and not the schedules. */
const OTHER_RATES: Readonly<Record<string, readonly string[]>> = {
  one_cycle: ['lr_max'],
  exponential_decay: ['initial_learning_rate'],
};

/** The largest learning rate; `isOwn` where the message is one of TensorFlow's. A value that is undefined stands for its default. */
function peakOf(rate: MapNode): (Finding & { readonly isOwn: boolean }) | undefined {
  const [name, entry] = [...rate.entries][0] ?? [];
  const isOwn = name !== undefined && Object.hasOwn(RATES, name);
  const fields = name === undefined ? undefined : isOwn ? RATES[name] : OTHER_RATES[name];
  if (name === undefined || entry?.value.kind !== 'map' || !fields) return undefined;
  const schedule = { name: name.replace(/_learning_rate$/, ''), range: entry.keyRange };
  const scheduled = name === 'constant_learning_rate' ? {} : { schedule };
  const message = entry.value;
  const first = fields.map((field) => message.entries.get(field)).find((each) => each !== undefined);
  const findings = [...(first ? [first] : []), ...steps(message)].map(({ value }) => findingOf(value, value));
  if (!first) return { value: undefined, from: 'literal', range: entry.value.range, isOwn, ...scheduled };
  if (!findings.every(({ value }) => typeof value === 'number'))
    return { value: undefined, from: 'unknown', range: entry.value.range, isOwn: false, ...scheduled };
  const largest = findings.reduce((one, other) => (Number(other.value) > Number(one.value) ? other : one));
  return { ...largest, isOwn, ...scheduled };
}

/** `schedule { step: 900000 learning_rate: .0004 }`, any number of them. */
function steps(message: MapNode): DataEntry[] {
  const value = message.entries.get('schedule')?.value;
  const all = value?.kind === 'list' ? value.items : value ? [value] : [];
  return all.flatMap((each) => (each.kind === 'map' ? (each.entries.get('learning_rate') ?? []) : []));
}

/** Caffe's solver: `type: "Adam" base_lr: 1e-3 momentum: 0.9 momentum2: 0.999`. */
function fromSolver(root: MapNode): OptimizerConfig | undefined {
  const rate = root.entries.get('base_lr');
  if (!rate || !['lr_policy', 'solver_mode', 'net', 'train_net', 'max_iter'].some((key) => root.entries.has(key)))
    return undefined;
  const nameKey = ['type', 'solver_type'].find((key) => textAt(root, key) !== undefined);
  const name = nameKey === undefined ? 'SGD' : textAt(root, nameKey)!;
  const optimizer = optimizerNamed(name);
  if (optimizer === undefined) return undefined;
  const renamed: Readonly<Record<string, string>> = isAdamLike(optimizer)
    ? { momentum: 'beta1', momentum2: 'beta2', delta: 'eps' }
    : { delta: 'eps', rms_decay: 'alpha' };
  const bound = new Map<string, Argument>();
  for (const [key, { keyRange, value }] of root.entries)
    bound.set(renamed[key] ?? key, { finding: findingOf(value, value), keyRange });
  const { range } = nameKey === undefined ? { range: rate.keyRange } : root.entries.get(nameKey)!.value;
  const policy = root.entries.get('lr_policy')?.value;
  const policyName = textAt(root, 'lr_policy');
  const schedule =
    policy && policyName !== undefined && policyName !== 'fixed'
      ? { name: policyName, range: policy.range }
      : undefined;
  const callRange = root.range;
  return assembleGeneric('generic', optimizer, {
    constructorName: name,
    range,
    callRange,
    arguments: bound,
    ...(schedule && { schedule }),
  });
}
