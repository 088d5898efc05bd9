import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describeError } from '../../shared/errors.ts';
import { linkedLibraries, missingProviders, packageHint, providerFiles } from './provider.ts';

const run = promisify(execFile);
const commandMilliseconds = 10_000;

/** One thing that is needed: whether it is there, and what to do where it is not. */
export interface Check {
  readonly what: string;
  readonly found: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

/** What there is for a GPU, and what can be done about what is missing. */
export interface GpuState {
  readonly cuda: readonly Check[];
  readonly webgpu: readonly Check[];
  /** The version of CUDA that the provider is for, or that fits this machine where there is none yet. */
  readonly version: 12 | 13;
  /** A driver answers, and only the provider's own files are missing. */
  readonly lacksProvider: boolean;
  /** Folders of a Python environment that have libraries which the loader does not find. */
  readonly unused: readonly string[];
}

export interface Surroundings {
  /** Where the libraries of the runtime are. */
  readonly runtime: Runtime;
  /** Folders that engine processes search beside the system's. */
  readonly libraries: readonly string[];
  /** Folders of Python environments, which may have the libraries of CUDA. */
  readonly environments: readonly string[];
  /** Starts a provider in a process of its own; what went wrong, or undefined. */
  probe(device: 'cuda' | 'webgpu'): Promise<string | undefined>;
}

export interface Runtime {
  readonly folder: string;
  readonly version: string;
}

/** The runtime of the extension in a folder. */
export function runtimeOf(extension: string): Runtime {
  const manifest = createRequire(join(extension, 'dist', 'x')).resolve('onnxruntime-node/package.json');
  const { version } = createRequire(manifest)(manifest) as { version: string };
  return { folder: join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch), version };
}

/** The beginnings of names of libraries, what they are, and the Python package that brings them. */
const brings: readonly (readonly [prefix: string, name: string, python: (cuda: 12 | 13) => string])[] = [
  ['libcudart.', 'CUDA runtime', (cuda) => (cuda === 12 ? 'nvidia-cuda-runtime-cu12' : 'nvidia-cuda-runtime')],
  ['libcublas', 'cuBLAS', (cuda) => (cuda === 12 ? 'nvidia-cublas-cu12' : 'nvidia-cublas')],
  ['libcufft.', 'cuFFT', (cuda) => (cuda === 12 ? 'nvidia-cufft-cu12' : 'nvidia-cufft')],
  ['libcurand.', 'cuRAND', (cuda) => (cuda === 12 ? 'nvidia-curand-cu12' : 'nvidia-curand')],
  ['libnvrtc.', 'NVRTC', (cuda) => (cuda === 12 ? 'nvidia-cuda-nvrtc-cu12' : 'nvidia-cuda-nvrtc')],
  ['libcudnn.', 'cuDNN', (cuda) => `nvidia-cudnn-cu${cuda}`],
];

/** Loaded by the provider when a model needs it, and so in no list of its own. */
const cudnn = 'libcudnn.so.9';
const linkedByVersion: Readonly<Record<12 | 13, readonly string[]>> = {
  12: ['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11', 'libcurand.so.10'],
  13: ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcufft.so.12', 'libcurand.so.10'],
};

export async function checkGpu({ runtime, libraries, environments, probe }: Surroundings): Promise<GpuState> {
  const webgpu = [await webgpuCheck(probe)];
  const platform: Check = {
    what: 'Linux on x64',
    found: process.platform === 'linux' && process.arch === 'x64',
    detail: `${process.platform} ${process.arch}`,
    remedy: 'The CUDA provider of onnxruntime-node exists for Linux on x64 only. Use the CPU or WebGPU.',
  };
  if (!platform.found) return { cuda: [platform], webgpu, version: 12, lacksProvider: false, unused: [] };
  const system = await loaderPlaces(libraries);
  const spare = placesIn(environments.flatMap(librariesBelow));
  const driver = await driverCheck(system);
  const provider = await providerCheck(runtime);
  const linked = provider.found ? await linkedLibraries(runtime.folder) : undefined;
  const version = versionOf(linked ?? []) ?? versionOf([...system.keys(), ...spare.keys()]) ?? driver.supports;
  const needed = [...new Set([...(linked ?? linkedByVersion[version]), cudnn])].sort();
  const absent = needed.filter((file) => !system.has(file) && !spare.has(file));
  const checks = needed.map((file) => libraryCheck(file, system, spare, installHint(absent, version)));
  const cuda = [platform, driver.check, provider, ...checks];
  if (cuda.every(({ found }) => found)) cuda.push(await computation(probe));
  const folders = needed.flatMap((file) => (system.has(file) ? [] : (spare.get(file) ?? [])));
  return {
    cuda,
    webgpu,
    version,
    lacksProvider: driver.check.found && !provider.found,
    unused: [...new Set(folders.map((path) => dirname(path)))],
  };
}

/** The major version of CUDA that goes with the names of libraries; where both are there, the older one. */
function versionOf(names: readonly string[]): 12 | 13 | undefined {
  return ([12, 13] as const).find((version) => names.includes(`libcudart.so.${version}`));
}

async function webgpuCheck(probe: Surroundings['probe']): Promise<Check> {
  const problem = await probe('webgpu');
  return {
    what: 'WebGPU provider',
    found: problem === undefined,
    detail: problem ?? 'starts and computes',
    remedy:
      'On Linux it needs a Vulkan loader and driver (packages libvulkan1 and mesa-vulkan-drivers, or the vendor’s); on Windows Direct3D 12, on macOS Metal.',
  };
}

async function computation(probe: Surroundings['probe']): Promise<Check> {
  const problem = await probe('cuda');
  return {
    what: 'A computation on CUDA',
    found: problem === undefined,
    detail: problem ?? 'correct',
    remedy: 'Everything is there but does not work together: compare the versions of the libraries and of the driver.',
  };
}

/** The driver, by its own program or by its library, and the newest CUDA that it is for. */
async function driverCheck(system: ReadonlyMap<string, string>): Promise<{ check: Check; supports: 12 | 13 }> {
  const what = 'NVIDIA driver';
  const remedy = 'Install the NVIDIA driver. In a container, start it with the GPU (docker run --gpus all).';
  try {
    const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
    const { stdout } = await run('nvidia-smi', query, { timeout: commandMilliseconds });
    const overview = await run('nvidia-smi', [], { timeout: commandMilliseconds }).catch(() => ({ stdout: '' }));
    const newest = Number(/CUDA Version: *(\d+)/.exec(overview.stdout)?.[1] ?? 12);
    const detail = stdout.trim().split('\n').join('; ');
    return { check: { what, found: true, detail, remedy }, supports: newest >= 13 ? 13 : 12 };
  } catch {
    const library = system.get('libcuda.so.1');
    const detail = library ? `${library}; nvidia-smi does not answer` : 'neither nvidia-smi nor libcuda.so.1 is there';
    return { check: { what, found: library !== undefined, detail, remedy }, supports: 12 };
  }
}

/** The provider's own files, which have to lie beside the runtime and be libraries for this machine. */
async function providerCheck({ folder, version }: Runtime): Promise<Check> {
  const what = `CUDA provider of ONNX Runtime ${version}`;
  const remedy = `Choose “Download” in the notification of “Set Up GPU”, or “Choose File…” for a package that you have. ${packageHint(version)} By hand: put ${providerFiles.join(' and ')} into ${folder}.`;
  const missing = missingProviders(folder);
  if (missing.length > 0) return { what, found: false, detail: `${missing.join(' and ')} not in ${folder}`, remedy };
  try {
    await linkedLibraries(folder);
    return { what, found: true, detail: folder, remedy };
  } catch (error) {
    return { what, found: false, detail: describeError(error).replaceAll('\n', ' '), remedy };
  }
}

const bringer = (file: string) => brings.find(([prefix]) => file.startsWith(prefix));

/** What to do about libraries that are nowhere: one remedy for all of them. */
function installHint(files: readonly string[], version: 12 | 13): string {
  const packages = new Set(files.flatMap((file) => bringer(file)?.[2](version) ?? []));
  return `Install CUDA ${version} with cuDNN 9, or put the libraries into the Python environment of the workspace: \`pip install ${[...packages].join(' ')}\` (PyTorch for CUDA brings them, too). Then run “Set Up GPU” again.`;
}

function libraryCheck(
  file: string,
  system: ReadonlyMap<string, string>,
  spare: ReadonlyMap<string, string>,
  install: string,
): Check {
  const place = system.get(file);
  const elsewhere = spare.get(file);
  return {
    what: `${bringer(file)?.[1] ?? 'Library'} (${file})`,
    found: place !== undefined,
    detail:
      place ??
      (elsewhere ? `only in ${dirname(elsewhere)}, which the loader does not search` : 'not on the library path'),
    remedy: elsewhere
      ? 'Choose “Use Libraries of Python” in the notification of “Set Up GPU”, or start the editor with LD_LIBRARY_PATH naming their folders.'
      : install,
  };
}

/** What the loader finds: in LD_LIBRARY_PATH, in the folders that engine processes search, and in its own cache. */
async function loaderPlaces(libraries: readonly string[]): Promise<Map<string, string>> {
  const found = placesIn([...(process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean), ...libraries]);
  try {
    const { stdout } = await run('/sbin/ldconfig', ['-p'], { timeout: commandMilliseconds, maxBuffer: 2 ** 24 });
    for (const [, file, place] of stdout.matchAll(/^\s*(\S+) \(.*\) => (\S+)$/gm))
      if (!found.has(file)) found.set(file, place);
  } catch {
    // Without ldconfig the folders alone decide.
  }
  return found;
}

/** Files by their names, the first of each. */
function placesIn(folders: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const file of namesIn(folder)) if (!found.has(file)) found.set(file, join(folder, file));
  return found;
}

/** `lib/python3.12/site-packages/nvidia/cublas/lib` and its like, below a Python environment. */
function librariesBelow(environment: string): string[] {
  const lib = join(environment, 'lib');
  return namesIn(lib)
    .filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => join(lib, name, 'site-packages', 'nvidia'))
    .flatMap((nvidia) => namesIn(nvidia).map((name) => join(nvidia, name, 'lib')))
    .filter((folder) => existsSync(folder));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The report as Markdown. */
export function gpuReport({ cuda, webgpu }: GpuState): string {
  const list = (checks: readonly Check[]) =>
    checks.map(({ what, found, detail }) => `- ${found ? '✓' : '✗'} ${what}: ${detail}`).join('\n');
  const todo = (checks: readonly Check[]) => {
    const missing = checks.filter(({ found }) => !found);
    const remedies = [...new Set(missing.map(({ remedy }) => remedy ?? ''))];
    const names = (cure: string) => missing.filter(({ remedy }) => remedy === cure).map(({ what }) => what);
    return remedies.map((cure, i) => `${i + 1}. **${names(cure).join(', ')}.** ${cure}`).join('\n');
  };
  const verdict = (checks: readonly Check[], yes: string) =>
    checks.every(({ found }) => found) ? yes : `To do:\n\n${todo(checks)}`;
  return `# GPU for Optimizer Bias

Everything works on the CPU. A GPU makes runs of larger models faster.

## CUDA

${list(cuda)}

${verdict(cuda, 'CUDA is ready: the device “auto” uses it.')}

## WebGPU

${list(webgpu)}

${verdict(webgpu, 'WebGPU is ready: choose the device “webgpu” in “Inspect…”.')}
`;
}
