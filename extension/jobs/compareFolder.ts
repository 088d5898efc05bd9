import { join } from 'node:path';
import { readJsonFile } from '../files/regular.ts';
import { checkCompare } from '../shared/checkRequest.ts';
import { InspectorError } from '../shared/errors.ts';
import type { CompareHeader } from '../shared/experiments.ts';

/** Reads what a folder compares. Throws an InspectorError where that is not possible. */
export function readCompare(folder: string): CompareHeader {
  try {
    const header = readJsonFile(join(folder, 'compare.json')) as CompareHeader | null;
    const { base, settings, seeds } = header?.request ?? {};
    if (!header || typeof base !== 'object' || !Array.isArray(settings) || !Array.isArray(seeds))
      throw new Error('compare.json is incomplete');
    checkCompare(header.request);
    return header;
  } catch (error) {
    if (error instanceof InspectorError) throw error;
    throw new InspectorError(
      `${folder} holds no readable comparison: ${(error as Error).message}.`,
      'A comparison is a folder with compare.json and experiment.json.',
      { cause: error },
    );
  }
}
