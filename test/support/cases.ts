import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readNpz } from '../../extension/datasets/npz.ts';
import { createProblem, type Problem, type ProblemOptions } from '../../extension/engine/problem.ts';
import { readModel } from '../../extension/onnx/read.ts';
import { exports, fixtures, root } from './paths.ts';

/** Reference cases beside the project, of which the fixtures are some; `OPTIMIZER_BIAS_CASES` names another folder. */
const further = process.env.OPTIMIZER_BIAS_CASES ?? join(root, '..', 'shared', 'cases');

const modelsIn = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'model.onnx')) && existsSync(join(path, 'data.npz')))
    .sort();

/** Folders with a model and its data: fixtures, models as exporters write them, and the reference cases where they are there. */
export const caseFolders = (): string[] => [fixtures, exports, further].flatMap(modelsIn);

export const caseName = (folder: string): string => basename(folder);

/** The problem of a folder; its loss is the one that it names, or the only one that fits. */
export async function problemOf(folder: string, dtype?: 'float32' | 'float64'): Promise<Problem> {
  const arrays = await readNpz(join(folder, 'data.npz'));
  const model = await readModel(join(folder, 'model.onnx'));
  const told = join(folder, 'case.json');
  const { loss } = (existsSync(told) ? JSON.parse(readFileSync(told, 'utf8')) : {}) as Pick<ProblemOptions, 'loss'>;
  return createProblem(model, { arrays, files: [], format: 'npz' }, { ...(loss && { loss }), ...(dtype && { dtype }) });
}
