import { runScan } from '../advice/scan.ts';
import { userCacheFolder } from '../files/userFolders.ts';
import type { Command } from './options.ts';

/** `optimizer-bias scan`: reads its own arguments. */
export const scanCommand: Command = {
  name: 'scan',
  summary: 'find optimizer configurations in code and config files, and what theory predicts of them',
  usage: ['optimizer-bias scan [PATH…] [--json | --sarif] [--fail-on SEVERITY]'],
  run: ({ positionals }) => {
    const cacheFolder = userCacheFolder();
    return runScan(positionals, {
      ...(cacheFolder !== undefined && { cacheFolder }),
      cwd: process.cwd(),
      write: (text) => process.stdout.write(text),
      error: (text) => process.stderr.write(text),
    });
  },
};
