import { copyFileSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { RIG } from './install.ts';
import { type Server, startServer } from './server.ts';
import { newWindow } from './workbench.ts';

/** How one test inside the extension host ended; without `error`, well. */
export interface Outcome {
  readonly name: string;
  readonly error?: string;
  /** Figures that it found. */
  readonly notes?: readonly string[];
}

/** Where the tests write their outcomes, relative to the folder of the extension; one line of JSON each. */
const results = 'outcomes.jsonl';
const suite = 'hostTests.js';
const patienceMilliseconds = 400_000;

/**
 * Loads `entry`, a module with `run(): Promise<void>`, into the extension host of a new window, as VS Code loads the tests of an
 * extension under development, and resolves with what its tests came to. `files` and `copies` are the workspace's.
 */
export async function runInExtensionHost(
  browser: Browser,
  entry: string,
  files: Readonly<Record<string, string>>,
  copies: Readonly<Record<string, string>>,
): Promise<Outcome[]> {
  const server = await startServer({ files, copies, development: true, variables: { E2E_OUTCOMES: results } });
  const { context, page } = await newWindow(browser);
  try {
    const dist = join(server.development, 'dist');
    renameSync(join(dist, 'extension.js'), join(dist, 'bundle.js'));
    copyFileSync(join(RIG, 'witness.js'), join(dist, 'extension.js'));
    await bundle(entry, join(server.development, suite));
    const log: string[] = [];
    await page.exposeFunction('codeAutomationLog', (_kind: string, args: unknown) => log.push(JSON.stringify(args)));
    const ended = new Promise<number>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No end after ${patienceMilliseconds} ms.\n${log.slice(-20).join('\n')}`)),
        patienceMilliseconds,
      );
      void page.exposeFunction('codeAutomationExit', (code: number) => {
        clearTimeout(timer);
        resolve(code);
      });
    });
    await page.goto(address(server), { waitUntil: 'domcontentloaded' });
    const code = await ended;
    const outcomes = readFileSync(join(server.development, results), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Outcome);
    const failed = outcomes.some(({ error }) => error !== undefined);
    if ((code !== 0) !== failed) throw new Error(`Exit code ${code}.\n${log.slice(-20).join('\n')}`);
    return outcomes;
  } finally {
    await context.close();
    await server.stop();
  }
}

/** Of this process's packages, since esbuild is not made to be bundled itself. */
async function bundle(entry: string, outfile: string): Promise<void> {
  const esbuild: typeof import('esbuild') = createRequire(join(process.cwd(), 'package.json'))('esbuild');
  await esbuild.build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['vscode'],
    logLevel: 'warning',
  });
}

function address({ url, workspace, development }: Server): string {
  const remote = (path: string) => `vscode-remote://${new URL(url).host}${path}`;
  const payload = [
    ['extensionDevelopmentPath', remote(development)],
    ['extensionTestsPath', remote(join(development, suite))],
  ];
  return `${url}/?${new URLSearchParams({ folder: workspace, payload: JSON.stringify(payload) })}`;
}
