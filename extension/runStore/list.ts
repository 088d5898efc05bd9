import { existsSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { RunHeader } from '../shared/protocol.ts';
import { readHeader } from './store.ts';

/** A run as lists show it: without its steps. */
export interface RunEntry {
  readonly folder: string;
  readonly name: string;
  readonly header: RunHeader;
  readonly interrupted: boolean;
}

/** The run in a folder; undefined where there is none that can be read. */
export function runIn(folder: string): RunEntry | undefined {
  try {
    return { ...readHeader(folder), name: basename(folder) };
  } catch {
    return undefined;
  }
}

/** Gives a run another name; returns its new folder. Throws an InspectorError where the name is not possible or taken. */
export function renameRun(folder: string, name: string): string {
  const problem = nameProblem(name);
  if (problem) throw new InspectorError(problem);
  const target = join(dirname(folder), name);
  if (target === folder) return folder;
  if (existsSync(target))
    throw new InspectorError(`There is a run ${quoteName(name)} already.`, 'Choose another name.');
  renameSync(folder, target);
  return target;
}

/** Why a text cannot be the name of a run; undefined where it can. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === '') return 'A run needs a name.';
  if (/[<>:"/\\|?*\u0000-\u001f]/.test(name) || /^\.+$|[. ]$/.test(name))
    return 'A name is also that of a folder: it has none of < > : " / \\ | ? * and does not end in a dot or a space.';
  return name.length > 120 ? 'A name has at most 120 characters.' : undefined;
}
