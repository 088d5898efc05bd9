import { lossNames } from './losses.ts';
import { nonNegative, positive } from './range.ts';
import type { Setting } from './setting.ts';

export const devices = ['auto', 'cpu', 'cuda', 'webgpu'] as const;
export type DeviceChoice = (typeof devices)[number];
/** Whose defaults hold; see `Framework` of the optimizers. */
export const frameworks = ['pytorch', 'keras', 'optax', 'paper'] as const;
export const scheduleKinds = ['constant', 'cosine', 'linear', 'step', 'table'] as const;
export const floatTypes = ['float32', 'float64'] as const;

/** A learning-rate schedule; what is not given follows from the run. */
export interface ScheduleRequest {
  readonly kind: (typeof scheduleKinds)[number];
  readonly warmup?: number;
  readonly steps?: number;
  readonly final?: number;
  readonly every?: number;
  readonly factor?: number;
  /** Of a `table`: by what the learning rate is multiplied at step 0, 1, …; the last factor holds on. */
  readonly factors?: readonly number[];
}

/** Parameters with hyper-parameters of their own, as PyTorch's `param_groups`. */
export interface GroupRequest {
  /**
   * Of the parameters' names, in the file or in the original module; several stand side by side, `*.bias|*norm*`. A parameter
   * belongs to the last group that matches.
   */
  readonly glob: string;
  /** Takes the parameters that the glob does not match. */
  readonly except?: boolean;
  /** Least and largest number of dimensions of the parameters; both 1 for biases. */
  readonly dimensions?: readonly number[];
  /** The place in the user's code that it was found at; where it matches nothing, that is told and not refused. */
  readonly place?: string;
  /** What differs from the other parameters, by canonical name; a schedule multiplies `lr` as it does that of the others. */
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
}

/** In which order mini-batches take the samples; other texts name a `.npy` file, int64 [steps, batch]. */
export const batchOrders = ['reshuffled', 'replacement', 'cyclic'] as const;

/**
 * What a run is held against at equal loss: `twin`, the same optimizer on the same batches with the memory's term of the
 * theory switched off; `flow`, the memoryless flow θ' = −G(θ); `none`, nothing.
 */
export const referenceKinds = ['twin', 'flow', 'none'] as const;
export type ReferenceKind = (typeof referenceKinds)[number];

/**
 * Where a hyper-parameter comes from that no text gives: the library's default, the user's answer, the file of the workspace
 * (from an export, or an earlier answer); `assumed`: nobody has said, and the library's default was taken.
 */
export const origins = { default: 'default', asked: 'asked', remembered: 'remembered', assumed: 'assumed' } as const;

/** Everything that an inspection depends on. Paths are as the user wrote them, relative to `directory`. */
export interface InspectRequest {
  readonly directory: string;
  readonly model: string;
  readonly weights?: string;
  readonly data?: string;
  readonly x?: string;
  readonly y?: string;
  readonly xKey?: string;
  readonly yKey?: string;
  readonly label?: string;
  readonly limit?: number;
  readonly scale?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** The output of the model that the loss looks at. */
  readonly output?: string;
  readonly loss?: string;
  readonly optimizer: string;
  readonly framework: string;
  /** Hyper-parameters that differ from the framework's defaults, by canonical name. */
  readonly hyper: Readonly<Record<string, number | boolean | string>>;
  /** Where hyper-parameters come from that are not written at the optimizer itself: one of `origins`, or a place in a text. */
  readonly origins?: Readonly<Record<string, string>>;
  /** How the run differs from the training that it stands for, a few words each. */
  readonly differs?: readonly string[];
  readonly schedule?: ScheduleRequest;
  readonly steps: number;
  /** Steps from one correction to the next (on mini-batches: of all measurements); 1, or once per epoch of mini-batches. */
  readonly every?: number;
  /** `step`, `inf`, or a fixed step index. */
  readonly stage: 'step' | 'inf' | number;
  readonly dtype?: (typeof floatTypes)[number];
  readonly microBatch?: number;
  /** Steps from one line of the run to the next, as far as no edge of stability is measured; 1, if not given. */
  readonly recordEvery?: number;
  /** Steps from one line with the values of each tensor to the next; where not given, 1, or more of many tensors. */
  readonly tensorsEvery?: number;
  /** The edge of stability is measured at every such step; 0: never. Where not given, in the middle and at the end. */
  readonly edgeEvery?: number;
  /** What the run is held against at equal loss; where not given, the twin where the optimizer has one, else the flow. */
  readonly reference?: ReferenceKind;
  readonly device: DeviceChoice;
  readonly threads?: number;
  /** Most parts of a large data set that are summed side by side, whatever the number of threads; of `threads`, if not given. */
  readonly lanes?: number;
  /** Bytes that a program may take, by which samples are divided; from what is free, if not given. */
  readonly memory?: number;
  readonly batchStatistics?: boolean;
  /** Samples of each step's mini-batch; where not given, every step sees all samples. */
  readonly batchSize?: number;
  /** One of `batchOrders` (default `reshuffled`) or a `.npy` file. */
  readonly order?: string;
  /** Of a random order; default 0. */
  readonly seed?: number;
  /** Leaves out the last mini-batch of an epoch where it is smaller. */
  readonly dropLast?: boolean;
  /** Largest two-norm of the gradient that the optimizer sees, as `torch.nn.utils.clip_grad_norm_`. */
  readonly clipNorm?: number;
  readonly groups?: readonly GroupRequest[];
  /** File with the optimizer's state from which the run goes on. */
  readonly state?: string;
  /** File that gets parameters and state at the end. */
  readonly saveState?: string;
  /** `NAME=AXIS` for inputs of the model whose samples do not lie on the first axis. */
  readonly batchAxes?: readonly string[];
  readonly freeze: readonly string[];
  readonly trainable: readonly string[];
  readonly arrays: boolean;
  /** Folder of the run; a new one below `runs/` where not given. */
  readonly out?: string;
}

/** A setting of an inspection. */
export interface InspectSetting extends Setting {
  /** What holds where it is left out on the command line or in the editor. */
  readonly default?: unknown;
  /** Its option on the command line, where that is not its name in kebab case; `false` where it has none of its own. */
  readonly option?: string | false;
  /** Stands for the value in the help text. */
  readonly placeholder?: string;
  /** The line of the sheet that "Inspect…" opens, where it has one. */
  readonly line?: string;
  /** True where the file of the workspace does not remember it: it comes from the code, or is of one run. */
  readonly ofOneRun?: boolean;
}

const scheduleSettings = {
  kind: {
    kind: 'choice',
    choices: scheduleKinds,
    option: 'schedule',
    help: 'learning-rate schedule (default constant)',
  },
  warmup: { kind: 'count', option: 'warmup', placeholder: 'N', help: 'linear warm-up over N steps' },
  steps: {
    kind: 'count',
    min: 1,
    option: 'schedule-steps',
    placeholder: 'N',
    help: 'length of a cosine or linear schedule (default: as many as are taken)',
  },
  final: {
    kind: 'number',
    ...nonNegative,
    option: 'schedule-final',
    placeholder: 'H',
    help: 'final learning rate of a cosine or linear schedule (default 0)',
  },
  every: { kind: 'count', min: 1, option: 'schedule-every', placeholder: 'N', help: 'period of a step schedule' },
  factor: {
    kind: 'number',
    ...nonNegative,
    option: 'schedule-factor',
    placeholder: 'F',
    help: 'factor of a step schedule (default 0.1)',
  },
  factors: {
    kind: 'numbers',
    ...nonNegative,
    option: 'schedule-factors',
    placeholder: 'F,F…',
    help: 'of a table: by what the learning rate is multiplied at steps 0, 1, …; the last one holds on',
  },
} satisfies { readonly [K in keyof Required<ScheduleRequest>]: InspectSetting };

const groupSettings = {
  glob: { kind: 'text', help: 'names of the parameters; * matches anything, | stands between several' },
  except: { kind: 'switch', help: 'takes the parameters that the glob does not match' },
  dimensions: { kind: 'numbers', min: 0, whole: true, help: 'least and largest number of dimensions' },
  place: { kind: 'text', help: 'the place in the code that it was found at' },
  hyper: { kind: 'named', help: 'what differs from the other parameters, by canonical name' },
} satisfies { readonly [K in keyof Required<GroupRequest>]: InspectSetting };

/**
 * Every setting of an inspection, in the order of the help text: the one place that knows names, kinds, ranges and help. The
 * options of the command line, the check of what the engine is asked for, the keys of the project file and its schema are made
 * from it.
 */
export const inspectSettings = {
  directory: { kind: 'file', option: false, ofOneRun: true, help: 'folder that paths are relative to' },
  model: { kind: 'file', placeholder: 'M.onnx', line: 'Model', help: 'the model' },
  weights: { kind: 'file', placeholder: 'FILE', help: 'values for its initializers, by name (safetensors or npz)' },
  data: { kind: 'file', placeholder: 'FILE', line: 'Data', help: 'samples and labels' },
  x: { kind: 'file', placeholder: 'FILE', help: 'samples alone (npy, IDX)' },
  y: { kind: 'file', placeholder: 'FILE', help: 'labels alone (npy, IDX)' },
  xKey: { kind: 'text', placeholder: 'NAME', help: 'array with the samples (default x)' },
  yKey: { kind: 'text', placeholder: 'NAME', help: 'array with the labels (default y)' },
  label: { kind: 'text', placeholder: 'COLUMN', help: 'label column of a table (default: the last)' },
  limit: { kind: 'count', min: 1, placeholder: 'N', line: 'Samples', help: 'use the first N samples only' },
  scale: { kind: 'number', placeholder: 'S', help: 'multiply the samples by S, such as 1/255' },
  mean: { kind: 'numbers', placeholder: 'M[,M…]', help: 'subtract M, one number or one per channel' },
  std: { kind: 'numbers', ...positive, placeholder: 'S[,S…]', help: 'divide by S, one number or one per channel' },
  output: {
    kind: 'text',
    placeholder: 'NAME',
    line: 'Output',
    help: 'output that the loss looks at (default: the one that most parameters reach and that fits the labels)',
  },
  loss: {
    kind: 'choice',
    choices: lossNames,
    line: 'Loss',
    help: 'what is minimised (default: the only one that fits)',
  },
  freeze: {
    kind: 'texts',
    placeholder: 'GLOB',
    default: [],
    help: 'initializers that do not train; * matches anything',
  },
  trainable: { kind: 'texts', placeholder: 'GLOB', default: [], help: 'the only initializers that train' },
  batchAxes: {
    kind: 'texts',
    option: 'batch-axis',
    placeholder: 'NAME=K',
    help: 'axis of an input that counts samples, where it is not the first one (0)',
  },
  batchStatistics: { kind: 'switch', help: 'let BatchNormalization use the statistics of the batch' },
  optimizer: { kind: 'text', placeholder: 'NAME', default: 'adam', help: 'the optimizer' },
  framework: { kind: 'choice', choices: frameworks, default: 'pytorch', help: 'whose defaults hold' },
  hyper: { kind: 'named', option: false, help: 'hyper-parameters that differ from the defaults' },
  origins: { kind: 'named', option: false, ofOneRun: true, help: 'where hyper-parameters come from' },
  differs: { kind: 'texts', option: false, help: 'how the run differs from the training that it stands for' },
  schedule: { kind: 'group', fields: scheduleSettings, line: 'Schedule', help: 'learning-rate schedule' },
  clipNorm: {
    kind: 'number',
    ...positive,
    placeholder: 'C',
    line: 'Clipping',
    help: 'clip the two-norm of the gradient to C, as clip_grad_norm_',
  },
  groups: {
    kind: 'list',
    fields: groupSettings,
    option: 'group',
    line: 'Groups',
    placeholder: "'GLOB: NAME=VALUE,…'",
    help: 'hyper-parameters of the parameters whose names match GLOB or GLOB|GLOB; the last group that matches counts',
  },
  batchSize: {
    kind: 'count',
    min: 1,
    placeholder: 'B',
    line: 'Batch size',
    help: 'samples of the mini-batch of a step (default: all); measured are all always',
  },
  order: {
    kind: 'text',
    placeholder: 'ORDER',
    help: `order of the mini-batches: ${batchOrders.join(', ')}, or a .npy file, int64 [steps, B]`,
  },
  seed: { kind: 'count', placeholder: 'N', help: 'seed of a random order (default 0)' },
  dropLast: { kind: 'switch', help: 'leave out the last mini-batch of an epoch where it is smaller' },
  state: { kind: 'file', placeholder: 'FILE', line: 'State', help: 'the optimizer’s state from which the run goes on' },
  saveState: { kind: 'file', placeholder: 'FILE', ofOneRun: true, help: 'write parameters and state at the end' },
  steps: { kind: 'count', default: 50, placeholder: 'N', line: 'Steps', help: 'steps to take' },
  stage: {
    kind: 'stage',
    default: 'step' as const,
    placeholder: 'step|inf|K',
    help: 'n of the correction: the run’s own step (default), the limit, or K',
  },
  every: {
    kind: 'count',
    min: 1,
    placeholder: 'K',
    help: 'compute the correction at every K-th step (default 1; on mini-batches once per epoch)',
  },
  recordEvery: {
    kind: 'count',
    min: 1,
    placeholder: 'N',
    ofOneRun: true,
    help: 'write every N-th step, the first and the last (default 1): less to keep of long runs',
  },
  tensorsEvery: {
    kind: 'count',
    min: 1,
    placeholder: 'N',
    ofOneRun: true,
    help: 'write the values of each tensor at every N-th step, the first and the last (default 1; of more than 64 tensors, so that about a hundred lines have them)',
  },
  edgeEvery: {
    kind: 'count',
    min: 0,
    placeholder: 'K',
    help: 'measure the edge of stability at every K-th step (default: in the middle of the run and at its end, with more than 8 million parameters never; 0: never)',
  },
  reference: {
    kind: 'choice',
    choices: referenceKinds,
    help: 'what the run is held against at equal loss (default: the twin without memory where there is one, else the flow)',
  },
  dtype: { kind: 'choice', choices: floatTypes, help: 'precision (default: that of the model)' },
  microBatch: {
    kind: 'count',
    min: 1,
    placeholder: 'B',
    help: 'samples per pass (default: chosen for speed and memory)',
  },
  device: {
    kind: 'choice',
    choices: devices,
    default: 'auto' as const,
    line: 'Device',
    help: 'where to run (default auto: CUDA where it starts, else CPU)',
  },
  threads: { kind: 'count', min: 1, max: 1024, placeholder: 'N', help: 'CPU threads (default: all cores)' },
  lanes: {
    kind: 'count',
    min: 1,
    max: 1024,
    option: false,
    ofOneRun: true,
    help: 'parts that are summed side by side',
  },
  memory: { kind: 'count', min: 1, option: false, ofOneRun: true, help: 'bytes that a program may take' },
  arrays: { kind: 'switch', default: false, help: 'write gradient, q and correction of every parameter to arrays.npz' },
  out: { kind: 'file', placeholder: 'DIR', ofOneRun: true, help: 'folder of the run (default: a new one below runs/)' },
} satisfies { readonly [K in keyof Required<InspectRequest>]: InspectSetting };

/** The option of a setting on the command line, without the dashes: `microBatch` → `micro-batch`. */
export const optionOf = (key: string, { option }: Pick<InspectSetting, 'option'> = {}): string =>
  option || key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
