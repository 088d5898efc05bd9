import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installVsCode, RIG } from './install.ts';

/** Nothing that moves, pops up, or asks the network. */
const QUIET: Readonly<Record<string, unknown>> = {
  'chat.commandCenter.enabled': false,
  'chat.disableAIFeatures': true,
  'editor.cursorBlinking': 'solid',
  'editor.hover.delay': 100,
  'editor.minimap.enabled': false,
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'extensions.ignoreRecommendations': true,
  'files.autoSave': 'off',
  'git.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.autoDetectColorScheme': false,
  'window.autoDetectHighContrast': false,
  'window.restoreWindows': 'none',
  'workbench.colorTheme': 'Dark Modern',
  'workbench.editor.enablePreview': false,
  'workbench.enableExperiments': false,
  'workbench.layoutControl.enabled': false,
  'workbench.reduceMotion': 'on',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
};

/** What a user installs, without the packaging: the manifest and the bundle. */
const SHIPPED = [
  'package.json',
  'dist/extension.js',
  'dist/engineProcess.js',
  'dist/modelProcess.js',
  'dist/laneWorker.js',
  'dist/compareWorker.js',
  'dist/analysisWorker.js',
  'dist/readerWorker.js',
  'dist/mcpServer.js',
  'dist/watchWorker.js',
  'dist/webview',
  'media',
];

export interface Server {
  readonly url: string;
  /** The folder that the workbench opens; its files are those given at the start. */
  readonly workspace: string;
  /** The socket of the bridge extension. */
  readonly bridge: string;
  /** Where the extension under development lies, if it is not installed. */
  readonly development: string;
  readonly log: () => string;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Files of the workspace by relative path. */
  readonly files: Readonly<Record<string, string>>;
  /** Further files of the workspace: copies of files of the repository. */
  readonly copies?: Readonly<Record<string, string>>;
  /** A packaged extension to install, in place of the manifest and the bundle as they are. */
  readonly vsix?: string;
  /** User settings, in addition to the quiet ones. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Whether workspaces are trusted without being asked for; default true. */
  readonly trusted?: boolean;
  /** Lays the extension out for tests inside its extension host, in place of installing it. Notifications are not shown then. */
  readonly development?: boolean;
  /** Variables for the extension host, beside those of this process. */
  readonly variables?: Readonly<Record<string, string>>;
  /** The workspace cannot be written to. */
  readonly readOnly?: boolean;
}

/** Takes or gives back the permission to write below a folder; no permission stops root, but the file system's own mark does. */
function setReadOnly(folder: string, on: boolean): void {
  if (process.getuid?.() === 0) execFileSync('chattr', ['-R', on ? '+i' : '-i', folder]);
  else execFileSync('chmod', ['-R', on ? 'a-w' : 'u+w', folder]);
}

/** Starts VS Code's server on a free port of the loopback interface, in a temporary folder that `stop` removes. */
export async function startServer({
  files,
  copies = {},
  settings = {},
  trusted = true,
  development = false,
  variables = {},
  readOnly = false,
  vsix,
}: ServerOptions): Promise<Server> {
  const { node, server } = installVsCode();
  const root = mkdtempSync(join(tmpdir(), 'optimizer-bias-e2e-'));
  const folder = (name: string) => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  const workspace = folder('workspace');
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(workspace, path, '..'), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
  for (const [path, source] of Object.entries(copies)) cpSync(source, join(workspace, path));
  const user = folder('user');
  const userSettings = { ...QUIET, 'security.workspace.trust.enabled': !trusted, ...settings };
  writeFileSync(join(folder('user/User'), 'settings.json'), JSON.stringify(userSettings));
  const extensions = folder('extensions');
  // What lies there before the first start is taken as installed.
  symlinkSync(join(RIG, 'bridge'), join(extensions, 'e2e.bridge-0.0.1'));
  const developed = join(root, 'development');
  if (vsix) installVsix(node, server, vsix, extensions, folder('data'));
  else layOut(development ? developed : join(extensions, installedName()));

  if (readOnly) setReadOnly(workspace, true);
  const bridge = join(root, 'bridge.socket');
  const log = join(root, 'server.log');
  const output = openSync(log, 'a');
  const child = spawn(
    node,
    [
      server,
      ...['--host', '127.0.0.1', '--port', '0', '--without-connection-token', '--accept-server-license-terms'],
      ...['--telemetry-level', 'off', '--server-data-dir', folder('data'), '--user-data-dir', user],
      ...['--extensions-dir', extensions],
      ...(trusted ? ['--disable-workspace-trust'] : []),
      ...(development ? ['--enable-smoke-test-driver'] : []),
    ],
    {
      stdio: ['ignore', output, output],
      env: environment({ ...variables, E2E_BRIDGE: bridge }),
      detached: true,
    },
  );
  const readLog = () => readFileSync(log, 'utf8');
  const stop = async () => {
    await end(child);
    if (readOnly) setReadOnly(workspace, false);
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const port = await listeningPort(child, readLog);
    return { url: `http://127.0.0.1:${port}`, workspace, bridge, development: developed, log: readLog, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** As a user installs it. */
function installVsix(node: string, server: string, vsix: string, extensions: string, data: string): void {
  const options = ['--extensions-dir', extensions, '--server-data-dir', data, '--accept-server-license-terms'];
  execFileSync(node, [server, '--install-extension', vsix, ...options], {
    env: environment({}),
    stdio: 'pipe',
  });
}

function installedName(): string {
  const { publisher, name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
  return `${publisher}.${name}-${version}`;
}

/** Copied, since another build may replace the bundle while the editor runs. */
function layOut(target: string): void {
  for (const path of SHIPPED) cpSync(path, join(target, path), { recursive: true });
  // The runtime is large and does not change.
  symlinkSync(realpathSync('node_modules'), join(target, 'node_modules'));
}

/** VS Code must not take itself for a child of the VS Code or npm that runs the tests. */
function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VSCODE_|npm_|NODE_TEST)/i.test(name));
  return { ...Object.fromEntries(inherited), EXTENSIONS_GALLERY: '{}', DONT_PROMPT_WSL_INSTALL: '1', ...extra };
}

async function listeningPort(child: ChildProcess, log: () => string): Promise<number> {
  const until = Date.now() + 60_000;
  while (child.exitCode === null && Date.now() < until) {
    const port = /Extension host agent listening on (\d+)/.exec(log())?.[1];
    if (port) return Number(port);
    await sleep(25);
  }
  throw new Error(`VS Code's server did not start.\n${log()}`);
}

/** Ends the server with its extension hosts: the process group that it leads. */
async function end(child: ChildProcess): Promise<void> {
  const signal = (name: NodeJS.Signals) => {
    try {
      if (child.pid) process.kill(-child.pid, name);
    } catch {
      // The group has ended.
    }
  };
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    signal('SIGTERM');
    await Promise.race([ended, sleep(3000, undefined, { ref: false })]);
  }
  signal('SIGKILL');
}
