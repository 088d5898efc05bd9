import { operators } from './autodiff/decompositions/index.ts';
import { describeBlockers } from './engine/blockers.ts';
import { inspectModel } from './engine/modelReport.ts';
import { endWithParent } from './files/parent.ts';
import { readModel } from './onnx/read.ts';
import { showShape } from './onnx/shapes.ts';
import { failureOf } from './shared/errors.ts';
import type { ModelPage, ToModelPage } from './shared/panel.ts';

/**
 * Reads one model and reports what it is, in a process of its own: models are made by anyone, and may take all the memory
 * or all the time that they are given. Takes a path, answers with one `ToModelPage`.
 */
process.on('message', (path) => {
  void answer(String(path)).then((message) => process.send?.(message, () => process.exit(0)));
});
process.on('disconnect', () => process.exit(0));
endWithParent();

async function answer(path: string): Promise<ToModelPage> {
  try {
    return { type: 'model', page: await report(path), trusted: true };
  } catch (error) {
    return { type: 'failed', failure: failureOf(error) };
  }
}

async function report(path: string): Promise<ModelPage> {
  const model = await readModel(path);
  const { inputs, outputs, parameters, blockers, warnings, ...rest } = inspectModel(model, operators, {});
  const shown = ({ name, type, dims }: (typeof inputs)[number]) => ({ name, type, shape: showShape(dims) });
  const names = parameters.map(({ name }) => name);
  return {
    ...rest,
    file: path,
    inputs: inputs.map(shown),
    outputs: outputs.map(shown),
    parameters: parameters.map(({ shape, ...each }) => ({ ...each, shape: showShape(shape) })),
    ...(blockers.length > 0 && { blocked: describeBlockers(model, blockers, names) }),
    warnings: warnings.map(({ title, detail, remedy: cure }) => ({ title, detail, remedy: cure })),
  };
}
