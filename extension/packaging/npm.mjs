// Packs the command line and the library for npm: `npm run package:npm -- [--target PLATFORM…] [--out DIR]`, by default for all
// platforms and into dist. The package is laid out in DIR/npm, packed beside it. It brings the runtime along: that one's own install script would
// fetch gigabytes for CUDA, or fail where it cannot.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, programs } from '../build.mjs';
import { thirdPartyNotice } from './notices.mjs';
import { root, runtimeFiles, targetsOf } from './runtime.mjs';

const ours = programs.filter(({ out }) => !['extension', 'readerWorker'].includes(out));
const bundled = ['onnxruntime-node', 'onnxruntime-common'];

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);

/** The manifest of the package: what npm needs of the extension's, and nothing of the editor. */
function manifest({ name, version, license, keywords, repository, homepage, bugs }) {
  return {
    name,
    version,
    description:
      'What the settings of Adam and its relatives do to training, and derivatives of ONNX graphs as ONNX graphs.',
    license,
    keywords: [...keywords, 'autodiff', 'gradient', 'hessian', 'cli'],
    ...{ repository, homepage, bugs },
    bin: { 'optimizer-bias': 'dist/cli.js' },
    exports: {
      './autodiff': { types: './dist/autodiff.d.ts', default: './dist/autodiff.js' },
      './package.json': './package.json',
    },
    engines: { node: '>=20' },
    dependencies: Object.fromEntries(
      bundled.map((each) => [each, readJson(join(root, 'node_modules', each, 'package.json')).version]),
    ),
    bundleDependencies: bundled,
  };
}

async function layOut(staging, targets) {
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(join(staging, 'dist'), { recursive: true });
  const { metafile } = await bundle({
    entryPoints: [...ours, { in: join(root, 'extension/library/autodiff.ts'), out: 'autodiff' }],
    outdir: join(staging, 'dist'),
    sourcemap: false,
    minify: true,
    metafile: true,
  });
  chmodSync(join(staging, 'dist', 'cli.js'), 0o755);
  writeDeclarations(staging);
  const manifestOfExtension = readJson(join(root, 'package.json'));
  writeJson(join(staging, 'package.json'), manifest(manifestOfExtension));
  for (const file of [
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'media/sample',
    'media/helper',
    'media/schemas',
    'media/skill',
  ])
    cpSync(join(root, file), join(staging, file), { recursive: true });
  writeFileSync(join(staging, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotice([metafile], bundled));
  for (const file of new Set(targets.flatMap(runtimeFiles))) {
    mkdirSync(dirname(join(staging, file)), { recursive: true });
    cpSync(join(root, file), join(staging, file));
  }
  for (const name of bundled) withoutScripts(join(staging, 'node_modules', name, 'package.json'));
}

/** The types of the library: its public ones are all in its own file. */
function writeDeclarations(staging) {
  const out = join(dirname(staging), 'types');
  rmSync(out, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      join(root, 'tsconfig.json'),
      '--noEmit',
      'false',
      '--declaration',
      '--emitDeclarationOnly',
      '--outDir',
      out,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const text = readFileSync(join(out, 'extension/library/autodiff.d.ts'), 'utf8');
  if (/^(import|export .* from) /m.test(text)) throw new Error('The types of the library lean on other files.');
  writeFileSync(join(staging, 'dist', 'autodiff.d.ts'), text);
}

/** What a bundled package would run or fetch when it is installed is for what is not bundled. */
function withoutScripts(path) {
  const { name, version, license, main, types: _, exports, os, dependencies = {} } = readJson(path);
  const kept = Object.fromEntries(Object.entries(dependencies).filter(([each]) => bundled.includes(each)));
  writeJson(path, { name, version, license, main, exports, os, dependencies: kept });
}

try {
  const { values } = parseArgs({
    options: { target: { type: 'string', multiple: true }, out: { type: 'string', default: join(root, 'dist') } },
  });
  const into = resolve(values.out);
  const staging = join(into, 'npm');
  await layOut(staging, targetsOf(values.target, 'all'));
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', into], {
    cwd: staging,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 2 ** 26,
  });
  const [{ filename }] = JSON.parse(packed);
  console.log(`${filename}: ${(statSync(join(into, filename)).size / 2 ** 20).toFixed(1)} MiB`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
