import type { Graph, Node, Value } from './graph.ts';
import type { BinaryOp, CompareOp, ControlOp, OpType, PrimitiveOp } from './ops.ts';
import type { ElementType } from './tensor.ts';

// What nodes of the primitives have, in their normal form: every attribute that the normal form fills in is there, optional
// inputs may be undefined. A test holds the names and kinds of attributes against ONNX's schemas.

/** A sliding window; one number for each spatial axis, pads begins first and then ends. */
export type WindowAttributes = {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
};
export type ConvolutionAttributes = WindowAttributes & { readonly group: number };
export type PoolAttributes = WindowAttributes & {
  readonly kernel_shape: readonly number[];
  readonly ceil_mode?: number;
  readonly count_include_pad?: number;
};
type Reduction = { readonly keepdims?: number };
type Along = { readonly axis: number };
type Scattering = { readonly reduction?: string };

/** Attributes of those primitives that have some. */
export interface PrimitiveAttributes {
  readonly ArgMax: Along & Reduction & { readonly select_last_index?: number };
  readonly ArgMin: Along & Reduction & { readonly select_last_index?: number };
  readonly AveragePool: PoolAttributes;
  readonly AveragePoolGradient: PoolAttributes & { readonly spatial: readonly number[] };
  readonly BlockedAveragePool: PoolAttributes;
  readonly BlockedConv: ConvolutionAttributes & { readonly kernel_shape: readonly number[] };
  readonly BlockedMaxPool: PoolAttributes & { readonly storage_order?: number };
  readonly BlockedOutput: { readonly channels: number };
  readonly BlockedUpsample: { readonly scales: readonly number[]; readonly mode: string };
  readonly Cast: { readonly to: ElementType };
  readonly Concat: Along;
  readonly Conv: ConvolutionAttributes;
  readonly ConvTranspose: ConvolutionAttributes & { readonly output_padding: readonly number[] };
  readonly ConvWeightGradient: ConvolutionAttributes & { readonly kernel_shape: readonly number[] };
  readonly CumSum: { readonly exclusive?: number; readonly reverse?: number };
  readonly Gather: Along;
  readonly GatherElements: Along;
  readonly GatherND: { readonly batch_dims?: number };
  readonly Gemm: {
    readonly alpha?: number;
    readonly beta?: number;
    readonly transA?: number;
    readonly transB?: number;
  };
  readonly LogSoftmax: Along;
  readonly MaxPool: PoolAttributes & { readonly storage_order?: number };
  readonly MaxPoolMask: { readonly kernel_shape: readonly number[] };
  readonly MaxUnpool: { readonly kernel_shape: readonly number[]; readonly strides: readonly number[] };
  readonly Mod: { readonly fmod?: number };
  readonly Pad: { readonly mode?: string };
  readonly ReduceMax: Reduction;
  readonly ReduceMean: Reduction;
  readonly ReduceMin: Reduction;
  readonly ReduceProd: Reduction;
  readonly ReduceSum: Reduction;
  readonly Resize: {
    readonly mode: string;
    readonly coordinate_transformation_mode: string;
    readonly nearest_mode: string;
  };
  readonly ScatterElements: Along & Scattering;
  readonly ScatterND: Scattering;
  readonly Softmax: Along;
  readonly Split: Along;
  readonly TopK: Along & { readonly largest?: number; readonly sorted?: number };
  readonly Transpose: { readonly perm: readonly number[] };
}

type Optional = Value | undefined;

/** Inputs of those primitives that have others than one or two values. */
interface SpecialInputs {
  /** Can add another value of its shape. */
  readonly BlockedConv: readonly [x: Value, w: Value, bias?: Optional, added?: Value];
  readonly Clip: readonly [x: Value, low?: Optional, high?: Optional];
  readonly Concat: readonly [first: Value, ...rest: Value[]];
  readonly Conv: readonly [x: Value, w: Value, bias?: Optional];
  readonly Gemm: readonly [a: Value, b: Value, c?: Optional];
  readonly MaxUnpool: readonly [x: Value, indices: Value, shape: Value];
  readonly Pad: readonly [x: Value, pads: Value, value: Value];
  readonly Range: readonly [start: Value, limit: Value, delta: Value];
  readonly Resize: readonly [x: Value, roi: Optional, scales: Value];
  readonly ScatterElements: readonly [x: Value, indices: Value, updates: Value];
  readonly ScatterND: readonly [x: Value, indices: Value, updates: Value];
  readonly Slice: readonly [x: Value, starts: Value, ends: Value, axes: Value, steps: Value];
  readonly Where: readonly [condition: Value, x: Value, y: Value];
}
type OpOfTwo =
  | BinaryOp
  | CompareOp
  | 'ConvTranspose'
  | 'ConvWeightGradient'
  | 'CumSum'
  | 'Expand'
  | 'Gather'
  | 'GatherElements'
  | 'GatherND'
  | 'MatMul'
  | 'MaxPoolMask'
  | 'Mod'
  | 'PRelu'
  | 'ReduceMax'
  | 'ReduceMean'
  | 'ReduceMin'
  | 'ReduceProd'
  | 'ReduceSum'
  | 'Reshape'
  | 'Split'
  | 'TopK';

/** The inputs of a primitive. */
export type InputsOf<Op extends PrimitiveOp> = Op extends keyof SpecialInputs
  ? SpecialInputs[Op]
  : Op extends OpOfTwo
    ? readonly [x: Value, y: Value]
    : readonly [x: Value];

/** The outputs of a primitive; MaxPool gives indices only where it is asked for them. */
export type OutputsOf<Op extends PrimitiveOp> = Op extends 'TopK'
  ? readonly [values: Value, indices: Value]
  : Op extends 'MaxPool'
    ? readonly [y: Value, indices?: Value]
    : Op extends 'Split'
      ? readonly [y: Value, ...rest: Value[]]
      : readonly [y: Value];

/** The attributes of a primitive that has none. */
type NoAttributes = Readonly<Record<string, undefined>>;

/** The attributes of a primitive. */
export type AttributesOf<Op extends PrimitiveOp> = Op extends keyof PrimitiveAttributes
  ? PrimitiveAttributes[Op]
  : NoAttributes;

/** The attributes as a last argument, which may be left out where none is required. */
export type AttributeArgument<Op extends PrimitiveOp> = Op extends keyof PrimitiveAttributes
  ? object extends PrimitiveAttributes[Op]
    ? [attributes?: PrimitiveAttributes[Op]]
    : [attributes: PrimitiveAttributes[Op]]
  : [];

/** Primitives of one argument and nothing else. */
export type OpOfOne = {
  [Op in PrimitiveOp]: Op extends keyof PrimitiveAttributes
    ? never
    : InputsOf<Op> extends readonly [Value]
      ? Op
      : never;
}[PrimitiveOp];

/** How the inputs of a Recurrence are divided, and where its stacked outputs end (see `recurrenceParts`). */
interface ControlAttributes {
  readonly Loop: NoAttributes;
  readonly Scan: { readonly num_scan_inputs: number };
  readonly Recurrence: { readonly carried: number; readonly sequences: number; readonly stacked: number };
}

/** A node of a known operator. */
export type NodeOf<Op extends OpType> = Omit<Node, 'opType' | 'inputs' | 'outputs' | 'attributes' | 'body'> &
  (Op extends PrimitiveOp
    ? {
        readonly opType: Op;
        readonly inputs: InputsOf<Op>;
        readonly outputs: OutputsOf<Op>;
        readonly attributes: AttributesOf<Op>;
        readonly body: undefined;
      }
    : Op extends ControlOp
      ? {
          readonly opType: Op;
          readonly inputs: readonly Value[];
          readonly outputs: Node['outputs'];
          readonly attributes: ControlAttributes[Op];
          readonly body: Graph;
        }
      : never);

/** Whether a node is of an operator, and so has its inputs and attributes, as nodes in normal form do. */
export const isNode = <Op extends OpType>(node: Node | NodeOf<Op> | undefined, op: Op): node is NodeOf<Op> =>
  node?.opType === op;
