import { join } from 'node:path';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { createServer } from './agents/server.ts';

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
