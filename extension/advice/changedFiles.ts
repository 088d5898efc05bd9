import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { InspectorError, quoteName } from '../shared/errors.ts';

const run = promisify(execFile);

/**
 * The real paths of the files of a git repository that differ from where the current branch left `ref`, new ones included. Throws an
 * InspectorError where git cannot tell.
 */
export async function changedSince(ref: string, cwd: string): Promise<ReadonlySet<string>> {
  // What a repository's own configuration would run is not run, and a name is never taken for an option.
  const git = async (...args: string[]): Promise<string[]> => {
    const { stdout } = await run('git', ['-c', 'core.fsmonitor=false', ...args], { cwd, maxBuffer: 2 ** 28 });
    return stdout.split('\0').filter((name) => name !== '');
  };
  try {
    if (ref.startsWith('-')) throw new Error('a reference does not begin with a dash');
    const [top] = (await git('rev-parse', '--show-toplevel')).map((line) => line.trim());
    const differing = await git(
      'diff',
      '--no-ext-diff',
      '--name-only',
      '-z',
      '--diff-filter=d',
      '--merge-base',
      ref,
      '--',
    );
    const untracked = await git('ls-files', '--others', '--exclude-standard', '-z', '--full-name');
    return new Set([...differing, ...untracked].map((name) => realpathSync(join(top!, name))));
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    const reason = (stderr?.trim() || message).split('\n')[0]!;
    throw new InspectorError(
      `Cannot tell what has changed since ${quoteName(ref)}: ${reason}`,
      'Give a branch, tag or commit of this repository; in a shallow checkout fetch it first.',
      { cause: error },
    );
  }
}
