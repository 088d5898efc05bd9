import type { Initializer } from '../onnx/model.ts';
import { bytesPerElement, type Tensor } from '../onnx/tensor.ts';

/** Candidates of one fingerprint with which a tensor is compared; more would be an attack on the running time. */
const mostComparisons = 16;

/** The bits of each element as integers, 32 or 16 at a time. */
function wordsOf(tensor: Tensor): Int32Array | Int16Array {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return bytesPerElement(tensor.type) === 2
    ? new Int16Array(buffer, byteOffset, byteLength / 2)
    : new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** True where all elements have the same bits, as in freshly initialised scales and biases. */
export function isUniform(tensor: Tensor): boolean {
  const words = wordsOf(tensor);
  const step = words.length / tensor.data.length;
  for (let i = step; i < words.length; i++) if (words[i] !== words[i - step]) return false;
  return true;
}

/** A number that does not depend on the order of the elements, so that a matrix and its transpose have the same. */
function fingerprint(tensor: Tensor): number {
  const words = wordsOf(tensor);
  let sum = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    sum = (sum + Math.imul(word ^ (word >>> 15), 0x2c1b3c6d)) | 0;
  }
  return sum;
}

function sameBits(a: Tensor, b: Tensor): boolean {
  const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return String(a.shape) === String(b.shape) && bytes(a).equals(bytes(b));
}

function transposedBits(a: Tensor, b: Tensor): boolean {
  const [rows, columns] = a.shape;
  if (a.shape.length !== 2 || b.shape[0] !== columns || b.shape[1] !== rows) return false;
  const x = wordsOf(a);
  const y = wordsOf(b);
  const step = x.length / a.data.length;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      for (let k = 0; k < step; k++) if (x[(r * columns + c) * step + k] !== y[(c * rows + r) * step + k]) return false;
    }
  }
  return true;
}

/**
 * Groups of tensors of two or more dimensions that hold the same bits, directly or transposed. Tensors of one repeated
 * value are left out, since they are equal by the way they were initialised. Reads only tensors whose sizes agree with
 * another's; the time is that of one pass over these.
 */
export function equalGroups(initializers: readonly Initializer[]): { names: string[]; transposed: boolean }[] {
  const bySize = new Map<string, Initializer[]>();
  for (const initializer of initializers) {
    if (initializer.unsupported || initializer.shape.length < 2) continue;
    const dims = initializer.shape.length === 2 ? [...initializer.shape].sort((a, b) => a - b) : initializer.shape;
    const key = `${initializer.type} ${dims}`;
    const members = bySize.get(key);
    if (members) members.push(initializer);
    else bySize.set(key, [initializer]);
  }
  return [...bySize.values()].filter((members) => members.length > 1).flatMap(equalAmong);
}

function equalAmong(members: readonly Initializer[]): { names: string[]; transposed: boolean }[] {
  const groups = new Map<number, { first: Initializer; names: string[]; transposed: boolean }[]>();
  for (const initializer of members) {
    const tensor = initializer.read();
    if (tensor.data.length < 2 || isUniform(tensor)) continue;
    const key = fingerprint(tensor);
    const known = groups.get(key) ?? [];
    const same = known.slice(0, mostComparisons).find(({ first }) => {
      const other = first.read();
      return sameBits(other, tensor) || transposedBits(other, tensor);
    });
    if (same) {
      same.names.push(initializer.name);
      same.transposed ||= !sameBits(same.first.read(), tensor);
    } else {
      groups.set(key, [...known, { first: initializer, names: [initializer.name], transposed: false }]);
    }
  }
  return [...groups.values()]
    .flat()
    .filter(({ names }) => names.length > 1)
    .map(({ names, transposed }) => ({ names, transposed }));
}
