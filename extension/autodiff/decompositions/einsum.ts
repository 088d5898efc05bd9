import type { GraphBuilder } from '../../onnx/builder.ts';
import { listed, nth, zip } from '../../onnx/checked.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Definition, Definitions } from '../../onnx/operator.ts';
import { elementCount } from '../../onnx/tensor.ts';

/** A tensor whose axes have labels; each label stands once. Labels of an ellipsis are "…0", "…1", counted from the right. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** The labels of one term for a tensor of a given rank. */
function labelsOf(term: string, rank: number): string[] {
  if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) throw new Error(`"${term}" is no term of an equation`);
  const [before = '', after] = term.split('...');
  const named = before.length + (after?.length ?? 0);
  if (named > rank || (after === undefined && named !== rank))
    throw new Error(`"${term}" does not fit a tensor of ${rank} axes`);
  const all = after === undefined ? 0 : rank - named;
  const hidden = listed(all, (i) => `…${all - 1 - i}`);
  return [...before, ...hidden, ...(after ?? '')];
}

/** The labels of the result: as written, or all that occur once in alphabetical order after those of the ellipsis. */
function resultLabels(term: string | undefined, terms: readonly (readonly string[])[]): string[] {
  const all = terms.flat();
  const hidden = [...new Set(all.filter((label) => label.startsWith('…')))].sort().reverse();
  if (term === undefined) {
    const once = all.filter((label) => all.filter((other) => other === label).length === 1);
    return [...hidden, ...once.filter((label) => !label.startsWith('…')).sort()];
  }
  const [before = '', after] = term.split('...');
  const labels = [...before, ...(after === undefined ? [] : hidden), ...(after ?? '')];
  for (const [i, label] of labels.entries()) {
    if (!all.includes(label)) throw new Error(`"${label}" of the result stands in no term`);
    if (labels.indexOf(label) !== i) throw new Error(`"${label}" stands twice in the result`);
  }
  return labels;
}

/** Axes with equal labels become one, the diagonal: flattened, its elements are n + 1 apart. */
function diagonal(b: GraphBuilder, { value, labels }: Labelled): Labelled {
  const repeated = labels.find((label, i) => labels.indexOf(label) !== i);
  if (repeated === undefined) return { value, labels };
  const first = labels.indexOf(repeated);
  const second = labels.indexOf(repeated, first + 1);
  const rest = zip(labels, value.shape).flatMap(([label, size], axis) =>
    axis === first || axis === second ? [] : [{ label, size, axis }],
  );
  const n = nth(value.shape, first);
  if (value.shape[second] !== n) throw new Error(`the axes "${repeated}" have sizes ${n} and ${value.shape[second]}`);
  const lead = rest.map(({ size }) => size);
  const flat = b.reshape(b.transpose(value, [...rest.map(({ axis }) => axis), first, second]), [...lead, n * n]);
  const taken = b.slice(flat, { starts: [0], ends: [n * n], axes: [lead.length], steps: [n + 1] });
  return diagonal(b, { value: taken, labels: [...rest.map(({ label }) => label), repeated] });
}

const sizeOf = ({ value, labels }: Labelled, label: string): number => nth(value.shape, labels.indexOf(label));

/** Sums over the labels that nothing else needs. */
function sumOut(b: GraphBuilder, x: Labelled, keep: ReadonlySet<string>): Labelled {
  const axes = x.labels.flatMap((label, i) => (keep.has(label) ? [] : [i]));
  if (axes.length === 0) return x;
  return { value: b.reduceSum(x.value, axes), labels: x.labels.filter((label) => keep.has(label)) };
}

/** The tensor with axes in the order of `labels`; labels that it has not get size 1. */
function arrange(b: GraphBuilder, x: Labelled, order: readonly string[]): Value {
  const { value, labels } = x;
  const present = order.filter((label) => labels.includes(label));
  const moved = b.transpose(
    value,
    present.map((label) => labels.indexOf(label)),
  );
  return b.reshape(
    moved,
    order.map((label) => (labels.includes(label) ? sizeOf(x, label) : 1)),
  );
}

/** Repeats axes of size 1 whose label has another size elsewhere. */
function widen(b: GraphBuilder, x: Labelled, sizes: ReadonlyMap<string, number>): Labelled {
  const shape = x.labels.map((label) => sizes.get(label) ?? sizeOf(x, label));
  return { ...x, value: b.expand(x.value, shape) };
}

/** The product of two tensors, summed over what both have and nothing later needs: one matrix product. */
function contract(b: GraphBuilder, left: Labelled, right: Labelled, keep: ReadonlySet<string>): Labelled {
  const common = left.labels.filter((label) => right.labels.includes(label));
  const batch = common.filter((label) => keep.has(label));
  const summed = common.filter((label) => !keep.has(label));
  const rows = left.labels.filter((label) => !common.includes(label));
  const columns = right.labels.filter((label) => !common.includes(label));
  const labels = [...batch, ...rows, ...columns];
  if (summed.length === 0 || (rows.length === 0 && columns.length === 0)) {
    const order = [...labels, ...summed];
    const product = b.mul(arrange(b, left, order), arrange(b, right, order));
    return sumOut(b, { value: product, labels: order }, new Set(labels));
  }
  const count = (of: Labelled, names: readonly string[]) => elementCount(names.map((label) => sizeOf(of, label)));
  const outer = batch.map((label) => sizeOf(left, label));
  const [n, k, m] = [count(left, rows), count(left, summed), count(right, columns)];
  const a = b.reshape(arrange(b, left, [...batch, ...rows, ...summed]), [...outer, n, k]);
  const w = b.reshape(arrange(b, right, [...batch, ...summed, ...columns]), [...outer, k, m]);
  const shape = [
    ...outer,
    ...rows.map((label) => sizeOf(left, label)),
    ...columns.map((label) => sizeOf(right, label)),
  ];
  return { value: b.reshape(b.matMul(a, w), shape), labels };
}

/** Einstein sums, operand by operand from the left. */
const einsum: Definition<'Einsum'> = (b, call) => {
  const [terms = '', result] = call.attributes.equation.replaceAll(/\s/g, '').split('->');
  const written = terms.split(',');
  if (written.length !== call.in.length)
    throw new Error(`its equation has ${written.length} terms for ${call.in.length} inputs`);
  const given = zip(written, call.in).map(
    ([term, value]): Labelled => ({ value, labels: labelsOf(term, value.shape.length) }),
  );
  const operands = given.map((operand) => diagonal(b, operand));
  // Labels count twice where a diagonal was taken, so those of the terms as written decide what the result has.
  const labels = resultLabels(
    result,
    given.map((operand) => operand.labels),
  );
  const sizes = new Map<string, number>();
  for (const operand of operands) {
    for (const label of operand.labels) {
      const size = sizeOf(operand, label);
      const known = sizes.get(label) ?? 1;
      if (size !== known && size !== 1 && known !== 1)
        throw new Error(`the axes "${label}" have sizes ${known} and ${size}`);
      sizes.set(label, Math.max(size, known));
    }
  }
  const wide = operands.map((operand) => widen(b, operand, sizes));
  const needed = (from: number) => new Set([...labels, ...wide.slice(from).flatMap((operand) => operand.labels)]);
  let product = sumOut(b, nth(wide, 0), needed(1));
  wide.slice(1).forEach((operand, i) => {
    const later = needed(i + 2);
    const next = sumOut(b, operand, new Set([...later, ...product.labels]));
    product = contract(b, product, next, later);
    product = sumOut(b, product, later);
  });
  return arrange(b, product, labels);
};

export const einsums = { Einsum: einsum } satisfies Partial<Definitions>;
