import { quoteName } from '../shared/errors.ts';
import type { GraphBuilder } from './builder.ts';
import type { Value } from './graph.ts';
import type { Attribute, ModelNode } from './model.ts';
import { constantInts } from './shapes.ts';
import { type ElementType, type FloatType, isFloat, type Tensor } from './tensor.ts';

/** Choices about what a model computes that its file leaves open. */
export interface InstanceOptions {
  /** BatchNormalization in inference form takes mean and variance from the batch instead of its running statistics. */
  readonly batchStatistics?: boolean;
}

/** A sequence of tensors. Its length is always known, so it is kept beside the graph and never enters it. */
export class Sequence {
  constructor(readonly items: readonly Value[]) {}
}
export type Item = Value | Sequence;

/** One use of an operator in a user's model, with everything an operator's definition needs. */
export class OperatorCall {
  constructor(
    readonly node: ModelNode,
    /** Version of the operator set of the node's domain. */
    readonly opset: number,
    readonly inputs: readonly (Value | undefined)[],
    /** Type in which floating-point values are computed, whatever the file says. */
    readonly floatType: FloatType,
    readonly options: InstanceOptions = {},
    private readonly sequences: ReadonlyMap<number, Sequence> = new Map(),
  ) {}

  get opType(): string {
    return this.node.opType;
  }

  /** An input that must be there. */
  input(index: number): Value {
    const value = this.inputs[index];
    if (!value) throw new Error(`input ${index} is ${this.sequences.has(index) ? 'a sequence' : 'missing'}`);
    return value;
  }

  /** The tensors of an input that is a sequence. */
  sequence(index: number): readonly Value[] {
    const found = this.sequences.get(index);
    if (!found) throw new Error(`input ${index} is no sequence`);
    return found.items;
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  int(name: string, fallback?: number): number {
    return this.attribute(name, 'int', fallback);
  }
  float(name: string, fallback?: number): number {
    const found = this.node.attributes.get(name);
    return found?.kind === 'int' ? found.value : this.attribute(name, 'float', fallback);
  }
  string(name: string, fallback?: string): string {
    return this.attribute(name, 'string', fallback);
  }
  ints(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attribute(name, 'ints', fallback);
  }
  floats(name: string, fallback?: readonly number[]): readonly number[] {
    return this.attribute(name, 'floats', fallback);
  }
  strings(name: string, fallback?: readonly string[]): readonly string[] {
    return this.attribute(name, 'strings', fallback);
  }
  tensor(name: string): Tensor {
    const found = this.node.attributes.get(name);
    if (found?.kind !== 'tensor') throw new Error(`attribute ${quoteName(name)} is missing`);
    if (found.value.unsupported) throw new Error(`attribute ${quoteName(name)}: ${found.value.unsupported}`);
    return found.value.read();
  }

  /** The integers of an input that must not depend on data. */
  constantInts(index: number): number[] {
    return constantInts(this.inputs[index], `input ${index} (${quoteName(this.node.inputs[index] ?? '')})`);
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

  private attribute<K extends Attribute['kind'], T>(name: string, kind: K, fallback: T | undefined): T {
    const found = this.node.attributes.get(name);
    if (!found) {
      if (fallback === undefined) throw new Error(`attribute ${quoteName(name)} is missing`);
      return fallback;
    }
    if (found.kind !== kind) throw new Error(`attribute ${quoteName(name)} is a ${found.kind}, not a ${kind}`);
    return found.value as T;
  }
}

export type Items = Item | readonly (Item | undefined)[];
/** Emits an operator in terms of primitives. Throws an Error that says why where this use of it is not supported. */
export interface Operator {
  (b: GraphBuilder, call: OperatorCall): Items;
  /** Why no use of it is supported, where that is so. */
  readonly refusal?: string;
}
/** Definitions by operator name of the default domain. */
export type Operators = ReadonlyMap<string, Operator>;
