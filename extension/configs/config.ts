import type { SourceRange } from './source.ts';

export type Language =
  | 'python'
  | 'yaml'
  | 'json'
  | 'jsonc'
  | 'toml'
  | 'notebook'
  | 'gin'
  | 'textproto'
  | 'ini'
  | 'jsonnet';

/** A text to analyse. `path` is only handed through; nothing is read from disk. */
export interface SourceDocument {
  readonly path: string;
  readonly language: Language;
  readonly text: string;
}

/** Whose optimizer it is. `generic` is a configuration file that names an optimizer but no library: no defaults are known. `other` is a library of
 * optimizers for which nothing is predicted. */
export type ConfigFramework =
  | 'pytorch'
  | 'keras'
  | 'optax'
  | 'huggingface'
  | 'bitsandbytes'
  | 'apex'
  | 'deepspeed'
  | 'torchopt'
  | 'heavyball'
  | 'timm'
  | 'lion-pytorch'
  | 'mlx'
  | 'mmengine'
  | 'detectron2'
  | 'torchao'
  | 'transformer-engine'
  | 'colossalai'
  | 'optimi'
  | 'paddle'
  | 'mindspore'
  | 'tinygrad'
  | 'thinc'
  | 'fastai'
  | 'mxnet'
  | 'other'
  | 'generic';

/**
 * Where a value comes from: written at the call (`literal`, including arithmetic of literals), found by following names
 * (`resolved`), the framework's default because the argument is absent (`default`), or not decidable (`unknown`, value null).
 */
export type Provenance = 'literal' | 'resolved' | 'default' | 'unknown';

export type Scalar = number | boolean | string | null;

export interface HyperparameterValue {
  readonly value: Scalar;
  readonly from: Provenance;
  /** The expression at the call; absent for defaults. */
  readonly range?: SourceRange;
  /** The keyword or key, as written; absent for positional arguments and defaults. */
  readonly keyRange?: SourceRange;
  /** What the user's framework calls it (`learning_rate`, `betas`). */
  readonly argument: string;
  /** The expression that a `resolved` value was read from. */
  readonly sourceRange?: SourceRange;
  /** Where that expression stands, for people: `configs/base.yaml:12`, `line 8`, `cell 3, line 2`. */
  readonly place?: string;
}

/** A learning-rate schedule: its constructor as written, and where. A literal schedule's peak is the configuration's `lr`. */
export interface Schedule {
  readonly name: string;
  readonly range: SourceRange;
}

/** Which tensors of a model a group takes, as far as the text tells. Globs as in `--group`: `*` is any text. */
export type GroupSelection =
  | { readonly kind: 'names'; readonly globs: readonly string[]; readonly except: boolean }
  | { readonly kind: 'dimensions'; readonly least: number; readonly most: number };

/** A parameter group as it is written: what it sets otherwise than the optimizer. */
export interface ParameterGroup {
  /** Absent where the text does not tell. */
  readonly selection?: GroupSelection;
  readonly range: SourceRange;
  /** Where it is written, as people name it: `line 12`; see `places.ts`. */
  readonly place?: string;
  readonly hyperparameters: ReadonlyMap<string, HyperparameterValue>;
}

/** A plain sentence on what is unusual in a configuration, or not known of it. */
export interface Note {
  readonly text: string;
  readonly range?: SourceRange;
}

/** One optimizer in a source text, its hyper-parameters under PyTorch's names with `betas` split into `beta1`, `beta2`. */
export interface OptimizerConfig {
  readonly framework: ConfigFramework;
  /** Canonical name: `adam`, `adamw`, `rmsprop`, `sgd`, … */
  readonly optimizer: string;
  /** As written: `torch.optim.Adam`, `A`, `AdamW8bit`, `adam`. */
  readonly constructorName: string;
  /** The constructor's name. */
  readonly range: SourceRange;
  /** The whole call or mapping. */
  readonly callRange: SourceRange;
  /** Insertion order is the framework's order of arguments. */
  readonly hyperparameters: ReadonlyMap<string, HyperparameterValue>;
  /** Arguments that are none of the known hyper-parameters, by their own names, as written. */
  readonly others: ReadonlyMap<string, HyperparameterValue>;
  readonly schedule?: Schedule;
  /** Where at least one group sets something of its own. */
  readonly groups?: readonly ParameterGroup[];
  readonly notes?: readonly Note[];
  /** How `weight_decay` acts; undefined where the framework or the version leaves it open. */
  readonly weightDecayForm?: 'l2' | 'decoupled';
  /** Code cell of a notebook, counted from 0 over code cells only. */
  readonly cell?: number;
  /** In the file of a notebook: the line of `range` within its cell, from 0. */
  readonly cellLine?: number;
}

/** The number of that name, or undefined where it is absent, unknown or not a number. */
export function numberOf(config: OptimizerConfig, name: string): number | undefined {
  const value = config.hyperparameters.get(name)?.value;
  return typeof value === 'number' ? value : undefined;
}

/** Whether a hyper-parameter is present and known to be `true`. */
export function isTrue(config: OptimizerConfig, name: string): boolean {
  return config.hyperparameters.get(name)?.value === true;
}

/** Applies a map to every range of a configuration: for notebooks, where cells are analysed as one text. */
export function mapRanges(
  config: OptimizerConfig,
  map: (range: SourceRange) => SourceRange,
  cell?: number,
): OptimizerConfig {
  const values = (all: ReadonlyMap<string, HyperparameterValue>) =>
    new Map(
      [...all].map(([name, value]) => [
        name,
        {
          ...value,
          ...(value.range && { range: map(value.range) }),
          ...(value.keyRange && { keyRange: map(value.keyRange) }),
          ...(value.sourceRange && { sourceRange: map(value.sourceRange) }),
        },
      ]),
    );
  return {
    ...config,
    range: map(config.range),
    callRange: map(config.callRange),
    hyperparameters: values(config.hyperparameters),
    others: values(config.others),
    ...(config.schedule && { schedule: { ...config.schedule, range: map(config.schedule.range) } }),
    ...(config.groups && {
      groups: config.groups.map((group) => ({
        ...group,
        range: map(group.range),
        hyperparameters: values(group.hyperparameters),
      })),
    }),
    ...(config.notes && {
      notes: config.notes.map((note) => ({ ...note, ...(note.range && { range: map(note.range) }) })),
    }),
    ...(cell !== undefined && { cell }),
  };
}
