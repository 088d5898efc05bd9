import { type Argument, assemble, assembleGeneric } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { type Constructor, constructorOf } from '../frameworks.ts';
import {
  huggingFaceOptimizer,
  isHuggingFaceName,
  isPlainAdam,
  kerasClass,
  optimizerNamed,
  TELLING_PART,
} from '../names.ts';
import { canonicalNames } from '../signature.ts';
import type { SourceRange } from '../source.ts';
import { withNoamPeak } from './noam.ts';
import { groupsIn, isLevanter } from './projects.ts';
import { detectionSchedule, withRates } from './rates.ts';
import { type DataEntry, type DataNode, findingOf, type MapNode, NODE_LIMIT, textAt } from './tree.ts';

/** Keys whose value is an optimizer, and keys that hold its arguments beside its name. */
const OPTIMIZER_KEY = /^(optimizers?|optim|opt|optimi[sz]er_?(cfg|config)|(actor|critic|gen|disc|[gd])_optimizer)$/i;
const NAME_KEY = /^(optimizer|optim|opt|optimizer_?(name|type|class)|optim_(name|type)|opt_(name|type))$/i;
/** Keys by which an optimizer's own map names it. */
const NAMED_BY = [
  ...['type', 'name', '_name_', '_name', 'optimizer_type', 'class_name', 'optimizer'],
  ...['type_optim', 'optim_type', 'optim', 'method', 'algorithm', 'algo'],
];
const PARAMETERS_KEY = /^((optimizer|optim|opt)_)?(params|args|kwargs|parameters|hparams|config|conf)$/i;
/** Keys whose value is a schedule, or names one. */
const SCHEDULE_KEY =
  /^((lr_|learning_rate_|lr)?(sched|scheduler|schedule)(_type|_name)?|decay_method|lr_decay_style|(lr|noam)_annealing(_\w+)?)$/i;
const CLASS_KEYS = ['class_path', '_target_', '_component_', 'class'] as const;

const OTHER_OPTIMIZERS = ['use_galore', 'use_apollo', 'use_badam', 'use_muon', 'use_adam_mini'] as const;

export interface DataOptions {
  /** In Python only maps that name a class or a type count; bare keys are no evidence there. */
  readonly python?: boolean;
}

/** The optimizer configurations in a data tree. */
export function findInData(root: DataNode, options: DataOptions = {}): OptimizerConfig[] {
  const found: OptimizerConfig[] = [];
  const stack: { node: DataNode; key: string; parent?: MapNode }[] = [{ node: root, key: '' }];
  for (let visited = 0; stack.length > 0 && visited < NODE_LIMIT; visited++) {
    const { node, key, parent } = stack.pop()!;
    if (node.kind === 'list') {
      for (const item of [...node.items].reverse()) stack.push({ node: item, key });
      continue;
    }
    if (node.kind !== 'map') continue;
    const whole =
      withSchedule(fromClass(node, key, root), parent, root) ??
      fromType(node, isNamedRoot(node, root) ? 'optimizer' : key, root, options, parent);
    if (whole) {
      found.push(whole);
      continue;
    }
    const part = fromSolver(node, key, root) ?? (options.python ? undefined : fromKeys(node, root));
    if (part) found.push(part.config);
    for (const [name, entry] of [...node.entries].reverse()) {
      if (entry !== part?.entry) stack.push({ node: entry.value, key: name, parent: node });
    }
  }
  return found;
}

/** A file that is one optimizer: of a Hydra group (`_name_: adamw` beside its settings), or as Keras serializes it. */
const isNamedRoot = (node: MapNode, root: DataNode): boolean =>
  node === root && (textAt(node, '_name_') !== undefined || kerasClass(textAt(node, 'class_name') ?? '') !== undefined);

/** Lightning's `class_path`/`init_args`, Hydra's `_target_`, torchtune's `_component_`. */
function fromClass(map: MapNode, key: string, root: DataNode): OptimizerConfig | undefined {
  for (const classKey of CLASS_KEYS) {
    const name = textAt(map, classKey);
    if (name === undefined || (classKey === 'class' && !name.includes('.'))) continue;
    // Lightning accepts bare class names of torch.optim under `optimizer`.
    const qualified = name.includes('.') || !OPTIMIZER_KEY.test(key) ? name : `torch.optim.${name}`;
    const definition = constructorOf(qualified);
    if (!definition || definition.namedBy) return undefined;
    const values = classKey === 'class_path' ? map.entries.get('init_args')?.value : map;
    return make(definition, name, map.entries.get(classKey)!, map, values, root);
  }
  return undefined;
}

/** `optimizer: {type: AdamW, params: {…}}` (DeepSpeed) and `optimizer = dict(type='AdamW', lr=…)` (OpenMMLab and others). */
function fromType(
  map: MapNode,
  key: string,
  root: DataNode,
  options: DataOptions,
  parent: MapNode | undefined,
  capitals = false,
): OptimizerConfig | undefined {
  if (!OPTIMIZER_KEY.test(key)) return undefined;
  if (key === key.toUpperCase() && !options.python)
    return fromType(uncapitalised(map), key.toLowerCase(), root, options, parent && uncapitalised(parent), true);
  for (const nameKey of NAMED_BY) {
    const name = textAt(map, nameKey);
    if (name === undefined) continue;
    const nameEntry = map.entries.get(nameKey)!;
    const nested = [...map.entries].find(([k, e]) => PARAMETERS_KEY.test(k) && e.value.kind === 'map')?.[1].value;
    if (nameKey === 'type' && nested && map.entries.has('params')) {
      const deepSpeed = constructorOf(`deepspeed.json.${name}`);
      if (deepSpeed) {
        // GPT-NeoX has DeepSpeed's section and a weight decay of its own for the groups that it makes.
        const decay =
          nested.kind === 'map' && nested.entries.has('weight_decay') ? undefined : parent?.entries.get('weight_decay');
        return withSchedule(
          make(deepSpeed, name, nameEntry, map, nested, root, decay && { weight_decay: decay }),
          parent,
          root,
        );
      }
    }
    const keras = nameKey === 'class_name' && nested ? kerasClass(name) : undefined;
    const kerasConstructor = keras === undefined ? undefined : constructorOf(`keras.optimizers.${keras}`);
    if (kerasConstructor) return make(kerasConstructor, name, nameEntry, map, nested, root);
    const named = optimizerNamed(name);
    const optimizer = named && isPlainAdam(name) && isLevanter(root) ? optimizerNamed(`${name}w`) : named;
    if (!optimizer) return undefined;
    if (options.python) {
      const definition = constructorOf(`torch.optim.${name}`);
      const values = nested?.kind === 'map' ? nested : map;
      if (!definition || !evidence(values)) return undefined;
      return make({ ...definition, framework: 'mmengine' }, name, nameEntry, map, values, root);
    }
    const values = withRates(nested?.kind === 'map' ? nested : map, parent, root.kind === 'map' ? root : undefined);
    const beside =
      nameKey === '_name'
        ? parent === root
          ? sectionOf(parent, 'optimization')
          : parent
        : capitals
          ? parent
          : undefined;
    if (!evidence(values) && !(beside && evidence(beside))) return undefined;
    const made = generic(optimizer, name, nameEntry.value.range, map.range, values, root, beside);
    const found = withSchedule(withSchedule(made, values, root), parent, root);
    const schedule = found.schedule ?? detectionSchedule(root);
    return schedule ? { ...found, schedule } : found;
  }
  const entry = parent?.entries.get(key);
  const standard = entry && isLevanter(root) ? optimizerNamed(`${TELLING_PART}w`) : undefined;
  return standard && evidence(map)
    ? withSchedule(generic(standard, key, entry!.keyRange, map.range, map, root), map, root)
    : undefined;
}

/** A configuration with the schedule that stands beside it, whose largest learning rate counts where it has one. */
function withSchedule<C extends OptimizerConfig | undefined>(config: C, map: MapNode | undefined, root: DataNode): C {
  const found = [...(map?.entries ?? [])].find(([key]) => SCHEDULE_KEY.test(key))?.[1].value;
  if (!config || !found || config.schedule) return config;
  const name =
    found.kind === 'map'
      ? ['type', 'name', '_target_', '_component_', 'class_path', '_name']
          .map((key) => textAt(found, key))
          .find(Boolean)
      : undefined;
  const written = name ?? (found.kind === 'scalar' && typeof found.value === 'string' ? found.value : undefined);
  if (written === undefined || written.length > 80 || /^(none|null|false|auto)$/i.test(written)) return config;
  const schedule = { name: written.slice(written.lastIndexOf('.') + 1), range: found.range };
  const parameters = found.kind === 'map' ? found.entries.get('params')?.value : undefined;
  const peak = parameters?.kind === 'map' ? parameters.entries.get('warmup_max_lr') : undefined;
  const { value, from, range } = peak
    ? findingOf(peak.value, root)
    : { value: undefined, from: 'unknown', range: found.range };
  if (!peak || typeof value !== 'number' || from === 'unknown') {
    // SpeechBrain's schedule of that name begins with the peak.
    const isFactor = !written.startsWith('speechbrain.');
    const beside = map?.entries.get('scheduler_conf')?.value;
    const settings = [found, map, beside].map((each) => (each?.kind === 'map' ? each : undefined));
    return isFactor ? (withNoamPeak({ ...config, schedule }, settings, root) as C) : { ...config, schedule };
  }
  const lr = { argument: 'warmup_max_lr', value, from: 'literal' as const, range, keyRange: peak.keyRange };
  return { ...config, schedule, hyperparameters: new Map([...config.hyperparameters, ['lr', lr]]) };
}

/** Fairseq writes `optimizer: {_name: adam}`, and the learning rate under `optimization` or, in groups, beside it. */
function sectionOf(root: MapNode, key: string): MapNode | undefined {
  const node = root.entries.get(key)?.value;
  return node?.kind === 'map' ? node : undefined;
}

/** Keys of SOLVER that name its optimizer in projects other than Detectron2: SlowFast, FastReID and others. */
const SOLVER_NAME_KEYS = ['OPTIMIZING_METHOD', 'OPTIMIZER_NAME', 'OPT', 'NAME', 'TYPE'] as const;

/** The same with keys as others write them, where they are in capitals (yacs): BASE_LR is the learning rate. */
function uncapitalised(map: MapNode): MapNode {
  const entries = [...map.entries].map(
    ([key, entry]) => [key === 'BASE_LR' ? 'lr' : key.toLowerCase(), entry] as const,
  );
  return { ...map, entries: new Map(entries) };
}

/** `SOLVER: {BASE_LR: …}` of Detectron2 and of other projects that are configured with yacs. */
function fromSolver(
  map: MapNode,
  key: string,
  root: DataNode,
): { config: OptimizerConfig; entry?: DataEntry } | undefined {
  const baseLr = key === 'SOLVER' ? map.entries.get('BASE_LR') : undefined;
  if (!baseLr) return undefined;
  const nameKey = SOLVER_NAME_KEYS.find((each) => textAt(map, each) !== undefined);
  if (nameKey && !map.entries.has('OPTIMIZER')) {
    const optimizer = optimizerNamed(textAt(map, nameKey)!);
    const { range } = map.entries.get(nameKey)!.value;
    return optimizer === undefined
      ? undefined
      : { config: generic(optimizer, textAt(map, nameKey)!, range, map.range, uncapitalised(map), root) };
  }
  if (!map.entries.has('OPTIMIZER') && !isDetectron2(map, root)) return undefined;
  const named = textAt(map, 'OPTIMIZER') === undefined ? baseLr.keyRange : map.entries.get('OPTIMIZER')!.value.range;
  const bound = argumentsOf(map, root);
  if (!bound.has('OPTIMIZER')) bound.set('OPTIMIZER', { finding: { value: 'SGD', from: 'literal', range: named } });
  const config = assemble(constructorOf('detectron2.solver.SOLVER')!, {
    constructorName: textAt(map, 'OPTIMIZER') ?? 'SOLVER',
    range: named,
    callRange: map.range,
    arguments: bound,
    // What is absent may stand in the base file.
    open: root.kind === 'map' && root.entries.has('_BASE_'),
  });
  // Detectron2 always has a schedule; this is the one that it has unless another is named.
  const timed = map.entries.get('LR_SCHEDULER_NAME') ?? map.entries.get('STEPS');
  const schedule = timed && { name: textAt(map, 'LR_SCHEDULER_NAME') ?? 'WarmupMultiStepLR', range: timed.value.range };
  return config && { config: { ...config, ...(schedule && { schedule }) } };
}

/** What only Detectron2 and its forks have: they descend by SGD where nothing else is named. */
function isDetectron2(solver: MapNode, root: DataNode): boolean {
  if (['MAX_ITER', 'STEPS', 'IMS_PER_BATCH', 'REFERENCE_WORLD_SIZE'].some((key) => solver.entries.has(key)))
    return true;
  if (root.kind !== 'map') return false;
  const model = root.entries.get('MODEL')?.value;
  const named = model?.kind === 'map' && model.entries.has('META_ARCHITECTURE');
  return named || root.entries.has('_BASE_') || root.entries.has('VERSION');
}

/** `optimizer: adam` beside `lr` and its like; Hugging Face's training arguments. */
function fromKeys(map: MapNode, root: DataNode): { config: OptimizerConfig; entry?: DataEntry } | undefined {
  const named = [...map.entries].find(([key, { value }]) => {
    return NAME_KEY.test(key) && value.kind === 'scalar' && typeof value.value === 'string';
  });
  const name = named ? textAt(map, named[0])! : undefined;
  if (isHuggingFace(map, named?.[0], name)) {
    const entry = named?.[1] ?? map.entries.get('learning_rate') ?? map.entries.get('adam_beta2')!;
    const definition = constructorOf('transformers.TrainingArguments')!;
    const values = argumentsOf(map, root);
    if (named) values.set('optim', { finding: findingOf(named[1].value, root), keyRange: named[1].keyRange });
    const range = named ? entry.value.range : entry.keyRange;
    const constructorName = name ?? 'TrainingArguments';
    const config = assemble(definition, {
      constructorName,
      range,
      callRange: map.range,
      arguments: values,
      open: false,
    });
    return config && { config };
  }
  const optimizer = name === undefined ? undefined : optimizerNamed(name);
  if (!named || name === undefined || !optimizer) return undefined;
  const beside = [...map.entries].find(([key, { value }]) => PARAMETERS_KEY.test(key) && value.kind === 'map')?.[1];
  const section = withRates(map, undefined, undefined);
  const given = beside?.value.kind === 'map' ? withRates(beside.value, section, undefined) : undefined;
  const inner = given && evidence(given) ? given : undefined;
  if (!inner && !evidence(section)) return undefined;
  const config = withSchedule(
    generic(optimizer, name, named[1].value.range, map.range, inner ?? section, root, inner ? section : undefined),
    map,
    root,
  );
  return { config, ...(inner && beside && { entry: beside }) };
}

/** TrainingArguments in a file: Hugging Face's own keys beside a learning rate. */
function isHuggingFace(map: MapNode, key: string | undefined, name: string | undefined): boolean {
  const keys = map.entries;
  if (!keys.has('learning_rate') && !keys.has('adam_beta2')) return false;
  if (name !== undefined && !huggingFaceOptimizer(name)) return false;
  // OpenNMT has Adam itself, which the trainer does not, under the trainer's keys.
  if (name !== undefined && isPlainAdam(name)) return false;
  // LLaMA-Factory's switches replace the optimizer.
  for (const other of OTHER_OPTIMIZERS) {
    const entry = keys.get(other)?.value;
    if (entry?.kind === 'scalar' && entry.value === true) return false;
  }
  // Axolotl names Hugging Face's optimizers, and has batch sizes of its own.
  if (name !== undefined && isHuggingFaceName(name) && key === 'optimizer') return keys.has('learning_rate');
  const own = keys.has('per_device_train_batch_size') || keys.has('adam_beta1') || keys.has('adam_beta2');
  return own && (name === undefined || key === 'optim' || key === 'optimizer');
}

/** A learning rate, or two other hyper-parameters: without them the name of an optimizer alone proves nothing. */
export function evidence(map: MapNode): boolean {
  const names = new Set([...map.entries].flatMap(([key, { value }]) => (isQuantity(value) ? canonicalNames(key) : [])));
  names.delete('alpha');
  names.delete('power');
  return names.has('lr') || names.size >= 2;
}

/** A number, a flag, a list, or a reference to be filled in (`${lr}`); not a word. */
function isQuantity(node: DataNode): boolean {
  if (node.kind !== 'scalar') return node.kind === 'list';
  const { value } = findingOf(node, node);
  return (
    node.value === undefined ||
    typeof value === 'number' ||
    typeof value === 'boolean' ||
    Array.isArray(value) ||
    /\$\{/.test(String(node.value))
  );
}

function generic(
  optimizer: string,
  constructorName: string,
  range: SourceRange,
  callRange: SourceRange,
  values: MapNode,
  root: DataNode,
  fallback?: MapNode,
): OptimizerConfig {
  const all = argumentsOf(values, root);
  for (const [key, argument] of fallback ? argumentsOf(fallback, root) : []) if (!all.has(key)) all.set(key, argument);
  const groups = groupsIn(values, root);
  const config = assembleGeneric('generic', optimizer, { constructorName, range, callRange, arguments: all, groups });
  return /^decoupled/i.test(constructorName) ? withDecayOfRate(config) : config;
}

/** Composer's decoupled optimizers shrink weights by the weight decay itself, not by its product with the learning rate. */
function withDecayOfRate(config: OptimizerConfig): OptimizerConfig {
  const { hyperparameters } = config;
  const [decay, lr] = ['weight_decay', 'lr'].map((name) => hyperparameters.get(name));
  if (!decay || decay.value === 0) return config;
  const isKnown = typeof decay.value === 'number' && typeof lr?.value === 'number' && lr.value > 0;
  const weightDecay = isKnown
    ? { ...decay, value: Number(decay.value) / Number(lr.value), from: 'resolved' as const }
    : { ...decay, value: null, from: 'unknown' as const };
  return { ...config, hyperparameters: new Map([...hyperparameters, ['weight_decay', weightDecay]]) };
}

function make(
  definition: Constructor,
  constructorName: string,
  name: DataEntry,
  map: MapNode,
  values: DataNode | undefined,
  root: DataNode,
  more: Readonly<Record<string, DataEntry>> = {},
): OptimizerConfig | undefined {
  const bound = values?.kind === 'map' ? argumentsOf(values, root) : new Map<string, Argument>();
  for (const [key, { keyRange, value }] of Object.entries(more))
    bound.set(key, { finding: findingOf(value, root), keyRange });
  const range = name.value.range;
  return assemble(definition, { constructorName, range, callRange: map.range, arguments: bound, open: false });
}

function argumentsOf(map: MapNode, root: DataNode): Map<string, Argument> {
  const bound = new Map<string, Argument>();
  for (const [key, { keyRange, value }] of map.entries) bound.set(key, { finding: findingOf(value, root), keyRange });
  return bound;
}
