import type { Value } from './graph.ts';
import type { ModelNode } from './model.ts';
import type { OperatorName, OperatorTypes } from './operatorTypes.ts';
import { RefusedUse } from './refusal.ts';

/** Largest window and padding of one axis. */
const window = 2 ** 14;
type AttributeName = { [Op in OperatorName]: keyof OperatorTypes[Op]['attributes'] }[OperatorName];

const limits = {
  attributes: new Map<string, number>(
    Object.entries({
      kernel_shape: window,
      pads: window,
      output_padding: window,
      output_shape: 2 ** 22,
      num_outputs: 2 ** 16,
      size: 2 ** 12,
    } satisfies { [Name in AttributeName]?: number }),
  ),
  /** Inputs, by operator and position, that hold such numbers. */
  inputs: new Map<string, readonly [position: number, most: number]>([
    ['Pad', [1, 2 ** 22]],
    ['OneHot', [1, 2 ** 22]],
    ['Resize', [3, 2 ** 19]],
  ]),
};

/**
 * Definitions of operators make lists as long as some numbers in the file say, such as the pads of a reflecting Pad.
 * Throws an Error where such a number is beyond any use, before anything that long is made.
 */
export function checkAmounts(node: ModelNode, inputs: readonly (Value | undefined)[]): void {
  for (const [name, attribute] of node.attributes) {
    const limit = limits.attributes.get(name);
    if (limit === undefined || (attribute.kind !== 'int' && attribute.kind !== 'ints')) continue;
    refuse([attribute.value].flat(), limit, `attribute "${name}"`);
  }
  const limited = limits.inputs.get(node.opType);
  if (!limited) return;
  const [position, limit] = limited;
  const tensor = inputs[position]?.constant;
  if (tensor) refuse(Array.from(tensor.data as ArrayLike<number | bigint>, Number), limit, `input ${position}`);
}

function refuse(amounts: readonly number[], limit: number, what: string): void {
  const large = amounts.find((amount) => !(Math.abs(amount) <= limit));
  if (large !== undefined) throw new RefusedUse(`its ${what} holds ${large}; at most ${limit} is supported`);
}
