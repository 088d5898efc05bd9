import { quoteName } from '../shared/errors.ts';
import { attributesOf } from './attributes.ts';
import type { GraphBuilder } from './builder.ts';
import type { ModelNode } from './model.ts';
import type { OperatorName, OperatorTypes } from './operatorTypes.ts';
import { parameterAt, takesSequence, versionAt, versionsOf } from './schema.ts';
import { type Item, Sequence } from './sequence.ts';
import { constantInts } from './shapes.ts';
import { type ElementType, type FloatType, isFloat } from './tensor.ts';

/** Choices about what a model computes that its file leaves open. */
export interface InstanceOptions {
  /** BatchNormalization in inference form takes mean and variance from the batch instead of its running statistics. */
  readonly batchStatistics?: boolean;
}

/** One use of an operator in a user's model, with everything an operator's definition needs. */
export class OperatorCall<Op extends OperatorName = OperatorName> {
  private inputs: OperatorTypes[Op]['in'] | undefined;
  private known: OperatorTypes[Op]['attributes'] | undefined;

  constructor(
    readonly node: ModelNode,
    /** Version of the operator set of the node's domain. */
    readonly opset: number,
    private readonly items: readonly (Item | undefined)[],
    /** Type in which floating-point values are computed, whatever the file says. */
    readonly floatType: FloatType,
    readonly options: InstanceOptions = {},
  ) {}

  /** Its inputs, undefined where they are left out. Throws an Error where one is missing or a sequence in place of a tensor. */
  get in(): OperatorTypes[Op]['in'] {
    this.inputs ??= checkedInputs(this.node.opType, this.opset, this.items) as OperatorTypes[Op]['in'];
    return this.inputs;
  }

  /**
   * Its attributes; what the node leaves out is as the operator set of the model has it, undefined where that has no default.
   * Throws an Error where one is missing or of another kind.
   */
  get attributes(): OperatorTypes[Op]['attributes'] {
    this.known ??= attributesOf(this.node, this.opset) as OperatorTypes[Op]['attributes'];
    return this.known;
  }

  get opType(): string {
    return this.node.opType;
  }

  /** Whether the node itself has an attribute, default or not. */
  has(name: keyof OperatorTypes[Op]['attributes'] & string): boolean {
    return this.node.attributes.has(name);
  }

  /** The integers of an input that must not depend on data. */
  constantInts(index: number): number[] {
    const item = this.items[index];
    const value = item instanceof Sequence ? undefined : item;
    return constantInts(value, `input ${index} (${quoteName(this.node.inputs[index] ?? '')})`);
  }

  /** The integers of an input that may be left out. */
  optionalInts(index: number): number[] | undefined {
    return this.items[index] ? this.constantInts(index) : undefined;
  }

  /** The one integer of an input that must not depend on data. */
  constantInt(index: number): number {
    const [value, ...more] = this.constantInts(index);
    if (value === undefined || more.length > 0)
      throw new Error(`input ${index} holds ${more.length + Number(value !== undefined)} numbers where one belongs`);
    return value;
  }

  /** The type that a value of a file's type has here. */
  localType(type: ElementType): ElementType {
    return isFloat(type) ? this.floatType : type;
  }
}

/** The inputs of a node, each a tensor or a sequence as its operator takes it, and none missing that must be there. */
function checkedInputs(opType: string, opset: number, items: readonly (Item | undefined)[]) {
  const { inputs } = versionAt(versionsOf(opType), opset) ?? { inputs: [] };
  const count = Math.max(items.length, inputs.findLastIndex(({ optional }) => !optional) + 1);
  for (let i = 0; i < count; i++) {
    const item = items[i];
    if (!item && !(parameterAt(inputs, i)?.optional ?? true)) throw new Error(`input ${i} is missing`);
    if (item && takesSequence(opType, i) !== item instanceof Sequence)
      throw new Error(`input ${i} is ${item instanceof Sequence ? 'a' : 'no'} sequence`);
  }
  return items;
}

export type Items = Item | readonly (Item | undefined)[];

/** Emits an operator in terms of primitives. Throws an Error that says why where this use of it is not supported. */
export type Definition<Op extends OperatorName = OperatorName> = (b: GraphBuilder, call: OperatorCall<Op>) => Items;

/** A table of definitions; the operators are the keys. */
export type Definitions<Op extends OperatorName = OperatorName> = { readonly [K in Op]: Definition<K> };

/** One definition for several operators that are alike. */
export const alike = <Op extends OperatorName>(
  ops: readonly Op[],
  define: (op: Op) => Definition<Op>,
): Definitions<Op> => Object.fromEntries(ops.map((op) => [op, define(op)])) as unknown as Definitions<Op>;

/** An operator that is known: what it is made of, or why no use of it is supported. */
export interface Operator {
  (b: GraphBuilder, call: OperatorCall): Items;
  readonly refusal?: string;
}

/** Operators by name of the default domain. */
export type Operators = ReadonlyMap<string, Operator>;
