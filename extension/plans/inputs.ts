import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { experimentNamed } from '../experiments/registry.ts';
import { filesOf } from '../experiments/run.ts';
import { digest } from '../files/digest.ts';
import { WritingError } from '../files/writing.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Plan, PlanInput, PlanRequest } from '../shared/plans.ts';
import { batchOrders } from '../shared/request.ts';

/** The files that a request names, by role, as it names them. */
function namedIn({ kind, request }: PlanRequest): (readonly [role: string, path: string])[] {
  if (kind === 'experiment') return filesOf(experimentNamed(request.name), request.parameters);
  const { base, test } = request;
  const order = (batchOrders as readonly (string | undefined)[]).includes(base.order) ? undefined : base.order;
  const named: [string, string | undefined][] = [
    ...(['model', 'weights', 'data', 'x', 'y'] as const).map((role): [string, string | undefined] => [
      role,
      base[role],
    ]),
    ['order', order],
    ...(['data', 'x', 'y'] as const).map((role): [string, string | undefined] => [`test.${role}`, test?.[role]]),
  ];
  return named.flatMap(([role, path]) => (path === undefined ? [] : [[role, path] as const]));
}

/** Several data files are named with commas between them. */
const filesNamed = (directory: string, path: string): readonly string[] =>
  path.includes(',') && !existsSync(resolve(directory, path))
    ? path.split(',').map((each) => resolve(directory, each.trim()))
    : [resolve(directory, path)];

/** Of files with tensors of a model, which lie in its folder, under their own names. */
const besideModel = 'tensors';

const directoryOf = ({ kind, request }: PlanRequest): string =>
  kind === 'experiment' ? request.directory : request.base.directory;

/**
 * The files of a request with their digests, copied into the plan where that is asked for. Throws an InspectorError for one that
 * cannot be read, a WritingError for one that cannot be copied.
 *
 * @param beside further files with tensors, by their names in the folder of the model
 */
export async function inputsOf(
  folder: string,
  request: PlanRequest,
  beside: ReadonlyMap<string, string>,
  copied: boolean,
): Promise<PlanInput[]> {
  const files = [
    ...namedIn(request).flatMap(([role, named]) =>
      filesNamed(directoryOf(request), named).map((path, i) => ({ role, path, name: `${i || ''}${basename(path)}` })),
    ),
    ...[...beside].map(([name, path]) => ({ role: besideModel, path, name })),
  ];
  const inputs: PlanInput[] = [];
  for (const { role, path, name } of files) {
    const sha256 = await digestOf(path);
    const copy = `inputs/${role === besideModel ? 'model' : role}/${name}`;
    if (copied) copyInto(folder, path, copy);
    inputs.push({ role, path, sha256, ...(copied && { copy }) });
  }
  return inputs;
}

function copyInto(folder: string, path: string, copy: string): void {
  try {
    mkdirSync(dirname(join(folder, copy)), { recursive: true });
    copyFileSync(path, join(folder, copy));
  } catch (error) {
    throw new WritingError(folder, error);
  }
}

async function digestOf(path: string): Promise<string> {
  try {
    return await digest([path]);
  } catch (error) {
    throw new InspectorError(`${quoteName(path)} cannot be read: ${(error as Error).message}.`, undefined, {
      cause: error,
    });
  }
}

/**
 * Finds the files of a plan, its copies first, and holds them against their digests. Returns the plan's request with their
 * places. Throws an InspectorError for a file that is not there, and for one that has changed.
 */
export async function locate(folder: string, plan: Plan): Promise<PlanRequest> {
  const places = new Map<string, string>();
  for (const input of plan.inputs) {
    const copy = input.copy === undefined ? undefined : resolve(folder, input.copy);
    const path = copy !== undefined && existsSync(copy) ? copy : input.path;
    if (!existsSync(path))
      throw new InspectorError(
        `${quoteName(path)}, the ${input.role} of the plan in ${folder}, is not there.`,
        'Make it available under the same path on this machine, or make the plan anew with --copy-inputs.',
        { cause: Object.assign(new Error('no such file'), { code: 'ENOENT' }) },
      );
    if ((await digestOf(path)) !== input.sha256)
      throw new InspectorError(
        `${quoteName(path)}, the ${input.role} of the plan in ${folder}, has changed since the plan was made.`,
        'Put the file back as it was, or make the plan anew in another folder.',
      );
    places.set(input.role, places.has(input.role) ? `${places.get(input.role)},${path}` : path);
  }
  return placed(plan, places);
}

/** A request whose files are at these places. */
function placed(plan: PlanRequest, places: ReadonlyMap<string, string>): PlanRequest {
  const at = (role: string, path: string | undefined) => places.get(role) ?? path;
  if (plan.kind === 'experiment') {
    const { request } = plan;
    const moved = Object.entries(request.parameters).map(([key, value]) => [key, places.get(key) ?? value]);
    return { kind: 'experiment', request: { ...request, parameters: Object.fromEntries(moved) } };
  }
  const { base, test } = plan.request;
  const request = {
    base: {
      ...base,
      model: at('model', base.model)!,
      weights: at('weights', base.weights),
      data: at('data', base.data),
      x: at('x', base.x),
      y: at('y', base.y),
      order: at('order', base.order),
    },
    test: test && { data: at('test.data', test.data), x: at('test.x', test.x), y: at('test.y', test.y) },
  };
  return plan.kind === 'sweep'
    ? { kind: 'sweep', request: { ...plan.request, ...request } }
    : { kind: 'compare', request: { ...plan.request, ...request } };
}
