// What is taken of the native runtime, for each platform.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const runtime = 'node_modules/onnxruntime-node';

/**
 * Platforms of VS Code: where the runtime keeps the libraries of each, and which of them are used. The versioned twin of
 * macOS' library is a copy; DirectML on Windows is loaded for its own provider only, which is not offered. The DirectX
 * compiler is WebGPU's. Providers that a developer has added are large, and for one machine only.
 */
const binding = 'onnxruntime_binding.node';
const windows = [binding, 'onnxruntime.dll', 'dxcompiler.dll', 'dxil.dll'];
export const platforms = {
  'linux-x64': { folder: 'linux/x64', libraries: [binding, 'libonnxruntime.so.1'] },
  'linux-arm64': { folder: 'linux/arm64', libraries: [binding, 'libonnxruntime.so.1'] },
  'darwin-arm64': { folder: 'darwin/arm64', libraries: [binding, 'libonnxruntime.1.dylib'] },
  'win32-x64': { folder: 'win32/x64', libraries: windows },
  'win32-arm64': { folder: 'win32/arm64', libraries: windows },
};

/** JavaScript files below a folder, relative to the project. */
const scripts = (folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map(String)
    .filter((file) => file.endsWith('.js'))
    .map((file) => `${folder}/${file}`.replaceAll('\\', '/'));

/** What the runtime needs at run time: two packages without their types, maps and other platforms. Throws where a library is missing. */
export function runtimeFiles(target) {
  const { folder, libraries } = platforms[target];
  const paths = libraries.map((library) => `${runtime}/bin/napi-v6/${folder}/${library}`);
  for (const path of paths)
    if (!existsSync(join(root, path))) throw new Error(`onnxruntime-node has no ${path} for ${target}. Run npm ci.`);
  return [
    `${runtime}/package.json`,
    ...scripts(`${runtime}/dist`),
    ...paths,
    'node_modules/onnxruntime-common/package.json',
    ...scripts('node_modules/onnxruntime-common/dist/cjs'),
    // Without it the files above would be taken for ES modules.
    'node_modules/onnxruntime-common/dist/cjs/package.json',
  ];
}

/** The targets that the command line names; throws where one is unknown. */
export function targetsOf(asked, standard) {
  const known = Object.keys(platforms);
  const chosen = asked ?? [standard];
  for (const target of chosen)
    if (target !== 'all' && !known.includes(target))
      throw new Error(`There is no runtime for ${target}. Choose from ${known.join(', ')} and all.`);
  return chosen.includes('all') ? known : [...new Set(chosen)];
}
