import { type ExportWarning, exportWarnings as warningsOf } from '../../extension/exports/exportWarnings.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import type { LossName } from '../../extension/shared/losses.ts';
import { onCommandLine } from '../../extension/shared/words.ts';
import { float, info, linear, type Node, type TensorInit } from '../onnx/files.ts';

/** The warnings as the command line says them. */
export const exportWarnings = (...args: Parameters<typeof warningsOf>) =>
  warningsOf(...args).map(({ detail, remedy, ...rest }) => ({
    ...rest,
    detail: onCommandLine(detail),
    remedy: onCommandLine(remedy),
  }));

export const model = (nodes: Node[], initializer: TensorInit[], producerName = 'pytorch') =>
  decodeModel(linear({ node: nodes, initializer, input: [info('x', ['N', 4, 8, 8])] }, { producerName }), 'm.onnx');
export const warn = (
  nodes: Node[],
  initializer: TensorInit[],
  { producer = 'pytorch', loss }: { producer?: string; loss?: LossName } = {},
) => exportWarnings(model(nodes, initializer, producer), loss);
export const codes = (warnings: readonly ExportWarning[]) => warnings.map(({ code }) => code);

let seed = 1;
/** Numbers that do not repeat. */
export const random = (count: number) =>
  Array.from({ length: count }, () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647 - 0.5;
  });
export const full = (name: string, dims: number[], value: number) =>
  float(name, dims, new Array(dims.reduce((a, b) => a * b, 1)).fill(value));
export const fresh = (name: string, dims: number[]) => float(name, dims, random(dims.reduce((a, b) => a * b, 1)));

export const whole =
  'Export the model so that it stays whole: torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False, external_data=False), or with the legacy exporter torch.onnx.export(model, args, "model.onnx", dynamo=False, training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False).';
