import { createHash } from 'node:crypto';
import { partsOf } from './regular.ts';

/** SHA-256 over the content of regular files, in hexadecimal. Throws an Error with the reason where one cannot be read. */
export async function digest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) for await (const part of partsOf(path)) hash.update(part);
  return hash.digest('hex');
}
