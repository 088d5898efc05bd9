import { operators } from '../autodiff/decompositions/index.ts';
import { describeBlockers } from '../engine/blockers.ts';
import { inspectModel } from '../engine/modelReport.ts';
import { readModel } from '../onnx/read.ts';
import { describeError, InspectorError } from '../shared/errors.ts';
import { onCommandLine } from '../shared/words.ts';
import { type AgentTool, anyText, count, flag, list, object, type ToolContext, text } from './tool.ts';

const port = object({
  name: anyText('name'),
  type: anyText('element type'),
  shape: list({ type: ['number', 'string', 'null'] }, 'sizes; names of symbolic dimensions; null where not known'),
});

/** Most tensors that an answer lists. */
const mostTensors = 200;

export const describeModel: AgentTool = {
  name: 'describe_model',
  title: 'Describe an ONNX model',
  description:
    'Parameters of an ONNX model, the losses that fit its output, what stands in the way of differentiating it, and what its exporter is known to have changed, with remedies. Nothing is run.',
  readOnly: true,
  input: object({ model: text('path of the .onnx file') }),
  output: object({
    canBeInspected: flag('false where a node blocks differentiation'),
    blockers: anyText('all nodes that block it, with reasons and what to do; empty where there are none'),
    warnings: list({ type: 'string' }, 'what the exporter changed, and the remedy'),
    producer: anyText('exporter'),
    opset: count('operator-set version', 0),
    nodes: count('number of nodes', 0),
    inputs: list(port, 'inputs'),
    outputs: list(port, 'outputs'),
    losses: list({ type: 'string' }, 'losses that fit the output'),
    trainableScalars: count('number of trained parameters', 0),
    parameters: list(
      object({
        name: anyText('in the model'),
        shape: list({ type: 'integer' }, 'shape'),
        trained: flag('is trained'),
        reason: anyText('why'),
      }),
      `tensors, ${mostTensors} at most`,
    ),
  }),
  async run({ model: given }: { model: string }, context: ToolContext) {
    const model = await readModel(context.path(given));
    const report = inspectModel(model, operators, {});
    const names = report.parameters.map(({ name }) => name);
    const blocked = report.blockers.length > 0 && InspectorError.of(describeBlockers(model, report.blockers, names));
    const portOf = ({ name, type, dims }: (typeof report.inputs)[number]) => ({
      name,
      type,
      shape: dims.map((dim) => dim ?? null),
    });
    return {
      canBeInspected: report.blockers.length === 0,
      blockers: blocked ? describeError(blocked) : '',
      warnings: report.warnings.map(
        ({ title, detail, remedy: cure }) => `${title}. ${onCommandLine(detail)} ${onCommandLine(cure)}`,
      ),
      producer: report.producer,
      opset: report.opset,
      nodes: report.nodes,
      inputs: report.inputs.map(portOf),
      outputs: report.outputs.map(portOf),
      losses: report.losses,
      trainableScalars: report.parameters.reduce((sum, { size, trained }) => sum + (trained ? size : 0), 0),
      parameters: report.parameters.slice(0, mostTensors).map(({ name, source, shape, trained, reason }) => ({
        name: source ?? name,
        shape: [...shape],
        trained,
        reason: onCommandLine(reason),
      })),
    };
  },
};
