import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTextFile } from '../../files/regular.ts';
import { writeWhole } from '../../files/writing.ts';
import { InspectorError, quoteName } from '../../shared/errors.ts';
import type { GroupRequest, InspectRequest } from '../../shared/protocol.ts';
import { type Kind, projectFile, type Target, targetKinds } from '../../shared/target.ts';

const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
const isGroup = (value: unknown) =>
  isObject(value) && isText((value as GroupRequest).glob) && isObject((value as GroupRequest).hyper);
const accepts: Readonly<Record<Kind, readonly [test: (value: unknown) => boolean, name: string]>> = {
  text: [isText, 'a text'],
  number: [isNumber, 'a number'],
  flag: [(value) => typeof value === 'boolean', 'true or false'],
  numbers: [(value) => Array.isArray(value) && value.every(isNumber), 'a list of numbers'],
  texts: [(value) => Array.isArray(value) && value.every(isText), 'a list of texts'],
  object: [isObject, 'an object'],
  groups: [(value) => Array.isArray(value) && value.every(isGroup), 'a list of objects with "glob" and "hyper"'],
  stage: [(value) => value === 'step' || value === 'inf' || isNumber(value), '"step", "inf" or a step index'],
};

/** The targets of a project file's text, the last used first. Throws an InspectorError that names what is wrong. */
export function parseTargets(text: string): Target[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InspectorError(
      `${projectFile} is no JSON: ${(error as Error).message}.`,
      `Correct ${projectFile}, or delete it.`,
    );
  }
  const list = (value as { inspections?: unknown } | null)?.inspections;
  if (!Array.isArray(list))
    throw new InspectorError(`${projectFile} has no list "inspections".`, `Correct ${projectFile}, or delete it.`);
  return list.map((entry, i) => checkTarget(entry, `inspections[${i}]`));
}

function checkTarget(entry: unknown, where: string): Target {
  const fail = (what: string): never => {
    throw new InspectorError(`${projectFile}: ${where}${what}`, `Correct ${projectFile}, or delete the entry.`);
  };
  if (typeof entry !== 'object' || entry === null) fail(' is no object.');
  for (const [key, value] of Object.entries(entry as object)) {
    if (!Object.hasOwn(targetKinds, key)) fail(` has the unknown key ${quoteName(key)}.`);
    const [test, name] = accepts[targetKinds[key as keyof Target]];
    if (!test(value)) fail(`.${key} must be ${name}.`);
  }
  if (!Object.hasOwn(entry as object, 'model')) fail(' has no "model".');
  return entry as Target;
}

/** The target that goes with a source or a model: that of the source, else the last used one that fits; undefined where none does. */
export function targetFor(
  targets: readonly Target[],
  { source, model }: { source?: string; model?: string },
): Target | undefined {
  const fits = (target: Target) => model === undefined || target.model === model;
  return (
    targets.find((target) => source !== undefined && target.source === source && fits(target)) ?? targets.find(fits)
  );
}

/** The targets with one put first, in place of an older one of the same source and model. */
export function remembered(targets: readonly Target[], target: Target): Target[] {
  return [target, ...targets.filter(({ source, model }) => source !== target.source || model !== target.model)].slice(
    0,
    50,
  );
}

export function readTargets(directory: string): Target[] {
  const path = join(directory, projectFile);
  return existsSync(path) ? parseTargets(readTextFile(path)) : [];
}

/** Writes the project file where it changes. */
export function writeTargets(directory: string, targets: readonly Target[]): void {
  const path = join(directory, projectFile);
  const text = `${JSON.stringify({ inspections: targets }, undefined, 2)}\n`;
  if (existsSync(path) && readTextFile(path) === text) return;
  writeWhole(path, text);
}

export const defaultSteps = 50;

/** The request of a target with the optimizer of a configuration. */
export function requestOf(
  directory: string,
  { source: _, ...target }: Target,
  optimizer: Pick<InspectRequest, 'optimizer' | 'framework' | 'hyper'>,
): InspectRequest {
  return {
    steps: defaultSteps,
    every: 1,
    stage: 'step',
    device: 'auto',
    freeze: [],
    trainable: [],
    arrays: false,
    ...target,
    ...optimizer,
    directory,
  };
}

/** The candidate that is most likely meant with `near`: of the same name, else in the same folder, else the only one. */
export function guess(candidates: readonly string[], near: string | undefined): string | undefined {
  if (candidates.length <= 1 || near === undefined) return candidates.length === 1 ? candidates[0] : undefined;
  const folder = (path: string) => path.split('/').slice(0, -1).join('/');
  const score = (path: string) => {
    const common = commonFolders(folder(path), folder(near));
    return (isNamedLike(path, near) ? 100 : 0) + (folder(path) === folder(near) ? 50 : 0) + common;
  };
  const sorted = [...candidates].sort((a, b) => score(b) - score(a) || a.localeCompare(b));
  return sorted[0];
}

/** Whether two files have the same name but for their extensions. */
export function isNamedLike(path: string, other: string | undefined): boolean {
  const stem = (name: string) => (name.split('/').at(-1) ?? '').replace(/\.[^.]+$/, '').toLowerCase();
  return other !== undefined && stem(path) === stem(other);
}

function commonFolders(a: string, b: string): number {
  const [x, y] = [a.split('/'), b.split('/')];
  let count = 0;
  while (count < x.length && x[count] === y[count]) count++;
  return count;
}
