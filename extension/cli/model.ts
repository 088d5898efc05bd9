import { operators } from '../autodiff/decompositions/index.ts';
import { describeBlockers } from '../engine/blockers.ts';
import { inspectModel } from '../engine/modelReport.ts';
import { readModel } from '../onnx/read.ts';
import { showShape } from '../onnx/shapes.ts';
import { describeError, InspectorError } from '../shared/errors.ts';
import { onCommandLine } from '../shared/words.ts';
import type { Command } from './options.ts';
import { shorten, styles, table, tensorLabel, thousands } from './text.ts';

/** `optimizer-bias model`. */
export const modelCommand: Command = {
  name: 'model',
  summary: 'show parameters, operators, loss candidates, what blocks differentiation, export warnings',
  usage: ['optimizer-bias model M.onnx [--json]'],
  positionals: { least: 1, most: 1 },
  options: [
    { flag: 'json', help: 'print as JSON' },
    { flag: 'freeze', value: 'text', placeholder: 'GLOB', repeat: true, help: 'initializers that do not train' },
    { flag: 'trainable', value: 'text', placeholder: 'GLOB', repeat: true, help: 'the only initializers that train' },
  ],
  async run({ values, positionals: [path] }) {
    const model = await readModel(path);
    const report = inspectModel(model, operators, {
      freeze: values.get('freeze') as string[],
      trainable: values.get('trainable') as string[],
    });
    if (values.has('json')) {
      process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
      return 0;
    }
    const style = styles(process.stdout);
    const write = (text: string) => process.stdout.write(`${text}\n`);
    const total = report.parameters.filter(({ trained }) => trained).reduce((sum, { size }) => sum + size, 0);
    write(
      `${style.bold(path)}: ${shorten(report.producer, 60) || 'unknown producer'}, opset ${report.opset}, ${report.nodes} nodes`,
    );
    for (const { name, type, dims } of report.inputs) write(`  input   ${shorten(name)} ${type} ${showShape(dims)}`);
    for (const { name, type, dims } of report.outputs) write(`  output  ${shorten(name)} ${type} ${showShape(dims)}`);
    write(`  losses  ${report.losses.join(', ') || 'none that fits'}`);
    write('');
    write(
      table(
        ['parameter', 'shape', 'size', 'trained'],
        report.parameters.map(({ name, source, shape, size, trained, reason }) => [
          tensorLabel(source === undefined ? name : `${source} (${name})`, 60),
          showShape(shape),
          thousands(size),
          trained ? 'yes' : `no: ${onCommandLine(reason)}`,
        ]),
      ),
    );
    write(`  ${thousands(total)} trainable scalars`);
    write('');
    write(
      table(
        ['operator', 'count', 'supported'],
        report.operators.map(({ op, count, supported }) => [
          shorten(op, 60),
          thousands(count),
          supported ? 'yes' : 'no',
        ]),
      ),
    );
    for (const warning of report.warnings)
      write(`\nWarning: ${warning.title}. ${onCommandLine(warning.detail)}\n  ${onCommandLine(warning.remedy)}`);
    if (report.blockers.length > 0) {
      const error = InspectorError.of(
        describeBlockers(
          model,
          report.blockers,
          report.parameters.map(({ name }) => name),
        ),
      );
      write(`\n${describeError(error)}`);
    }
    return 0;
  },
};
