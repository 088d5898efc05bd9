import type {
  ConfigFramework,
  HyperparameterValue,
  Note,
  OptimizerConfig,
  ParameterGroup,
  Scalar,
  Schedule,
} from './config.ts';
import { type Constructor, constructorOf } from './frameworks.ts';
import { huggingFaceOptimizer, optimizerNamed, torchClass } from './names.ts';
import { applies, ownNames, withFlags } from './ownArguments.ts';
import { canonicalNames, type Parameter } from './signature.ts';
import type { SourceRange } from './source.ts';

/** What is statically known of one expression. */
export interface Finding {
  /** A scalar, a sequence of findings (`betas`), or undefined if it cannot be decided. */
  readonly value: Scalar | readonly Finding[] | undefined;
  readonly from: 'literal' | 'resolved' | 'unknown';
  readonly range: SourceRange;
  readonly sourceRange?: SourceRange;
  /** The schedule that the value is the peak of. */
  readonly schedule?: Schedule;
}

/** An argument as bound at a call or a key of a mapping. */
export interface Argument {
  readonly finding: Finding;
  readonly keyRange?: SourceRange;
}

/** A call as found in the text: arguments by the constructor's own names. */
export interface FoundCall {
  readonly constructorName: string;
  readonly range: SourceRange;
  readonly callRange: SourceRange;
  readonly arguments: ReadonlyMap<string, Argument>;
  /** There may be further arguments that cannot be seen (`**kwargs`): absent ones are then unknown, not defaults. */
  readonly open: boolean;
  readonly schedule?: Schedule;
  readonly groups?: readonly ParameterGroup[];
  readonly notes?: readonly Note[];
}

/** The configuration that a call of a known constructor makes. Undefined if its `namedBy` argument names no known optimizer. */
export function assemble(definition: Constructor, call: FoundCall): OptimizerConfig | undefined {
  if (definition.isGeneric) return assembleGeneric(definition.framework, definition.optimizer, call);
  const hyperparameters = new Map<string, HyperparameterValue>();
  let optimizer = definition.optimizer;
  let named = false;
  for (const parameter of definition.parameters) {
    const argument = call.arguments.get(parameter.name);
    if (parameter.name === definition.namedBy) {
      const chosen = optimizerArgument(parameter, argument, call.open);
      if (chosen === undefined) return undefined;
      optimizer = chosen;
      named = true;
      continue;
    }
    parameter.sets.forEach((name, index) => {
      if (named && !argument && !applies(name, optimizer)) return;
      const value = argument
        ? part(argument, parameter.name, index, parameter.sets.length)
        : named && !call.open && !parameter.defaults
          ? defaultByName(parameter, name, optimizer)
          : absent(parameter, index, call.open);
      if (value) hyperparameters.set(name, value);
    });
  }
  const rest = further(definition, call, hyperparameters);
  const { becomes } = definition;
  let weightDecayForm = definition.weightDecayForm;
  if (becomes && hyperparameters.get(becomes.parameter)?.value === becomes.value) {
    optimizer = becomes.optimizer;
    weightDecayForm = becomes.weightDecayForm ?? weightDecayForm;
  } else if (hyperparameters.get('decoupled_weight_decay')?.value === true) {
    weightDecayForm = 'decoupled';
  }
  placeEps(definition, hyperparameters);
  return {
    framework: definition.framework,
    optimizer,
    constructorName: call.constructorName,
    range: call.range,
    callRange: call.callRange,
    hyperparameters,
    ...rest,
    ...(weightDecayForm && hyperparameters.has('weight_decay') && { weightDecayForm }),
  };
}

/** Arguments that say how an optimizer is carried out, or to whom it belongs, not what it does. */
const CARRYING_OUT = new RegExp(
  `^(?:${[
    'params|parameters|model|model_params|model_or_params|foreach|fused|capturable|differentiable|maximize|name|mask|mu_dtype',
    'is_paged|optim_bits|percentile_clipping|block_wise|min_8bit_size|args|set_grad_none|use_locking|jit_compile|process_group',
    '_target_|_partial_|_convert_|_recursive_|_component_|class_path|init_args|type|_name|_name_|class_name|config|sched|_delete_',
    'cuda_aware|comm_backend_name|torch_adam|optimizer_class|optimizer|output_dir|overwrite_with_gradient|dtype|fp32_optimizer_states',
  ].join('|')})$`,
);

/** What a call says beyond the known parameters: older names, names of other libraries, and arguments of other kinds. */
function further(
  definition: Constructor,
  call: FoundCall,
  hyperparameters: Map<string, HyperparameterValue>,
): Pick<OptimizerConfig, 'others' | 'schedule' | 'groups' | 'notes'> {
  const others = new Map<string, HyperparameterValue>();
  const notes: Note[] = [...(call.notes ?? [])];
  const known = new Set(definition.parameters.map(({ name }) => name));
  // Trainers take a hundred arguments that have nothing to do with the optimizer.
  const isTrainer = definition.namedBy !== undefined && definition.framework !== 'timm';
  for (const [key, argument] of call.arguments) {
    if (known.has(key) || isTrainer || CARRYING_OUT.test(key)) continue;
    const legacy = definition.legacy && Object.hasOwn(definition.legacy, key) ? definition.legacy[key] : undefined;
    const sets = legacy ? (legacy.sets ? [legacy.sets] : []) : canonicalNames(key);
    const at = argument.keyRange ?? argument.finding.range;
    if (legacy) notes.push({ text: legacy.note, range: at });
    const isFree = sets.length > 0 && sets.every((name) => !isWritten(hyperparameters.get(name)));
    if (isFree) {
      for (const [index, name] of sets.entries()) hyperparameters.set(name, part(argument, key, index, sets.length));
      if (!legacy)
        notes.push({
          text: `${plainText(key)} is no argument that the documentation of this optimizer has.`,
          range: at,
        });
    } else others.set(key, asWritten(argument, key));
  }
  const schedule = definition.framework === 'huggingface' && isTrainer ? trainerSchedule(call) : undefined;
  return extras({ ...call, ...(schedule && { schedule }) }, others, notes);
}

/**
 * Hugging Face's trainer lowers the learning rate linearly unless it is told otherwise. Axolotl, which writes `optimizer`, has
 * a key and a default of its own.
 */
function trainerSchedule(call: FoundCall): Schedule | undefined {
  const given = (call.arguments.get('lr_scheduler_type') ?? call.arguments.get('lr_scheduler'))?.finding;
  if (!given) return call.open || call.arguments.has('optimizer') ? undefined : { name: 'linear', range: call.range };
  return typeof given.value === 'string' ? { name: given.value.slice(0, 80), range: given.range } : undefined;
}

const isWritten = (value: HyperparameterValue | undefined): boolean =>
  value?.from === 'literal' || value?.from === 'resolved' || value?.range !== undefined;
const plainText = (name: string): string => name.replace(/[^\w.]/g, '').slice(0, 40);

function extras(
  call: Omit<FoundCall, 'open'>,
  others: ReadonlyMap<string, HyperparameterValue>,
  notes: readonly Note[],
): Pick<OptimizerConfig, 'others' | 'schedule' | 'groups' | 'notes'> {
  const schedule =
    call.schedule ?? [...call.arguments.values()].find(({ finding }) => finding.schedule)?.finding.schedule;
  return {
    others,
    ...(schedule && { schedule }),
    ...(call.groups && call.groups.length > 0 && { groups: call.groups }),
    ...(notes.length > 0 && { notes }),
  };
}

/** An argument that no theory knows: its value as a text or number, lists as texts. */
function asWritten(argument: Argument, name: string): HyperparameterValue {
  const { finding, keyRange } = argument;
  const { value } = finding;
  const items = Array.isArray(value) ? value.map((item: Finding) => item.value) : undefined;
  const isPlain = (each: unknown): each is Scalar => each !== undefined && typeof each !== 'object';
  const shown = items ? (items.every(isPlain) && items.length <= 8 ? `(${items.join(', ')})` : undefined) : value;
  const key = { argument: name, ...(keyRange && { keyRange }) };
  if (finding.from === 'unknown' || shown === undefined || typeof shown === 'object')
    return { ...key, value: null, from: 'unknown', range: finding.range };
  const text = typeof shown === 'string' ? shown.slice(0, 80) : shown;
  return { ...key, ...plain({ ...finding, value: 0 }), value: text };
}

/** A configuration without a known library: what is written, and nothing else. */
export function assembleGeneric(
  framework: ConfigFramework,
  optimizer: string,
  call: Omit<FoundCall, 'open'>,
  showsOthers = framework !== 'generic',
): OptimizerConfig {
  const hyperparameters = new Map<string, HyperparameterValue>();
  const others = new Map<string, HyperparameterValue>();
  for (const [key, argument] of call.arguments) {
    let names = ownNames(key, optimizer);
    const { value } = argument.finding;
    // Adan has three betas.
    if (names.length > 1 && Array.isArray(value) && value.length !== names.length) names = [];
    names.forEach((name, index) => {
      if (!hyperparameters.has(name)) hyperparameters.set(name, part(argument, key, index, names.length));
    });
    if (names.length === 0 && showsOthers && !CARRYING_OUT.test(key)) others.set(key, asWritten(argument, key));
  }
  const { constructorName, range, callRange } = call;
  return {
    framework,
    optimizer: withFlags(optimizer, hyperparameters),
    constructorName,
    range,
    callRange,
    hyperparameters,
    ...extras(call, others, call.notes ?? []),
  };
}

function optimizerArgument(parameter: Parameter, argument: Argument | undefined, open: boolean): string | undefined {
  if (!argument && open) return undefined;
  const value = argument ? argument.finding.value : parameter.defaults?.[0];
  if (typeof value !== 'string') return undefined;
  return huggingFaceOptimizer(value) ?? optimizerNamed(value);
}

/** The `index`-th of the `count` values that an argument sets. */
export function part(argument: Argument, name: string, index: number, count: number): HyperparameterValue {
  const { finding, keyRange } = argument;
  const key = { argument: name, ...(keyRange && { keyRange }) };
  // Learning rates for each epoch or parameter group; of one there is no doubt.
  const [only] = Array.isArray(finding.value) && finding.value.length === 1 ? (finding.value as Finding[]) : [];
  if (count === 1) return { ...key, ...plain(only && finding.from === 'literal' ? only : finding) };
  // A sequence read through a name keeps the name's range at the call; its items' own ranges lie at the source.
  const items = Array.isArray(finding.value) && finding.value.length === count ? finding.value : undefined;
  const item: Finding | undefined = items?.[index];
  if (!item) return { ...key, value: null, from: 'unknown', range: finding.range };
  if (finding.from === 'literal') return { ...key, ...plain(item) };
  return {
    ...key,
    ...plain({ ...item, from: 'resolved', range: finding.range, sourceRange: item.sourceRange ?? item.range }),
  };
}

/** Words where a number belongs (`lr: auto`) say nothing; only ε's placement is a word, and it is not an argument. */
function plain(finding: Finding): Pick<HyperparameterValue, 'value' | 'from' | 'range' | 'sourceRange'> {
  const { value, range, sourceRange } = finding;
  if (
    value === undefined ||
    (typeof value === 'object' && value !== null) ||
    typeof value === 'string' ||
    finding.from === 'unknown'
  ) {
    return { value: null, from: 'unknown', range };
  }
  if (finding.from === 'literal') return { value, from: 'literal', range };
  return { value, from: 'resolved', range, ...(sourceRange && { sourceRange }) };
}

/** What PyTorch's class of the optimizer takes, which the name stands for. */
function defaultByName({ name }: Parameter, sets: string, optimizer: string): HyperparameterValue {
  const title = torchClass(optimizer);
  const own = title && constructorOf(`torch.optim.${title}`)?.parameters.find((each) => each.sets.includes(sets));
  const value = own ? own.defaults?.[own.sets.indexOf(sets)] : undefined;
  if (value === undefined) return { argument: name, value: null, from: 'unknown' };
  return { argument: name, value, from: 'default' };
}

function absent(parameter: Parameter, index: number, open: boolean): HyperparameterValue | undefined {
  const value = parameter.defaults?.[index];
  if (open || value === undefined) return { argument: parameter.name, value: null, from: 'unknown' };
  return { argument: parameter.name, value, from: 'default' };
}

/** Adds `eps_placement`; Optax's `eps_root` and `eps_in_sqrt` decide it at the call. */
function placeEps(definition: Constructor, values: Map<string, HyperparameterValue>): void {
  if (!definition.eps || !values.has('eps')) return;
  const root = values.get('eps_root');
  const inSqrt = values.get('eps_in_sqrt');
  const entry = (value: string | null, decidedBy?: HyperparameterValue): HyperparameterValue => ({
    argument: decidedBy?.argument ?? 'eps',
    value,
    from: value === null ? 'unknown' : (decidedBy?.from ?? 'default'),
    ...(decidedBy?.range && { range: decidedBy.range }),
    ...(decidedBy?.sourceRange && { sourceRange: decidedBy.sourceRange }),
  });
  if (root) {
    const outer = values.get('eps')?.value;
    if (root.value === 0) values.set('eps_placement', entry('outside', root));
    else if (root.value === null || outer === null) values.set('eps_placement', entry(null, root));
    else {
      values.set('eps_placement', entry(outer === 0 ? 'inside' : 'both', root));
      // The only ε is then the one inside the root.
      if (outer === 0) values.set('eps', root);
    }
  } else if (inSqrt) {
    values.set('eps_placement', entry(inSqrt.value === null ? null : inSqrt.value ? 'inside' : 'outside', inSqrt));
  } else values.set('eps_placement', entry(definition.eps));
}
