import type { Warning } from '../exports/warning.ts';
import type { Model, ModelNode } from '../onnx/model.ts';
import { elementCount, numbersOf, type Tensor } from '../onnx/tensor.ts';
import { quoteName } from '../shared/errors.ts';
import { at, words } from '../shared/words.ts';

/** Operators that pass the numbers of an image on as they are. */
const passing: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Transpose',
  'Reshape',
  'Flatten',
  'Unsqueeze',
  'Pad',
]);
/** Operators with which models bring their inputs to a scale of their own. */
const scaling: ReadonlySet<string> = new Set([
  ...['Mul', 'Div', 'Sub', 'Add'],
  ...['BatchNormalization', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization', 'RMSNormalization'],
]);

/**
 * Bytes that a floating-point input takes as they are: 0 to 255, where training divides by 255 nearly always. Not where the
 * model begins with a scale or a normalisation of its own.
 */
export function unscaledBytes(model: Model, input: string, data: Tensor): Warning | undefined {
  if (!looksLikeBytes(data) || scalesItself(model.graph.nodes, input)) return undefined;
  return {
    code: 'unscaled-bytes',
    title: 'Bytes are fed to the model as they are',
    detail: `${quoteName(input)} takes floating-point numbers, and its data are whole numbers from 0 to 255. Networks are usually trained on values near 1; if yours is, loss, gradients and correction here are not those of your training.`,
    parameters: [],
    remedy: words`If your training divides by 255, add ${at('scale', 1 / 255)}, and ${at('mean')} and ${at('std')} as your transforms have them.`,
  };
}

/** uint8 beyond 0 and 1, or images and flat images of other types with the same values. */
function looksLikeBytes(tensor: Tensor): boolean {
  const isBytes = tensor.type === 'uint8';
  if (!isBytes && (tensor.shape.length < 2 || elementCount(tensor.shape.slice(1)) < 16)) return false;
  let largest = 0;
  for (const value of numbersOf(tensor)) {
    if (!(value >= 0 && value <= 255 && Number.isInteger(value))) return false;
    largest = Math.max(largest, value);
  }
  return isBytes ? largest > 1 : largest === 255;
}

function scalesItself(nodes: readonly ModelNode[], input: string): boolean {
  const names = new Set([input]);
  for (const { opType, inputs, outputs } of nodes) {
    if (!inputs.some((name) => names.has(name))) continue;
    if (scaling.has(opType)) return true;
    if (passing.has(opType) && names.has(inputs[0])) names.add(outputs[0]);
  }
  return false;
}
