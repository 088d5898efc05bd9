import { isAbsolute, resolve } from 'node:path';
import * as vscode from 'vscode';
import { type ConfiguredOptimizer, configuredOptimizer } from '../../advice/configured.ts';
import type { Configurations } from '../configurations.ts';

/** The optimizer that a run's configuration describes now; undefined where it is gone. */
export async function currentOptimizer(
  directory: string,
  { path, index }: { readonly path: string; readonly index: number },
  configurations: Configurations,
): Promise<ConfiguredOptimizer | undefined> {
  try {
    const file = vscode.Uri.file(isAbsolute(path) ? path : resolve(directory, path));
    const document = await vscode.workspace.openTextDocument(file);
    const config = (await configurations.of(document))[index];
    return config && configuredOptimizer(config);
  } catch {
    return undefined;
  }
}
