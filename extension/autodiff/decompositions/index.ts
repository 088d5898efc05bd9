import type { Operators } from '../../onnx/instantiate.ts';
import { elementwise } from './elementwise.ts';
import { movement } from './movement.ts';
import { product } from './product.ts';
import { reductions } from './reduction.ts';

/** Every operator of the default domain that can be read, with its definition in terms of primitives. */
export const operators: Operators = new Map(Object.entries({ ...elementwise, ...reductions, ...product, ...movement }));
