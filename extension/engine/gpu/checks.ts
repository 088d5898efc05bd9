import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describeError } from '../../shared/errors.ts';
import { either, type Words } from '../../shared/words.ts';
import { linkedLibraries, missingProviders, packageHint, providerFiles } from './provider.ts';

const run = promisify(execFile);
const commandMilliseconds = 10_000;

/** One thing that is needed: whether it is there, and what to do where it is not. */
export interface Check {
  readonly what: string;
  readonly found: boolean;
  readonly detail: string;
  readonly remedy?: Words;
}

/** What there is for a GPU, and what can be done about what is missing. */
export interface GpuState {
  readonly cuda: readonly Check[];
  readonly webgpu: readonly Check[];
  /** The major version of CUDA that the provider's file is linked with, or that fits this machine where there is none yet. */
  readonly version: number;
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
  // Read and not required: nothing of the runtime is among the modules of the editor's process.
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return { folder: join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch), version };
}

/** From CUDA 13 on the names of Python packages have no version in them, but for cuDNN's. */
const python = (name: string) => (cuda: number) => (cuda < 13 ? `${name}-cu${cuda}` : name);

/** The beginnings of names of libraries, what they are, and the Python package that brings them. */
const brings: readonly (readonly [prefix: string, name: string, python: (cuda: number) => string])[] = [
  ['libcudart.', 'CUDA runtime', python('nvidia-cuda-runtime')],
  ['libcublas', 'cuBLAS', python('nvidia-cublas')],
  ['libcufft.', 'cuFFT', python('nvidia-cufft')],
  ['libcurand.', 'cuRAND', python('nvidia-curand')],
  ['libnvrtc.', 'NVRTC', python('nvidia-cuda-nvrtc')],
  ['libcudnn.', 'cuDNN', (cuda) => `nvidia-cudnn-cu${cuda}`],
];

/** Loaded by the provider when a model needs it, and so in no list of its own. */
const cudnn = 'libcudnn.so.9';
/** What a provider is expected to need before it is there. */
const expected: Readonly<Record<12 | 13, readonly string[]>> = {
  12: ['libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcufft.so.11', 'libcurand.so.10'],
  13: ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10'],
};
const expectedFor = (cuda: number): 12 | 13 => (cuda < 13 ? 12 : 13);

/** Python environments that may have the libraries of CUDA: the active ones, and those in folders. */
export function pythonEnvironments(folders: readonly string[]): string[] {
  const active = [process.env.VIRTUAL_ENV, process.env.CONDA_PREFIX].filter((path) => path !== undefined);
  return [...active, ...folders.flatMap((path) => ['.venv', 'venv', 'env'].map((name) => join(path, name)))];
}

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
  const { linked } = provider;
  const version =
    versionOf(linked ?? []) ?? oldest([...system.keys(), ...spare.keys()]) ?? expectedFor(driver.newest ?? 12);
  const needed = [...new Set([...(linked ?? expected[expectedFor(version)]), cudnn])].sort();
  const absent = needed.filter((file) => !system.has(file) && !spare.has(file));
  const folders = needed.flatMap((file) => (system.has(file) ? [] : (spare.get(file) ?? [])));
  const unused = [...new Set(folders.map((path) => dirname(path)))];
  const remedies = { install: installHint(absent, version, linked === undefined), use: useHint(unused) };
  const checks = needed.map((file) => libraryCheck(file, system, spare, remedies));
  const cuda = [platform, withCuda(driver, linked && version), provider.check, ...checks];
  if (cuda.every(({ found }) => found)) cuda.push(await computation(probe));
  return { cuda, webgpu, version, lacksProvider: driver.check.found && !provider.check.found, unused };
}

/** The major version of CUDA that a list of libraries names. */
function versionOf(names: readonly string[]): number | undefined {
  const [, found] = /\blib(?:cudart|cublas|cublasLt)\.so\.(\d+)/.exec(names.join(' ')) ?? [];
  return found === undefined ? undefined : Number(found);
}

/** Where libraries of several versions are there, the older one, which more drivers can run. */
const oldest = (names: readonly string[]): number | undefined =>
  ([12, 13] as const).find((version) => names.includes(`libcudart.so.${version}`));

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

interface Driver {
  readonly check: Check;
  /** The newest major version of CUDA that it is for, where it says so. */
  readonly newest?: number;
}

/** The driver, by its own program or by its library. */
async function driverCheck(system: ReadonlyMap<string, string>): Promise<Driver> {
  const what = 'NVIDIA driver';
  const remedy = 'Install the NVIDIA driver. In a container, start it with the GPU (docker run --gpus all).';
  try {
    const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
    const { stdout } = await run('nvidia-smi', query, { timeout: commandMilliseconds });
    const overview = await run('nvidia-smi', [], { timeout: commandMilliseconds }).catch(() => ({ stdout: '' }));
    const [, newest] = /CUDA Version: *(\d+)/.exec(overview.stdout) ?? [];
    const detail = stdout.trim().split('\n').join('; ');
    return { check: { what, found: true, detail, remedy }, ...(newest && { newest: Number(newest) }) };
  } catch {
    const library = system.get('libcuda.so.1');
    const detail = library ? `${library}; nvidia-smi does not answer` : 'neither nvidia-smi nor libcuda.so.1 is there';
    return { check: { what, found: library !== undefined, detail, remedy } };
  }
}

/** A driver that is too old for what the provider is linked with cannot run it. */
function withCuda({ check, newest }: Driver, linked: number | undefined): Check {
  if (linked === undefined || newest === undefined || newest >= linked) return check;
  return {
    ...check,
    found: false,
    detail: `${check.detail}; it is for CUDA up to ${newest}, and the provider is linked with CUDA ${linked}`,
    remedy: `Update the driver, or take a CUDA provider that is linked with CUDA ${newest}.`,
  };
}

/** The provider's own files, which have to lie beside the runtime and be libraries for this machine, and what they ask for. */
async function providerCheck({ folder, version }: Runtime): Promise<{ check: Check; linked?: readonly string[] }> {
  const what = `CUDA provider of ONNX Runtime ${version}`;
  const byHand = `${packageHint(version)} By hand: put ${providerFiles.join(' and ')} into ${folder}.`;
  const remedy = [
    either(
      `optimizer-bias gpu --download fetches it, --install PACKAGE takes it from a package that you have. ${byHand}`,
      `Choose “Download” in the notification of “Set Up GPU”, or “Choose File…” for a package that you have. ${byHand}`,
    ),
  ];
  const missing = missingProviders(folder);
  if (missing.length > 0)
    return { check: { what, found: false, detail: `${missing.join(' and ')} not in ${folder}`, remedy } };
  try {
    const linked = await linkedLibraries(folder);
    const cuda = versionOf(linked ?? []);
    const detail = cuda === undefined ? folder : `${folder}, linked with CUDA ${cuda}`;
    return { check: { what, found: true, detail, remedy }, ...(linked && { linked }) };
  } catch (error) {
    return { check: { what, found: false, detail: describeError(error).replaceAll('\n', ' '), remedy } };
  }
}

const bringer = (file: string) => brings.find(([prefix]) => file.startsWith(prefix));

/** What to do about libraries that are nowhere: one remedy for all of them. */
function installHint(files: readonly string[], version: number, isGuess: boolean): Words {
  const packages = [...new Set(files.flatMap((file) => bringer(file)?.[2](version) ?? []))].join(' ');
  const install = `Install CUDA ${version} with cuDNN 9, or put the libraries into a Python environment: \`pip install ${packages}\` (PyTorch for CUDA brings them, too).${
    isGuess
      ? ` Put the provider in its place first: its file says which CUDA it is linked with, and CUDA ${version} is a guess until then.`
      : ''
  }`;
  return [
    either(
      `${install} Then run optimizer-bias gpu again, with that environment active or beside you as .venv.`,
      `${install} The environment of the workspace is looked into. Then run “Set Up GPU” again.`,
    ),
  ];
}

/** What to do about libraries that the loader does not search: one remedy for all of them. */
const useHint = (folders: readonly string[]): Words => [
  either(
    `Name their folders before you start: export LD_LIBRARY_PATH="${folders.join(delimiter)}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
    'Choose “Use Libraries of Python” in the notification of “Set Up GPU”, or start the editor with LD_LIBRARY_PATH naming their folders.',
  ),
];

function libraryCheck(
  file: string,
  system: ReadonlyMap<string, string>,
  spare: ReadonlyMap<string, string>,
  { install, use }: { readonly install: Words; readonly use: Words },
): Check {
  const place = system.get(file);
  const elsewhere = spare.get(file);
  return {
    what: `${bringer(file)?.[1] ?? 'Library'} (${file})`,
    found: place !== undefined,
    detail:
      place ??
      (elsewhere ? `only in ${dirname(elsewhere)}, which the loader does not search` : 'not on the library path'),
    remedy: elsewhere ? use : install,
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

/** What is to be done: each remedy once, with what it is for. */
export function remediesOf(
  checks: readonly Check[],
  say: (words: Words) => string,
): { readonly what: readonly string[]; readonly remedy: string }[] {
  const missing = checks
    .filter(({ found }) => !found)
    .map(({ what, remedy }) => ({ what, remedy: remedy === undefined ? '' : say(remedy) }));
  return [...new Set(missing.map(({ remedy }) => remedy))].map((remedy) => ({
    remedy,
    what: missing.filter((each) => each.remedy === remedy).map(({ what }) => what),
  }));
}
