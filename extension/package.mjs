// Packages the extension: `node extension/package.mjs [--target PLATFORM|all]`, by default for this machine's platform.
// A .vsix holds the bundles, the pages of the webviews, and the runtime of its platform; nothing is downloaded.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle, bundleWebviews } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const runtime = 'node_modules/onnxruntime-node';

/**
 * Platforms of VS Code: where the runtime keeps the libraries of each, and which of them are used. The versioned twin of
 * macOS' library is a copy; DirectML on Windows is loaded for its own provider only, which is not offered. The DirectX
 * compiler is WebGPU's. Providers that a developer has added are large, and for one machine only.
 */
const binding = 'onnxruntime_binding.node';
const windows = [binding, 'onnxruntime.dll', 'dxcompiler.dll', 'dxil.dll'];
const platforms = {
  'linux-x64': { folder: 'linux/x64', libraries: [binding, 'libonnxruntime.so.1'] },
  'linux-arm64': { folder: 'linux/arm64', libraries: [binding, 'libonnxruntime.so.1'] },
  'darwin-arm64': { folder: 'darwin/arm64', libraries: [binding, 'libonnxruntime.1.dylib'] },
  'win32-x64': { folder: 'win32/x64', libraries: windows },
  'win32-arm64': { folder: 'win32/arm64', libraries: windows },
};

/** What the runtime needs at run time: two packages without their types, maps and other platforms. */
const runtimeFiles = ({ folder, libraries }) => [
  `!${runtime}/package.json`,
  `!${runtime}/dist/**/*.js`,
  ...libraries.map((library) => `!${runtime}/bin/napi-v6/${folder}/${library}`),
  '!node_modules/onnxruntime-common/package.json',
  '!node_modules/onnxruntime-common/dist/cjs/**/*.js',
  // Without it the files above would be taken for ES modules.
  '!node_modules/onnxruntime-common/dist/cjs/package.json',
];

/** Packages what `bundle` has written to `dist`; resolves with the path of the .vsix. */
async function packageFor(target) {
  const platform = platforms[target];
  for (const library of platform.libraries)
    if (!existsSync(join(root, runtime, 'bin/napi-v6', platform.folder, library)))
      throw new Error(`onnxruntime-node has no ${library} for ${target}. Run npm ci.`);
  const ignoreFile = join(dist, `ignore-${target}`);
  const kept = readFileSync(join(root, '.vscodeignore'), 'utf8');
  writeFileSync(ignoreFile, `${kept}\n${runtimeFiles(platform).join('\n')}\n`);
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const packagePath = join(dist, `${name}-${version}-${target}.vsix`);
  const { createVSIX } = createRequire(import.meta.url)('@vscode/vsce');
  await createVSIX({
    cwd: root,
    target,
    packagePath,
    ignoreFile,
    allowMissingRepository: true,
    rewriteRelativeLinks: false,
  });
  rmSync(ignoreFile);
  return packagePath;
}

/** The targets that the command line names; throws where one is unknown. */
function chosenTargets() {
  const { values } = parseArgs({ options: { target: { type: 'string', multiple: true } } });
  const chosen = values.target ?? [`${process.platform}-${process.arch}`];
  const known = Object.keys(platforms);
  for (const target of chosen)
    if (target !== 'all' && !known.includes(target))
      throw new Error(`There is no runtime for ${target}. Choose from ${known.join(', ')} and all.`);
  return chosen.includes('all') ? known : [...new Set(chosen)];
}

try {
  const targets = chosenTargets();
  mkdirSync(dist, { recursive: true });
  await Promise.all([bundle({ sourcemap: false, minify: true }), bundleWebviews()]);
  for (const target of targets) {
    const path = await packageFor(target);
    console.log(`${basename(path)}: ${(statSync(path).size / 2 ** 20).toFixed(1)} MiB`);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
