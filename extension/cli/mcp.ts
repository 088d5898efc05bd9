import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { Command } from './options.ts';

/** `optimizer-bias mcp`. What it serves is a bundle of its own: other commands do not load it. */
export const mcpCommand: Command = {
  name: 'mcp',
  summary: 'serve coding agents over the Model Context Protocol (standard input and output)',
  usage: ['optimizer-bias mcp [--root DIR]…'],
  options: [
    {
      flag: 'root',
      value: 'text',
      placeholder: 'DIR',
      repeat: true,
      help: 'folder that may be read, where the client grants none (default: the working folder)',
    },
  ],
  async run({ values }) {
    const folders = (values.get('root') as readonly string[] | undefined) ?? [];
    const { serve } = createRequire(__filename)(join(__dirname, 'mcpServer.js')) as typeof import('../mcpServer.ts');
    await serve((folders.length > 0 ? folders : ['.']).map((folder) => resolve(folder)));
    return 0;
  },
};
