import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import {
  CallToolRequestSchema,
  ErrorCode,
  ListResourcesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  RootsListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { readRun } from '../runStore/store.ts';
import { describeError, InspectorError } from '../shared/errors.ts';
import { number } from '../shared/format.ts';
import type { Progress } from '../shared/protocol.ts';
import { toolVersion } from '../shared/version.ts';
import { agentTools, callTool } from './registry.ts';
import { Roots } from './roots.ts';
import { runReport, runsBelow } from './runs.ts';
import type { ToolContext } from './tool.ts';

const instructions = `Measures what the settings of an optimizer (Adam and relatives) do to training. Tell what was measured before what theory predicts, and never a number of the theory without its validity. From a training script: scan_workspace finds the optimizers; describe_model checks an exported ONNX model; inspect_model measures; compare_settings says whether other settings differ.`;

export interface ServerOptions {
  /** Folders that hold where the client grants none. */
  readonly folders: readonly string[];
  /** The bundled engine process. */
  readonly engine: string;
}

/**
 * A Model Context Protocol server with the tools of this program and the runs as resources. Paths are held within the roots of the
 * client; where it has none, within the folders of `options`.
 */
export function createServer({ folders, engine }: ServerOptions): Server {
  const server = new Server(
    { name: 'optimizer-bias-inspector', title: 'Optimizer Bias Inspector', version: toolVersion },
    { capabilities: { tools: {}, resources: {} }, instructions },
  );
  let granted: Promise<Roots> | undefined;
  const roots = (): Promise<Roots> => (granted ??= grantedRoots(server, folders));
  server.setNotificationHandler(RootsListChangedNotificationSchema, () => {
    granted = undefined;
  });

  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: agentTools.map(({ name, title, description, input, output, readOnly }) => ({
      ...{ name, title, description },
      inputSchema: input as { type: 'object' },
      outputSchema: output as { type: 'object' },
      annotations: { readOnlyHint: readOnly, destructiveHint: false, openWorldHint: false },
    })),
  }));

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification }) => {
    const tool = agentTools.find(({ name }) => name === params.name);
    if (!tool) throw new McpError(ErrorCode.InvalidParams, `There is no tool ${params.name}.`);
    const allowed = await roots();
    const token = params._meta?.progressToken;
    let told = -1;
    const progress = ({ phase, step, steps, loss }: Progress) => {
      // The protocol wants numbers that rise.
      if (token === undefined || phase !== 'running' || step <= told) return;
      told = step;
      const message =
        typeof loss === 'number' ? `step ${step} of ${steps}, loss ${number(loss)}` : `${step} of ${steps}`;
      void sendNotification({
        method: 'notifications/progress',
        params: { progressToken: token, progress: step, total: steps, message },
      });
    };
    const context: ToolContext = {
      directory: allowed.directory,
      path: (given) => allowed.path(given),
      rootOf: (path) => allowed.rootOf(path),
      engine,
      signal,
      progress,
    };
    try {
      const result = await callTool(tool, params.arguments ?? {}, context);
      return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: { ...result } };
    } catch (error) {
      if (!(error instanceof InspectorError)) throw error;
      return { content: [{ type: 'text', text: describeError(error) }], isError: true };
    }
  });

  server.setRequestHandler(ListResourcesRequestSchema, async () => {
    const { directory } = await roots();
    return {
      resources: runsBelow(directory).map(({ folder, header }) => ({
        uri: pathToFileURL(folder).href,
        name: basename(folder),
        description: `${header.optimizer.title} on ${basename(header.model.path)}, ${header.status}`,
        mimeType: 'application/json',
      })),
    };
  });

  server.setRequestHandler(ReadResourceRequestSchema, async ({ params: { uri } }) => {
    try {
      const allowed = await roots();
      const report = runReport(readRun(allowed.path(fileURLToPath(uri))));
      return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(report, undefined, 2) }] };
    } catch (error) {
      throw new McpError(ErrorCode.InvalidParams, describeError(error));
    }
  });
  return server;
}

async function grantedRoots(server: Server, folders: readonly string[]): Promise<Roots> {
  if (!server.getClientCapabilities()?.roots) return new Roots(folders);
  const { roots } = await server.listRoots();
  const paths = roots.flatMap(({ uri }) => (uri.startsWith('file:') ? [fileURLToPath(uri)] : []));
  if (paths.length === 0) throw new InspectorError('No folder was granted.', 'Open a folder, or grant one as a root.');
  return new Roots(paths);
}
