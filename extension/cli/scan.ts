import { dirname, join, relative } from 'node:path';
import { isRunOf } from '../advice/measured.ts';
import { runScan } from '../advice/scan.ts';
import type { OptimizerConfig } from '../configs/config.ts';
import { userCacheFolder } from '../files/userFolders.ts';
import { readMeasured } from '../runStore/measured.ts';
import type { MeasuredRun } from '../shared/protocol.ts';
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
      measured: runsAbove(process.cwd()),
      write: (text) => process.stdout.write(text),
      error: (text) => process.stderr.write(text),
    });
  },
};

/** Finds the latest run with the settings of a configuration in the folders from its file's up to `top`, the nearest first. */
export function runsAbove(top: string): (config: OptimizerConfig, file: string) => MeasuredRun | undefined {
  const known = new Map<string, readonly MeasuredRun[]>();
  const runsIn = (folder: string) => {
    const runs = known.get(folder) ?? readMeasured(join(folder, 'runs'));
    known.set(folder, runs);
    return runs;
  };
  return (config, file) => {
    for (let folder = dirname(file); ; folder = dirname(folder)) {
      const run = runsIn(folder).find(({ header }) => isRunOf(header, config));
      if (run || folder === top || relative(top, folder).startsWith('..') || folder === dirname(folder)) return run;
    }
  };
}
