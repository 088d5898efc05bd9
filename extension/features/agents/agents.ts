import { createRequire } from 'node:module';
import * as vscode from 'vscode';
import type { AgentTool, ToolContext } from '../../agents/tool.ts';
import { languageModelToolName, mcpProviderId } from '../../contributions.ts';
import { ownScript } from '../../files/ownScript.ts';
import { describeError, InspectorError } from '../../shared/errors.ts';

/** The tools themselves need the autodiff and the analysis: they are a bundle that is loaded when one is first called. */
const bundle = (): typeof import('../../mcpServer.ts') => createRequire(__filename)(ownScript('mcpServer.js'));

const toolNamed = (id: string): AgentTool => bundle().agentTools.find((tool) => languageModelToolName(tool) === id)!;

interface Manifest {
  readonly displayName: string;
  readonly version: string;
  readonly contributes: { readonly languageModelTools: readonly { readonly name: string }[] };
}

/** The tools for coding agents: as tools of the editor's language models, and as a server for those that speak the protocol. */
export function registerAgents(extension: vscode.Extension<unknown>): vscode.Disposable {
  const { displayName, version, contributes } = extension.packageJSON as Manifest;
  return vscode.Disposable.from(
    ...contributes.languageModelTools.map(({ name }) => vscode.lm.registerTool(name, new EditorTool(name))),
    vscode.lm.registerMcpServerDefinitionProvider(mcpProviderId, {
      provideMcpServerDefinitions: () => {
        const folders = foldersOnDisk();
        if (!vscode.workspace.isTrusted || folders.length === 0) return [];
        const roots = folders.flatMap((folder) => ['--root', folder]);
        // The editor's own Node runs the server.
        const environment = { ELECTRON_RUN_AS_NODE: '1' };
        return [
          new vscode.McpStdioServerDefinition(
            displayName,
            process.execPath,
            [ownScript('mcpServer.js'), ...roots],
            environment,
            version,
          ),
        ];
      },
    }),
  );
}

const foldersOnDisk = (): string[] =>
  (vscode.workspace.workspaceFolders ?? []).flatMap(({ uri }) => (uri.scheme === 'file' ? [uri.fsPath] : []));

class EditorTool implements vscode.LanguageModelTool<Readonly<Record<string, unknown>>> {
  constructor(private readonly id: string) {}

  prepareInvocation({
    input,
  }: vscode.LanguageModelToolInvocationPrepareOptions<
    Readonly<Record<string, unknown>>
  >): vscode.PreparedToolInvocation {
    const { title, readOnly, confirmation } = toolNamed(this.id);
    return {
      invocationMessage: title,
      ...(!readOnly && confirmation && { confirmationMessages: { title, message: confirmation(input) } }),
    };
  }

  async invoke(
    { input }: vscode.LanguageModelToolInvocationOptions<Readonly<Record<string, unknown>>>,
    token: vscode.CancellationToken,
  ): Promise<vscode.LanguageModelToolResult> {
    const abort = new AbortController();
    const cancelled = token.onCancellationRequested(() => abort.abort());
    try {
      const tool = toolNamed(this.id);
      const result = await bundle().callTool(tool, input, contextOf(tool, abort.signal));
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(JSON.stringify(result))]);
    } catch (error) {
      // What the model reads of an error is its message.
      throw error instanceof InspectorError ? new Error(describeError(error)) : error;
    } finally {
      cancelled.dispose();
    }
  }
}

function contextOf(tool: AgentTool, signal: AbortSignal): ToolContext {
  if (!tool.readOnly && !vscode.workspace.isTrusted)
    throw new InspectorError('Models are only run in workspaces that are trusted.', 'Trust the workspace first.');
  const folders = foldersOnDisk();
  if (folders.length === 0) throw new InspectorError('No folder is open.', 'Open the folder of the training script.');
  const roots = new (bundle().Roots)(folders);
  return {
    directory: roots.directory,
    path: (given) => roots.path(given),
    rootOf: (path) => roots.rootOf(path),
    engine: ownScript('engineProcess.js'),
    signal,
    progress: () => {},
  };
}
