import type { GraphBuilder } from '../../onnx/builder.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Operator, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { uniformValue } from '../../onnx/simplify.ts';
import { isFloat, numbersOf, tensorOf } from '../../onnx/tensor.ts';

/** [B, L, heads·D] as [B, heads, L, D]; what has 4 axes stays. */
function splitHeads(b: GraphBuilder, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [batch, length, width] = leading(x.shape, 3);
  if (x.shape.length !== 3 || width % heads !== 0)
    throw new Error(`shape ${showShape(x.shape)} does not divide into ${heads} heads`);
  return b.transpose(b.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** The inverse of `splitHeads`. */
function joinHeads(b: GraphBuilder, x: Value): Value {
  const [batch, heads, length, depth] = leading(x.shape, 4);
  return b.reshape(b.transpose(x, [0, 2, 1, 3]), [batch, length, heads * depth]);
}

/** −∞ where attention is not allowed, 0 elsewhere. */
const asBias = (b: GraphBuilder, allowed: Value, like: Value): Value =>
  b.where(allowed, b.number(0, like), b.number(Number.NEGATIVE_INFINITY, like));

/** Query i of `length` sees the keys up to i + offset. */
const causal = (b: GraphBuilder, length: number, total: number, offset: number): Value =>
  b.constant(
    tensorOf(
      'bool',
      [length, total],
      Array.from({ length: length * total }, (_, i) => Number(i % total <= Math.floor(i / total) + offset)),
    ),
  );

/** True where a bias leaves, or may leave, nothing to attend to in a row. */
function mayBlockRows(bias: Value): boolean {
  if (!bias.constant) return true;
  const width = bias.shape.at(-1) ?? 1;
  const numbers = numbersOf(bias.constant);
  return Array.from({ length: numbers.length / width }).some((_, row) =>
    numbers.subarray(row * width, (row + 1) * width).every((x) => x === Number.NEGATIVE_INFINITY),
  );
}

/** Softmax over the last axis that gives zeros, and no gradient, where every score is −∞. */
function softmaxOrZero(b: GraphBuilder, scores: Value, axis = scores.shape.length - 1): Value {
  const none = b.equal(b.reduceMax(scores, [axis], true), b.number(Number.NEGATIVE_INFINITY, scores));
  const zero = b.number(0, scores);
  return b.where(none, zero, b.softmax(b.where(none, zero, scores), axis));
}

/** True where scores may be −∞ throughout a row: where a mask that is not known to leave something is added or selected. */
function mayBeBlocked(scores: Value): boolean {
  const { node } = scores;
  if (scores.constant || !node) return mayBlockRows(scores);
  const inputs = node.inputs.filter((input) => input !== undefined);
  switch (node.opType) {
    case 'MatMul':
    case 'Gemm':
      return false;
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div':
    case 'Reshape':
    case 'Transpose':
    case 'Tanh':
      return inputs.some((input) => isFloat(input.type) && mayBeBlocked(input));
    default:
      return true;
  }
}

/**
 * Where(IsNaN(p), 0, p) with p = softmax(s), as exporters write attention for rows that a mask blocks altogether. Its
 * gradient there is NaN, 0·NaN, so such rows are taken out before the softmax; where there can be none, p stands alone.
 */
export function guardedSoftmax(b: GraphBuilder, call: OperatorCall): Value | undefined {
  const [condition, replacement, p] = call.inputs;
  if (condition?.node?.opType !== 'IsNaN' || condition.node.inputs[0] !== p || p?.node?.opType !== 'Softmax')
    return undefined;
  if (!replacement || uniformValue(replacement) !== 0) return undefined;
  const scores = p.node.inputs[0]!;
  return mayBeBlocked(scores) ? softmaxOrZero(b, scores, p.node.attributes.axis as number) : p;
}

/** The sum of the masks that a call asks for, broadcasting over [B, heads, L, S]; undefined where there is none. */
function maskOf(b: GraphBuilder, call: OperatorCall, like: Value, length: number, total: number, past: number) {
  const given = call.inputs[3];
  const biases: Value[] = [];
  if (given) {
    const bias = given.type === 'bool' ? asBias(b, given, like) : given;
    const missing = total - bias.shape.at(-1)!;
    const none = bias.shape.map(() => 0);
    // A mask that is too short blocks the keys beyond it.
    biases.push(
      missing > 0 && bias.shape.at(-1) !== 1
        ? b.pad(bias, none, none.with(-1, missing), Number.NEGATIVE_INFINITY)
        : bias,
    );
  }
  if (call.int('is_causal', 0) === 1) biases.push(asBias(b, causal(b, length, total, past), like));
  return biases.length > 0 ? biases.reduce(b.add) : undefined;
}

/**
 * softmax(Q·Kᵀ·scale + mask)·V by heads; groups of query heads may share a head of keys and values, which broadcasting
 * handles without a copy.
 */
const attention: Operator = (b, call) => {
  if (call.inputs[6])
    throw new RefusedUse('the number of keys per sample (nonpad_kv_seqlen) is not supported; use a mask');
  const flat = call.input(0).shape.length === 3;
  const q = splitHeads(b, call.input(0), flat ? call.int('q_num_heads') : 0);
  const [ownKeys, ownValues] = [1, 2].map((i) => splitHeads(b, call.input(i), flat ? call.int('kv_num_heads') : 0));
  const k = call.inputs[4] ? b.concat([call.inputs[4], ownKeys!], 2) : ownKeys;
  const v = call.inputs[5] ? b.concat([call.inputs[5], ownValues!], 2) : ownValues;
  const [batch, heads, length, depth] = leading(q.shape, 4);
  const [, groups, total] = leading(k!.shape, 3);
  if (heads % groups !== 0) throw new Error(`${heads} query heads cannot share ${groups} heads of keys`);
  const shared = heads / groups;
  // Heads that share keys form an axis of their own: [B, groups, shared, L, D].
  const grouped = (x: Value): Value =>
    shared === 1 ? x : b.reshape(x, [batch, groups, x.shape[1]! / groups, ...x.shape.slice(2)]);
  const ungrouped = (x: Value): Value => b.reshape(x, [batch, heads, ...x.shape.slice(-2)]);

  const scale = call.has('scale') ? call.float('scale') : 1 / Math.sqrt(depth);
  const products = ungrouped(b.matMul(grouped(b.affine(q, scale)), b.swapLast(grouped(k!))));
  const softcap = call.float('softcap', 0);
  const mask = maskOf(b, call, q, length, total, total - ownKeys!.shape[2]!);
  const capped = softcap > 0 ? b.affine(b.tanh(b.affine(products, 1 / softcap)), softcap) : products;
  const scores = mask ? b.add(capped, mask) : capped;
  const weights = mask && mayBlockRows(mask) ? softmaxOrZero(b, scores) : b.softmax(scores, -1);
  const y = ungrouped(b.matMul(grouped(weights), grouped(v!)));
  const shown = [products, capped, scores, weights];
  return [flat ? joinHeads(b, y) : y, k, v, shown[call.int('qk_matmul_output_mode', 0)]];
};

/** The two halves of the last axis that are rotated into each other: its first and second half, or neighbours. */
function rotatedPairs(
  b: GraphBuilder,
  x: Value,
  interleaved: boolean,
): { pair: readonly Value[]; join: (parts: readonly Value[]) => Value } {
  const half = x.shape.at(-1)! / 2;
  const lead = x.shape.slice(0, -1);
  if (!interleaved) return { pair: b.split(x, [half, half], -1), join: (parts) => b.concat(parts, -1) };
  const pair = b.split(b.reshape(x, [...lead, half, 2]), [1, 1], -1).map((part) => b.reshape(part, [...lead, half]));
  const column = (part: Value): Value => b.reshape(part, [...lead, half, 1]);
  return { pair, join: (parts) => b.reshape(b.concat(parts.map(column), -1), x.shape) };
}

/** Rotates pairs of features by angles that depend on the position: (x, y) → (x·cos − y·sin, x·sin + y·cos). */
const rotaryEmbedding: Operator = (b, call) => {
  const flat = call.input(0).shape.length === 3;
  const x = splitHeads(b, call.input(0), call.int('num_heads', 0) || 1);
  const depth = x.shape[3];
  const rotated = call.int('rotary_embedding_dim', 0) || depth;
  const positions = call.inputs[3];
  const [cos, sin] = [1, 2].map((i) => {
    const cache = positions ? b.gather(call.input(i), positions, 0) : call.input(i);
    if (cache.shape.at(-1) !== rotated! / 2)
      throw new Error(`angles of shape ${showShape(cache.shape)} do not fit ${rotated} rotated features`);
    // [B, L, D/2] → [B, 1, L, D/2]
    return b.reshape(cache, [cache.shape[0]!, 1, ...cache.shape.slice(1)]);
  });
  const [turned, rest] = rotated! < depth! ? b.split(x, [rotated!, depth! - rotated!], -1) : [x];
  const { pair, join } = rotatedPairs(b, turned!, call.int('interleaved', 0) === 1);
  const [u, w] = pair;
  const y = join([b.sub(b.mul(u!, cos!), b.mul(w!, sin!)), b.add(b.mul(u!, sin!), b.mul(w!, cos!))]);
  const whole = rest ? b.concat([y, rest], -1) : y;
  return flat ? joinHeads(b, whole) : whole;
};

export const attentions: Record<string, Operator> = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
};
