import type { ConfigFramework, HyperparameterValue, OptimizerConfig, Scalar } from './config.ts';
import type { Constructor } from './frameworks.ts';
import { huggingFaceOptimizer, optimizerNamed } from './names.ts';
import { canonicalNames, type Parameter } from './signature.ts';
import type { SourceRange } from './source.ts';

/** What is statically known of one expression. */
export interface Finding {
  /** A scalar, a sequence of findings (`betas`), or undefined if it cannot be decided. */
  readonly value: Scalar | readonly Finding[] | undefined;
  readonly from: 'literal' | 'resolved' | 'unknown';
  readonly range: SourceRange;
  readonly sourceRange?: SourceRange;
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
}

/** The configuration that a call of a known constructor makes. Undefined if its `namedBy` argument names no known optimizer. */
export function assemble(definition: Constructor, call: FoundCall): OptimizerConfig | undefined {
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
  const { becomes } = definition;
  let weightDecayForm = definition.weightDecayForm;
  if (becomes && hyperparameters.get(becomes.parameter)?.value === becomes.value) {
    optimizer = becomes.optimizer;
    if (optimizer === 'adamw') weightDecayForm = 'decoupled';
    else if (optimizer === 'adam') weightDecayForm = 'l2';
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
    ...(weightDecayForm && hyperparameters.has('weight_decay') && { weightDecayForm }),
  };
}

/** A configuration without a known library: what is written, and nothing else. */
export function assembleGeneric(
  framework: ConfigFramework,
  optimizer: string,
  call: Omit<FoundCall, 'open'>,
): OptimizerConfig {
  const hyperparameters = new Map<string, HyperparameterValue>();
  for (const [key, argument] of call.arguments) {
    let names = canonicalNames(key).filter((name) => applies(name, optimizer));
    if (names[0] === 'rho' && optimizer === 'rmsprop') names = ['alpha'];
    names.forEach((name, index) => {
      if (!hyperparameters.has(name)) hyperparameters.set(name, part(argument, key, index, names.length));
    });
  }
  const { constructorName, range, callRange } = call;
  return { framework, optimizer, constructorName, range, callRange, hyperparameters };
}

const WITHOUT_BETAS = /^(sgd|rmsprop|adagrad|adadelta|asgd|rprop|lbfgs|muon|lars|adafactor|ftrl)$/;

/** Flat configuration files mix the keys of many things: `alpha` may be a loss's, `momentum` a teacher's. */
function applies(name: string, optimizer: string): boolean {
  if (name === 'beta1' || name === 'beta2') return !WITHOUT_BETAS.test(optimizer);
  if (name === 'momentum' || name === 'nesterov' || name === 'dampening')
    return /^(sgd|rmsprop|muon|lars|asgd)$/.test(optimizer);
  if (name === 'alpha' || name === 'centered') return optimizer === 'rmsprop';
  if (name === 'rho') return optimizer === 'rmsprop' || optimizer === 'adadelta';
  if (name === 'lambd' || name === 'power' || name === 't0') return optimizer === 'asgd';
  if (name === 'amsgrad') return /adam/.test(optimizer);
  return name !== 'bias_correction' || /adam|lamb/.test(optimizer);
}

function optimizerArgument(parameter: Parameter, argument: Argument | undefined, open: boolean): string | undefined {
  if (!argument && open) return undefined;
  const value = argument ? argument.finding.value : parameter.defaults?.[0];
  if (typeof value !== 'string') return undefined;
  return huggingFaceOptimizer(value) ?? optimizerNamed(value);
}

/** The `index`-th of the `count` values that an argument sets. */
function part(argument: Argument, name: string, index: number, count: number): HyperparameterValue {
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

/** What PyTorch's Adam and AdamW take, which the name stands for. */
function defaultByName({ name }: Parameter, sets: string, optimizer: string): HyperparameterValue {
  const value = /^adamw?$/.test(optimizer) ? ADAM_DEFAULTS.get(sets) : undefined;
  if (value === undefined) return { argument: name, value: null, from: 'unknown' };
  return { argument: name, value, from: 'default' };
}

const ADAM_DEFAULTS: ReadonlyMap<string, number> = new Map([
  ['lr', 1e-3],
  ['beta1', 0.9],
  ['beta2', 0.999],
  ['eps', 1e-8],
]);

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
