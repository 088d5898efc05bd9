import { extname, resolve } from 'node:path';
import { writeNpzFile } from '../datasets/npz.ts';
import { writeSafetensorsFile } from '../datasets/safetensors.ts';
import type { Position } from '../engine/runner.ts';
import { readWeights } from '../engine/weights.ts';
import { sourceNames } from '../exports/sourceNames.ts';
import { showShape } from '../onnx/shapes.ts';
import { type Tensor, tensorOf, toFloat } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { at, words } from '../shared/words.ts';
import type { Settings, Subject } from './setup.ts';

/**
 * A training to go on with: a .safetensors or .npz file with `step`, the number of steps that were taken; `exp_avg/NAME`,
 * `exp_avg_sq/NAME` and so on, what PyTorch's optimizers call their state, for each parameter; and the parameters themselves
 * as `NAME`, so that the file serves as weights, too.
 */
export interface SavedState {
  readonly path: string;
  readonly step: number;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** PyTorch's words for the state of its optimizers. */
const keys: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  rmsprop: { secondMoment: 'square_avg', firstMoment: 'grad_avg', buffer: 'momentum_buffer' },
};
const commonKeys: Readonly<Record<string, string>> = {
  firstMoment: 'exp_avg',
  secondMoment: 'exp_avg_sq',
  maxSecondMoment: 'max_exp_avg_sq',
  pastSteps: 'past_steps',
  buffer: 'momentum_buffer',
  momentum: 'exp_avg',
  sum: 'sum',
};
const keyOf = (optimizer: string, name: string): string => keys[optimizer]?.[name] ?? commonKeys[name] ?? name;

/** State that no framework keeps: it serves the correction only, and begins at 0 where it is missing. */
const own: ReadonlySet<string> = new Set(['pastSteps']);

const remedy = words`A state has "step" and, for each parameter, tensors such as "exp_avg/NAME" and "exp_avg_sq/NAME"; ${at('saveState')} writes one.`;

/** Reads a file with a state. Throws an InspectorError where it is none. */
export async function readState(path: string): Promise<SavedState> {
  const tensors = await readWeights(path);
  const step = Number(tensors.get('step')?.data[0]);
  if (tensors.get('step')?.data.length !== 1 || !Number.isSafeInteger(step) || step < 0)
    throw new InspectorError(
      `${quoteName(path, 400)} does not say after how many steps its state is: it has no "step" that is one whole number.`,
      remedy,
    );
  return { path, step, tensors };
}

/**
 * Where a run begins that goes on from a state. Throws an InspectorError that names every tensor that is missing or does not
 * fit. Of a file without the parameters, those of the model are taken.
 */
export function positionOf(
  { path, step, tensors }: SavedState,
  { problem, model }: Pick<Subject, 'problem' | 'model'>,
  { optimizer, hyper }: Pick<Settings, 'optimizer' | 'hyper'>,
): { readonly position: Position; readonly notes: readonly string[] } {
  const { layout, floatType } = problem;
  const sources = sourceNames(model);
  const faults: string[] = [];
  const read = (prefix: string, optional: boolean): Map<string, Tensor> | undefined => {
    const found = layout.segments.map(({ name, shape }) => {
      const key = [name, sources.get(name) ?? name].map((each) => prefix + each).find((each) => tensors.has(each));
      return { name, shape, key: key ?? prefix + name, tensor: key === undefined ? undefined : tensors.get(key) };
    });
    if (optional && found.every(({ tensor }) => !tensor)) return undefined;
    for (const { shape, key, tensor } of found) {
      if (!tensor) faults.push(`  ${quoteName(key)} is missing`);
      else if (String(tensor.shape) !== String(shape))
        faults.push(`  ${quoteName(key)} has shape ${showShape(tensor.shape)}, the parameter ${showShape(shape)}`);
    }
    return new Map(found.map(({ name, tensor }) => [name, tensor && toFloat(tensor, floatType)!] as [string, Tensor]));
  };
  const parameters = read('', true);
  const states = optimizer.stateNames(hyper).map((name) => {
    const values = read(`${keyOf(optimizer.name, name)}/`, own.has(name));
    return { name, values };
  });
  if (faults.length > 0)
    throw new InspectorError(
      `${quoteName(path, 400)} is no state of ${optimizer.title} for this model:\n${faults.slice(0, 20).join('\n')}${faults.length > 20 ? `\n  and ${faults.length - 20} more` : ''}`,
      remedy,
    );
  return {
    position: {
      step,
      theta: parameters ? layout.pack(floatType, parameters) : problem.theta,
      state: new Map(
        states.map(({ name, values }) => [name, values ? layout.pack(floatType, values) : layout.zeros(floatType)]),
      ),
    },
    notes: [
      `The run goes on after step ${step} of ${quoteName(path, 400)}${parameters ? ', with its parameters' : '; the parameters are those of the model'}.`,
      ...states
        .filter(({ values }) => !values)
        .map(
          ({ name }) =>
            `The state has no ${keyOf(optimizer.name, name)}, which begins at 0; only the correction depends on it.`,
        ),
    ],
  };
}

/** Refuses names of files that no state is written to. */
export function checkStatePath(path: string): void {
  if (!['.safetensors', '.npz'].includes(extname(path).toLowerCase()))
    throw new InspectorError(
      `The state cannot be saved as ${quoteName(path, 400)}.`,
      'Choose a name that ends in .safetensors or .npz.',
    );
}

/** Writes parameters and state of a position; a run that begins there goes on bit for bit as this one would have. */
export async function writeState(
  directory: string,
  path: string,
  { step, theta, state }: Position,
  { problem }: Pick<Subject, 'problem'>,
  { optimizer }: Pick<Settings, 'optimizer'>,
): Promise<void> {
  const { layout } = problem;
  const tensors = new Map<string, Tensor>([['step', tensorOf('int64', [], [step])], ...layout.unpack(theta)]);
  for (const [name, vector] of state)
    for (const [parameter, tensor] of layout.unpack(vector))
      tensors.set(`${keyOf(optimizer.name, name)}/${parameter}`, tensor);
  const to = resolve(directory, path);
  await (extname(path).toLowerCase() === '.npz' ? writeNpzFile : writeSafetensorsFile)(to, tensors);
}
