import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize, sep } from 'node:path';
import { test } from 'node:test';

/**
 * The folders of `extension/` from the bottom to the top, and what each may import beside itself. The way of the data goes
 * one way, from left to right in the table of contents; arrows only go down.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  files: ['shared'],
  onnx: ['files', 'shared'],
  datasets: ['files', 'onnx', 'shared'],
  autodiff: ['onnx', 'shared'],
  optimizers: ['onnx', 'shared'],
  configs: ['files', 'shared'],
  exports: ['onnx', 'shared'],
  runStore: ['datasets', 'files', 'onnx', 'shared'],
  engine: ['exports', 'autodiff', 'optimizers', 'datasets', 'files', 'onnx', 'shared'],
  jobs: ['engine', 'exports', 'runStore', 'autodiff', 'optimizers', 'datasets', 'files', 'onnx', 'shared'],
  advice: ['configs', 'optimizers', 'shared'],
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
  features: [
    'advice',
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
    'advice',
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
  yaml: ['configs'],
  'jsonc-parser': ['configs'],
  'toml-eslint-parser': ['configs'],
  fflate: ['files'],
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
