import type { ElementType, Tensor } from './tensor.ts';

/** A model as its file says it, in plain TypeScript: nothing outside this folder knows protobuf. */
export interface Model {
  readonly irVersion: number;
  /** Operator-set version by domain; the default domain is the empty string. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producer: string;
  readonly graph: ModelGraph;
  /** Model-local functions by `domain:name`. */
  readonly functions: ReadonlyMap<string, ModelFunction>;
  /** Files with tensors, by their names in the folder of the model, and where they are; of one that was read. */
  readonly beside?: ReadonlyMap<string, string>;
}

export interface ModelGraph {
  readonly name: string;
  readonly nodes: readonly ModelNode[];
  readonly initializers: ReadonlyMap<string, Initializer>;
  /** Inputs that are no initializers. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** An initializer; its data is decoded when asked for. */
export interface Initializer {
  readonly name: string;
  readonly type: ElementType | undefined;
  readonly typeName: string;
  readonly shape: readonly number[];
  /** What the exporter says about where it comes from, if it says so. */
  readonly origin?: Origin;
  /** Why its data cannot be read, if so: its type (then undefined above) or form is not supported. */
  readonly unsupported?: string;
  /** Throws an InspectorError where it is not supported, or where its file beside the model has changed. */
  read(): Tensor;
}

/** A parameter, buffer or lifted constant of the exported module, or a value that was computed from others and stored. */
export type Origin =
  | { readonly kind: 'parameter' | 'buffer' | 'constant' }
  | { readonly kind: 'computed'; readonly from: readonly string[] };

export interface ValueInfo {
  readonly name: string;
  /** Undefined for sequences, maps, optionals, strings and other types that are no numeric tensors. */
  readonly type: ElementType | undefined;
  readonly typeName: string;
  /** Known size, name of a symbolic dimension, or undefined; the whole is undefined where the file gives no shape. */
  readonly dims: readonly (number | string | undefined)[] | undefined;
}

export type Attribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Initializer }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'graph'; readonly value: ModelGraph }
  /** Inside a function: the value of the caller's attribute of that name. */
  | { readonly kind: 'reference'; readonly value: string }
  | { readonly kind: 'other'; readonly value: string };

export interface ModelNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** Empty strings stand for omitted optional inputs and outputs. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** The exporter's optimisations that made this node, as its metadata name them. */
  readonly rewrites?: string;
  /** What PyTorch's exporter notes about where this node comes from. */
  readonly program?: ProgramNote;
}

/** A node's place in the program that was exported, as the file has it; the texts are the exporter's. */
export interface ProgramNote {
  /** `%add : [num_users=1] = call_function[target=torch.ops.aten.add.Tensor](args = (%x, %detach), kwargs = {})` */
  readonly call?: string;
  /** `['__main__.Net', 'aten.detach.default']` */
  readonly hierarchy?: string;
  /** Files and lines, outermost first. */
  readonly trace?: string;
}

export interface ModelFunction {
  readonly domain: string;
  readonly name: string;
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Defaults of attributes that a call may leave out. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly ModelNode[];
}

/** `""` and `ai.onnx` are the same domain. */
export const isDefaultDomain = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

/** A node's name for messages: its own, or that of its first output. */
export const labelOf = (node: ModelNode): string => node.name || node.outputs[0] || '(unnamed)';
