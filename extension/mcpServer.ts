import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createServer } from './agents/server.ts';

// The editor's own tools load them from this bundle when they are first called.
export { agentTools, callTool } from './agents/registry.ts';
export { Roots } from './agents/roots.ts';

/** Serves the tools over standard input and output until the input ends. */
export async function serve(folders: readonly string[]): Promise<void> {
  const server = createServer({ folders, engine: join(__dirname, 'engineProcess.js') });
  const closed = new Promise<void>((done) => {
    server.onclose = done;
    // The transport does not tell when the input ends.
    process.stdin.once('end', () => void server.close());
  });
  await server.connect(new StdioServerTransport());
  await closed;
}

/** `node mcpServer.js [--root DIR]…`, as editors start it. */
if (require.main === module) {
  const { values } = parseArgs({ options: { root: { type: 'string', multiple: true, default: ['.'] } } });
  void serve(values.root.map((folder) => resolve(folder)));
}
