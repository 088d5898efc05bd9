// Packages the extension for one platform: `node extension/package.mjs [TARGET…]`, by default for this machine's.
// The .vsix holds the bundles, the pages of the webviews, and the CPU runtime of its platform; nothing is downloaded.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, bundleWebviews } from './build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

/** Platforms of VS Code, and where the runtime keeps the libraries of each. */
const platforms = {
  'linux-x64': 'linux/x64',
  'linux-arm64': 'linux/arm64',
  'darwin-arm64': 'darwin/arm64',
  'win32-x64': 'win32/x64',
  'win32-arm64': 'win32/arm64',
};

/** What the runtime needs at run time: two packages without their types, maps and other platforms. */
const runtimeFiles = (folder) => [
  '!node_modules/onnxruntime-node/package.json',
  '!node_modules/onnxruntime-node/dist/**/*.js',
  `!node_modules/onnxruntime-node/bin/napi-v6/${folder}/**`,
  // Providers that a developer has added are large, and for one machine only.
  'node_modules/onnxruntime-node/bin/**/*providers_*',
  '!node_modules/onnxruntime-common/package.json',
  '!node_modules/onnxruntime-common/dist/cjs/**/*.js',
  // Without it the files above would be taken for ES modules.
  '!node_modules/onnxruntime-common/dist/cjs/package.json',
];

export async function packageFor(target) {
  const folder = platforms[target];
  if (!folder) throw new Error(`There is no platform ${target}. Choose from ${Object.keys(platforms).join(', ')}.`);
  const libraries = join(root, 'node_modules/onnxruntime-node/bin/napi-v6', folder);
  if (!existsSync(libraries))
    throw new Error(`onnxruntime-node has no libraries for ${target}: ${libraries} is missing.`);
  await Promise.all([bundle({ sourcemap: false, minify: true }), bundleWebviews()]);
  mkdirSync(dist, { recursive: true });
  const ignoreFile = join(dist, `ignore-${target}`);
  writeFileSync(
    ignoreFile,
    `${readFileSync(join(root, '.vscodeignore'), 'utf8')}\n${runtimeFiles(folder).join('\n')}\n`,
  );
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
  return packagePath;
}

for (const target of process.argv.length > 2 ? process.argv.slice(2) : [`${process.platform}-${process.arch}`])
  await packageFor(target);
