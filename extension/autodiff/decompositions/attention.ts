import type { GraphBuilder } from '../../onnx/builder.ts';
import { last, listed, nth } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import { isNode } from '../../onnx/nodeTypes.ts';
import type { Definition, Definitions, OperatorCall } from '../../onnx/operator.ts';
import { RefusedUse } from '../../onnx/refusal.ts';
import { leading, showShape } from '../../onnx/shapes.ts';
import { uniformValue } from '../../onnx/simplify.ts';
import { isFloat, numbersOf } from '../../onnx/tensor.ts';
import { quoteName } from '../../shared/errors.ts';
import { aheadOf } from './movement.ts';

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

/** Query i of `length` sees the keys from i + offset − left up to i + offset + right; a negative bound is none, but not both are. */
function band(b: GraphBuilder, length: number, total: number, offset: number, left: number, right: number): Value {
  const ahead = aheadOf(b, length, total, offset);
  const behind = left < 0 ? undefined : b.greaterOrEqual(ahead, b.scalar('int64', -left));
  const before = right < 0 ? undefined : b.not(b.greater(ahead, b.scalar('int64', right)));
  return [behind, before].filter((bound) => bound !== undefined).reduce(b.and);
}

/** True where a bias leaves, or may leave, nothing to attend to in a row. */
function mayBlockRows(bias: Value): boolean {
  if (!bias.constant) return true;
  const width = bias.shape.at(-1) ?? 1;
  const numbers = numbersOf(bias.constant);
  return listed(numbers.length / width, (row) => row).some((row) =>
    numbers.subarray(row * width, (row + 1) * width).every((x) => x === Number.NEGATIVE_INFINITY),
  );
}

/** Softmax over the last axis that gives zeros, and no gradient, where every score is −∞. */
function softmaxOrZero(b: GraphBuilder, scores: Value, axis = scores.shape.length - 1): Value {
  const none = b.equal(b.reduceMax(scores, [axis], true), b.number(Number.NEGATIVE_INFINITY, scores));
  const zero = b.number(0, scores);
  return b.where(none, zero, b.softmax(b.where(none, zero, scores), axis));
}

/** What leaves −∞ where it was, and puts none where there was none. */
const keepingBlocks: ReadonlySet<string> = new Set(['Add', 'Sub', 'Mul', 'Div', 'Reshape', 'Transpose', 'Tanh']);

/** True where scores may be −∞ throughout a row: where a mask that is not known to leave something is added or selected. */
function mayBeBlocked(scores: Value): boolean {
  // Sums of sums share what they are made of, so that each is looked at once.
  const seen = new Set([scores]);
  for (const value of seen) {
    const { constant, node } = value;
    if (constant || !node) {
      if (mayBlockRows(value)) return true;
    } else if (keepingBlocks.has(node.opType)) {
      for (const input of node.inputs) if (input && isFloat(input.type)) seen.add(input);
    } else if (node.opType !== 'MatMul' && node.opType !== 'Gemm') return true;
  }
  return false;
}

/**
 * Where(IsNaN(p), 0, p) with p = softmax(s), as exporters write attention for rows that a mask blocks altogether. Its
 * gradient there is NaN, 0·NaN, so such rows are taken out before the softmax; where there can be none, p stands alone.
 */
export function guardedSoftmax(b: GraphBuilder, call: OperatorCall<'Where'>): Value | undefined {
  const [condition, replacement, p] = call.in;
  if (!isNode(condition.node, 'IsNaN') || condition.node.inputs[0] !== p || !isNode(p.node, 'Softmax'))
    return undefined;
  if (uniformValue(replacement) !== 0) return undefined;
  const [scores] = p.node.inputs;
  return mayBeBlocked(scores) ? softmaxOrZero(b, scores, p.node.attributes.axis) : p;
}

/** The sum of the masks that a call asks for, broadcasting over [B, heads, L, S]; undefined where there is none. */
function maskOf(
  b: GraphBuilder,
  { in: [, , , given], attributes }: OperatorCall<'Attention'>,
  like: Value,
  { length, total, past }: { length: number; total: number; past: number },
) {
  const biases: Value[] = [];
  if (given) {
    const bias = given.type === 'bool' ? asBias(b, given, like) : given;
    const missing = total - last(bias.shape);
    const none = bias.shape.map(() => 0);
    // A mask that is too short blocks the keys beyond it.
    biases.push(
      missing > 0 && bias.shape.at(-1) !== 1
        ? b.pad(bias, none, none.with(-1, missing), Number.NEGATIVE_INFINITY)
        : bias,
    );
  }
  const left = attributes.left_window_size;
  const right = attributes.is_causal === 1 ? 0 : attributes.right_window_size;
  if (left >= 0 || right >= 0) biases.push(asBias(b, band(b, length, total, past, left, right), like));
  return biases.length > 0 ? biases.reduce(b.add) : undefined;
}

/**
 * softmax(Q·Kᵀ·scale + mask)·V by heads; groups of query heads may share a head of keys and values, which broadcasting
 * handles without a copy.
 */
const attention: Definition<'Attention'> = (b, call) => {
  const [queries, keys, values, , pastKeys, pastValues, keysPerSample] = call.in;
  const { q_num_heads, kv_num_heads, softcap, qk_matmul_output_mode } = call.attributes;
  if (keysPerSample)
    throw new RefusedUse('the number of keys per sample (nonpad_kv_seqlen) is not supported; use a mask');
  const flat = queries.shape.length === 3;
  const headsOf = (heads: number | undefined, name: string): number => {
    if (flat && heads === undefined) throw new Error(`attribute ${quoteName(name)} is missing`);
    return heads ?? 0;
  };
  const q = splitHeads(b, queries, headsOf(q_num_heads, 'q_num_heads'));
  const sharing = headsOf(kv_num_heads, 'kv_num_heads');
  const [ownKeys, ownValues] = [splitHeads(b, keys, sharing), splitHeads(b, values, sharing)];
  const k = pastKeys ? b.concat([pastKeys, ownKeys], 2) : ownKeys;
  const v = pastValues ? b.concat([pastValues, ownValues], 2) : ownValues;
  const [batch, heads, length, depth] = leading(q.shape, 4);
  const [, groups, total] = leading(k.shape, 3);
  if (heads % groups !== 0) throw new Error(`${heads} query heads cannot share ${groups} heads of keys`);
  const shared = heads / groups;
  // Heads that share keys form an axis of their own: [B, groups, shared, L, D].
  const grouped = (x: Value): Value =>
    shared === 1 ? x : b.reshape(x, [batch, groups, nth(x.shape, 1) / groups, ...x.shape.slice(2)]);
  const ungrouped = (x: Value): Value => b.reshape(x, [batch, heads, ...x.shape.slice(-2)]);

  const scale = call.attributes.scale ?? 1 / Math.sqrt(depth);
  const products = ungrouped(b.matMul(grouped(b.affine(q, scale)), b.swapLast(grouped(k))));
  const mask = maskOf(b, call, q, { length, total, past: total - nth(ownKeys.shape, 2) });
  const capped = softcap > 0 ? b.affine(b.tanh(b.affine(products, 1 / softcap)), softcap) : products;
  const scores = mask ? b.add(capped, mask) : capped;
  const weights = mask && mayBlockRows(mask) ? softmaxOrZero(b, scores) : b.softmax(scores, -1);
  const y = ungrouped(b.matMul(grouped(weights), grouped(v)));
  const shown = [products, capped, scores, weights];
  return [flat ? joinHeads(b, y) : y, k, v, shown[qk_matmul_output_mode]];
};

type Pair = readonly [Value, Value];

/** The two halves of the last axis that are rotated into each other: its first and second half, or neighbours. */
function rotatedPairs(
  b: GraphBuilder,
  x: Value,
  interleaved: boolean,
): { pair: Pair; join: (...parts: Pair) => Value } {
  const half = last(x.shape) / 2;
  const lead = x.shape.slice(0, -1);
  if (!interleaved) return { pair: b.split(x, [half, half], -1), join: (...parts) => b.concat(parts, -1) };
  const [even, odd] = b.split(b.reshape(x, [...lead, half, 2]), [1, 1], -1);
  const flat = (part: Value): Value => b.reshape(part, [...lead, half]);
  const column = (part: Value): Value => b.reshape(part, [...lead, half, 1]);
  return {
    pair: [flat(even), flat(odd)],
    join: (...parts) => b.reshape(b.concat(parts.map(column), -1), x.shape),
  };
}

/** Rotates pairs of features by angles that depend on the position: (x, y) → (x·cos − y·sin, x·sin + y·cos). */
const rotaryEmbedding: Definition<'RotaryEmbedding'> = (b, call) => {
  const [given, cosines, sines, positions] = call.in;
  const { num_heads, rotary_embedding_dim, interleaved } = call.attributes;
  const flat = given.shape.length === 3;
  const x = splitHeads(b, given, num_heads || 1);
  const [, , , depth] = leading(x.shape, 4);
  const rotated = rotary_embedding_dim || depth;
  const angles = (values: Value): Value => {
    const cache = positions ? b.gather(values, positions, 0) : values;
    if (cache.shape.length !== 3 || cache.shape.at(-1) !== rotated / 2)
      throw new Error(`angles of shape ${showShape(cache.shape)} do not fit ${rotated} rotated features`);
    // [B, L, D/2] → [B, 1, L, D/2]
    return b.reshape(cache, [nth(cache.shape, 0), 1, ...cache.shape.slice(1)]);
  };
  const [cos, sin] = [angles(cosines), angles(sines)];
  const [turned, rest] = rotated < depth ? b.split(x, [rotated, depth - rotated], -1) : [x];
  const { pair, join } = rotatedPairs(b, turned, interleaved === 1);
  const [u, w] = pair;
  const y = join(b.sub(b.mul(u, cos), b.mul(w, sin)), b.add(b.mul(u, sin), b.mul(w, cos)));
  const whole = rest ? b.concat([y, rest], -1) : y;
  return flat ? joinHeads(b, whole) : whole;
};

export const attentions = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
} satisfies Partial<Definitions>;
