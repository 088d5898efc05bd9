import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { test } from 'node:test';

/**
 * The folders of `extension/` from the bottom to the top, and what each may import beside itself. The way of the data goes
 * one way, from left to right in the table of contents; arrows only go down.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  packaging: ['.'],
  files: ['shared'],
  onnx: ['files', 'shared'],
  datasets: ['files', 'onnx', 'shared'],
  autodiff: ['onnx', 'shared'],
  optimizers: ['onnx', 'shared'],
  configs: ['optimizers', 'files', 'shared'],
  exports: ['onnx', 'shared'],
  runStore: ['datasets', 'files', 'onnx', 'shared'],
  engine: ['exports', 'autodiff', 'optimizers', 'datasets', 'files', 'onnx', 'shared'],
  jobs: ['engine', 'exports', 'runStore', 'autodiff', 'optimizers', 'datasets', 'files', 'onnx', 'shared'],
  library: ['engine', 'exports', 'autodiff', 'onnx', 'shared'],
  advice: ['configs', 'optimizers', 'files', 'shared'],
  experiments: [
    'jobs',
    'engine',
    'exports',
    'runStore',
    'autodiff',
    'optimizers',
    'datasets',
    'files',
    'onnx',
    'shared',
  ],
  plans: ['experiments', 'jobs', 'engine', 'runStore', 'optimizers', 'files', 'shared'],
  agents: [
    'advice',
    'jobs',
    'engine',
    'exports',
    'runStore',
    'configs',
    'autodiff',
    'optimizers',
    'onnx',
    'files',
    'shared',
  ],
  features: [
    'agents',
    'advice',
    'plans',
    'experiments',
    'jobs',
    'engine',
    'runStore',
    'configs',
    'optimizers',
    'datasets',
    'files',
    'onnx',
    'shared',
    '.',
  ],
  cli: [
    'agents',
    '.',
    'advice',
    'plans',
    'experiments',
    'jobs',
    'engine',
    'exports',
    'runStore',
    'configs',
    'autodiff',
    'optimizers',
    'datasets',
    'files',
    'onnx',
    'shared',
  ],
};

/** Packages that only some rooms know; all others may be imported anywhere below `extension/`. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  vscode: ['features', 'extension.ts'],
  'onnxruntime-node': ['engine'],
  'onnx-buf': ['onnx'],
  '@bufbuild/protobuf': ['onnx'],
  '@lezer/python': ['configs'],
  '@lezer/common': ['configs'],
  yaml: ['configs', 'plans'],
  'jsonc-parser': ['configs'],
  'toml-eslint-parser': ['configs'],
  fflate: ['files'],
  '@modelcontextprotocol/sdk': ['agents', 'mcpServer.ts'],
  ajv: ['agents'],
  hyparquet: ['datasets'],
  'hyparquet-compressors': ['datasets'],
  'chart.js': [],
  preact: [],
  '@vscode/webview-ui-toolkit': [],
};

interface Import {
  readonly file: string;
  /** The folder of the file below the root, or the file's own name where it lies in the root itself. */
  readonly room: string;
  readonly target: string;
}

/** Static and dynamic imports, exports from elsewhere, and `require`. */
const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\(\s*)(['"])([^'"\n]+)\1/g;

/** Files that people write, not what programs leave in the tests' folders. */
const SOURCES: ReadonlySet<string> = new Set(['.ts', '.tsx', '.mjs', '.py', '.css']);
const sourcesBelow = (root: string): string[] =>
  readdirSync(root, { recursive: true })
    .map(String)
    .filter((file) => SOURCES.has(extname(file)) && !file.split(sep).includes('node_modules'))
    .map((file) => join(root, file));

function importsBelow(root: string): Import[] {
  const files = readdirSync(root, { recursive: true }).map(String);
  return files
    .filter((file) => /\.[mc]?tsx?$/.test(file))
    .flatMap((file) => {
      const room = file.split(sep)[0];
      const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(?:\/\/|\*|\/\*).*$/gm, '');
      return [...text.matchAll(IMPORT)].map(([, , target]) => ({ file, room, target }));
    });
}

/** Where a relative import leads: a folder's name, or '.' for files in the root itself; `..` outside of it. */
function roomOf({ file, target }: Import): string {
  const [first, ...rest] = normalize(join(dirname(file), target)).split(sep);
  return rest.length === 0 ? '.' : first;
}

/** The version is read from package.json. */
const isManifest = ({ file, target }: Import) => normalize(join(dirname(file), target)) === join('..', 'package.json');

const isRelative = ({ target }: Import) => target.startsWith('.');
const packageOf = (target: string) =>
  target
    .split('/')
    .slice(0, target.startsWith('@') ? 2 : 1)
    .join('/');

const extension = importsBelow('extension');

test('arrows between folders only go down', () => {
  assert.ok(extension.length > 100, 'the scan finds the imports');
  const wrong = extension.filter(isRelative).filter((each) => {
    const to = roomOf(each);
    if (each.room === to || each.room.includes('.') || isManifest(each)) return false;
    return !ARROWS[each.room]?.includes(to);
  });
  assert.deepEqual(wrong, []);
});

test('every folder has its arrows, and they have no cycle', () => {
  const rooms = readdirSync('extension', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.deepEqual(
    rooms.map(({ name }) => name).filter((name) => !(name in ARROWS)),
    [],
  );
  const order = Object.keys(ARROWS);
  for (const [room, below] of Object.entries(ARROWS)) {
    for (const other of below)
      assert.ok(other === '.' || order.indexOf(other) < order.indexOf(room), `${room} → ${other}`);
  }
});

test('the editor is known to features alone, the runtime to the engine, protobuf to onnx', () => {
  const builtin = new Set(builtinModules);
  const wrong = extension
    .filter((each) => !isRelative(each) && !each.target.startsWith('node:'))
    .filter(({ room, target }) => {
      const name = packageOf(target);
      if (builtin.has(name)) return true;
      return name in PACKAGES && !PACKAGES[name].includes(room);
    });
  assert.deepEqual(wrong, []);
});

test('the command line does not reach into the editor, nor the editor into the command line', () => {
  const root = extension.filter(({ room }) => room.endsWith('.ts'));
  const wrong = root.filter((each) => {
    const to = isRelative(each) ? roomOf(each) : '';
    return each.room === 'extension.ts' ? to === 'cli' : to === 'features';
  });
  assert.deepEqual(wrong, []);
});

test('the webview imports what it shares with the extension, and nothing else of it', () => {
  const wrong = importsBelow('webview').filter((each) => {
    if (!isRelative(each)) return each.target === 'vscode' || each.target.startsWith('node:');
    const path = normalize(join('webview', dirname(each.file), each.target));
    return !path.startsWith(`webview${sep}`) && !path.startsWith(join('extension', 'shared', sep));
  });
  assert.deepEqual(wrong, []);
});

/** Whether an import is left when types are gone: `import type`, and one that names only types, are not. */
function isNeededAtRunTime(clause: string): boolean {
  if (/^type\s/.test(clause)) return false;
  const names = /^\{([^}]*)\}\s*$/
    .exec(clause)?.[1]
    .split(',')
    .map((name) => name.trim());
  return !names?.filter((name) => name !== '').every((name) => name.startsWith('type '));
}

test('no files need each other at run time', () => {
  const needs = new Map<string, string[]>();
  for (const root of ['extension', 'webview', 'test']) {
    for (const file of sourcesBelow(root)) {
      const imports = readFileSync(file, 'utf8').matchAll(/^(?:import|export)\s+([^;'"]*?)\bfrom\s*'(\.[^']+)'/gm);
      const needed = [...imports].filter(([, clause]) => isNeededAtRunTime(clause));
      needs.set(
        file,
        needed.map(([, , target]) => normalize(join(dirname(file), target))),
      );
    }
  }
  const edges = [...needs.values()].flat().filter((target) => needs.has(target)).length;
  assert.ok(edges > 500, `the scan finds the imports (${edges})`);
  // What needs none of those left, or is needed by none, is taken away, until only circles are left.
  for (let before = -1; before !== needs.size; ) {
    before = needs.size;
    const needed = new Set([...needs.values()].flat());
    for (const [file, targets] of needs)
      if (!needed.has(file) || !targets.some((target) => needs.has(target))) needs.delete(file);
  }
  assert.deepEqual([...needs.keys()], []);
});

const mostLines = 400;

test(`no file has more than ${mostLines} lines`, () => {
  const files = ['extension', 'webview', 'test'].flatMap((root) => sourcesBelow(root));
  const long = files
    .map((file) => [file, readFileSync(file, 'utf8').split('\n').length - 1] as const)
    .filter(([, lines]) => lines > mostLines);
  assert.deepEqual(long, []);
});

test('quick tests start neither the command line nor a browser nor Python', () => {
  const quick = sourcesBelow('test').filter((file) => /\.test\.ts$/.test(file) && !/\.slow\.|e2e/.test(file));
  assert.ok(quick.length > 50, `${quick.length} quick tests`);
  const wrong = quick.filter((file) =>
    /\blaunchBrowser\(|\benv\.PYTHON\b|support\/python\.ts|'dist\/cli\.js'|\bcli\b[^;]*support\/paths\.ts/.test(
      readFileSync(file, 'utf8'),
    ),
  );
  assert.deepEqual(wrong, []);
});
