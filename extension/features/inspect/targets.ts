import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfiguredOptimizer } from '../../advice/configured.ts';
import { faultyLine, lineOf } from '../../configs/data/json.ts';
import { readTextFile } from '../../files/regular.ts';
import { writeWhole } from '../../files/writing.ts';
import { InspectorError } from '../../shared/errors.ts';
import { type InspectRequest, inspectSettings, origins } from '../../shared/request.ts';
import { groupProblems } from '../../shared/setting.ts';
import { projectFile, type Target, targetSettings } from '../../shared/target.ts';
import type { Part } from '../../shared/where.ts';
import { hyperOf } from './hyper.ts';

/** A longer project file is none that anybody wrote; reading it would keep the editor busy. */
const largest = 2 ** 20;

/** The targets of a project file's text, the last used first. Throws an InspectorError that names what is wrong. */
export function parseTargets(text: string): Target[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InspectorError(`is no JSON: ${(error as Error).message}.`, 'Correct the file, or delete it.', {
      where: { file: projectFile, line: faultyLine(text) },
    });
  }
  const list = (value as { inspections?: unknown } | null)?.inspections;
  if (!Array.isArray(list))
    throw new InspectorError('has no list "inspections".', 'Correct the file, or delete it.', {
      where: { file: projectFile },
    });
  const problems = list.flatMap((entry: unknown, i): Part[] => {
    const place = `inspections[${i}]`;
    const at = (messages: readonly string[], ...key: string[]): Part[] =>
      messages.map((message) => ({ where: { line: lineOf(text, ['inspections', i, ...key]) }, message }));
    if (typeof entry !== 'object' || entry === null) return at(groupProblems(place, targetSettings, entry));
    const wrong = Object.entries(entry).flatMap(([key, value]) =>
      at(groupProblems(place, targetSettings, { [key]: value }), key),
    );
    const isWithoutModel = wrong.length === 0 && (entry as Partial<Target>).model === undefined;
    return isWithoutModel ? at([`${place} has no "model".`]) : wrong;
  });
  if (problems.length > 0)
    throw new InspectorError('holds settings that are not possible:', 'Correct the file, or delete the entry.', {
      where: { file: projectFile, line: problems[0].where.line },
      parts: problems,
    });
  return list as Target[];
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
  return existsSync(path) ? parseTargets(readTextFile(path, largest)) : [];
}

/** Writes the project file where it changes. */
export function writeTargets(directory: string, targets: readonly Target[]): void {
  const path = join(directory, projectFile);
  const text = `${JSON.stringify({ inspections: targets }, undefined, 2)}\n`;
  if (existsSync(path) && readTextFile(path, largest) === text) return;
  writeWhole(path, text);
}

export const defaultSteps = inspectSettings.steps.default;

/** What holds where a target says nothing. */
const defaults = {
  steps: defaultSteps,
  stage: inspectSettings.stage.default,
  device: inspectSettings.device.default,
  freeze: inspectSettings.freeze.default,
  trainable: inspectSettings.trainable.default,
  arrays: inspectSettings.arrays.default,
} as const;

/**
 * The request of a target with the optimizer of a configuration, and its parameter groups where the target says nothing of them;
 * `asked` are hyper-parameters that were just answered.
 */
export function requestOf(
  directory: string,
  { source: _, ...target }: Target,
  optimizer: ConfiguredOptimizer,
  asked: readonly string[] = [],
): InspectRequest {
  const marks = Object.fromEntries(asked.map((name) => [name, origins.asked]));
  const groups = target.groups ?? optimizer.groups;
  return {
    ...{ ...defaults, ...target, directory, ...hyperOf(optimizer, { ...target, origins: marks }) },
    ...(groups && { groups }),
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

/** How many folders two paths have in common, from the left. */
export function commonFolders(a: string, b: string): number {
  const [x, y] = [a.split('/'), b.split('/')];
  let count = 0;
  while (count < x.length && x[count] === y[count]) count++;
  return count;
}
