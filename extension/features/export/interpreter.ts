import * as vscode from 'vscode';
import { settingName } from '../../contributions.ts';

/** The parts of the Python extension's public API that are used. */
interface PythonApi {
  readonly environments: {
    getActiveEnvironmentPath(resource?: vscode.Uri): unknown;
    resolveEnvironment(path: unknown): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
  };
}

/**
 * The Python that runs a script: the one of the setting, else the one that is chosen in the Python extension, else the
 * system's.
 */
export async function interpreterFor(script: vscode.Uri): Promise<string> {
  const own = vscode.workspace.getConfiguration(undefined, script).get<string>(settingName('python.interpreter'), '');
  if (own !== '') return own;
  try {
    const api = await vscode.extensions.getExtension<PythonApi>('ms-python.python')?.activate();
    const path = api?.environments.getActiveEnvironmentPath(script);
    const environment = path === undefined ? undefined : await api?.environments.resolveEnvironment(path);
    if (environment?.executable.uri) return environment.executable.uri.fsPath;
  } catch {
    // An extension that cannot say it leaves the system's.
  }
  return process.platform === 'win32' ? 'python' : 'python3';
}
