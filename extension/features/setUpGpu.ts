import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { registerCommand } from './typedCommand.ts';

const run = promisify(execFile);
const commandMilliseconds = 10_000;

/** Libraries that the CUDA provider of ONNX Runtime loads: file name prefix, and what brings it. */
const libraries: readonly (readonly [prefix: string, brings: string])[] = [
  ['libcudart.so.12', 'CUDA 12 runtime'],
  ['libcublas.so.12', 'cuBLAS 12'],
  ['libcublasLt.so.12', 'cuBLAS 12'],
  ['libcufft.so.11', 'cuFFT 11 (CUDA 12)'],
  ['libcurand.so.10', 'cuRAND 10 (CUDA 12)'],
  ['libcudnn.so.9', 'cuDNN 9'],
];
const providers = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/** One thing that is needed: whether it is there, and what to do where it is not. */
interface Check {
  readonly what: string;
  readonly found: boolean;
  readonly detail: string;
  readonly remedy?: string;
}

/** "Set Up GPU": checks what is there for CUDA and WebGPU, and says what is missing. */
export function registerSetUpGpu(extension: vscode.Uri, log: vscode.LogOutputChannel): vscode.Disposable {
  return registerCommand('optimizerBias.setUpGpu', async () => {
    const report = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: vscode.l10n.t('Checking the GPU') },
      async () => describe(await check(extension.fsPath)),
    );
    log.info(report);
    const document = await vscode.workspace.openTextDocument({ language: 'markdown', content: report });
    await vscode.window.showTextDocument(document, { preview: true });
  });
}

async function check(extension: string): Promise<{ cuda: Check[]; webgpu: Check[] }> {
  const engine = join(extension, 'dist', 'engineProcess.js');
  // The engine's modules are large, and nothing else here needs them.
  const { probeInChild } = await import('../engine/device.ts');
  const webgpuProblem = await probeInChild(engine, 'webgpu');
  const webgpu: Check[] = [
    {
      what: 'WebGPU provider',
      found: webgpuProblem === undefined,
      detail: webgpuProblem ?? 'starts and computes',
      remedy:
        'On Linux it needs a Vulkan loader and driver (packages libvulkan1 and mesa-vulkan-drivers, or the vendor’s); on Windows Direct3D 12, on macOS Metal.',
    },
  ];
  const platform: Check = {
    what: 'Linux on x64',
    found: process.platform === 'linux' && process.arch === 'x64',
    detail: `${process.platform} ${process.arch}`,
    remedy: 'The CUDA provider of onnxruntime-node exists for Linux on x64 only. Use the CPU or WebGPU.',
  };
  if (!platform.found) return { cuda: [platform], webgpu };
  const runtime = runtimeFolder(extension);
  const places = await libraryPlaces();
  const missingProviders = providers.filter((file) => !existsSync(join(runtime.folder, file)));
  const cuda: Check[] = [
    platform,
    await driver(),
    ...libraries.map(([prefix, brings]): Check => {
      const place = places.get(prefix);
      return {
        what: brings,
        found: place !== undefined,
        detail: place ?? `${prefix} is not on the library path`,
        remedy: `Install ${brings}, and start the editor with LD_LIBRARY_PATH naming the folder of ${prefix}. A Python environment with PyTorch has it below site-packages/nvidia/*/lib.`,
      };
    }),
    {
      what: 'CUDA provider of ONNX Runtime',
      found: missingProviders.length === 0,
      detail:
        missingProviders.length === 0 ? runtime.folder : `${missingProviders.join(' and ')} not in ${runtime.folder}`,
      remedy: `Both files are inside the Python wheel onnxruntime-gpu of the same version:\n\n    pip download --no-deps onnxruntime-gpu==${runtime.version}\n    unzip -j onnxruntime_gpu-${runtime.version}-*.whl '*/libonnxruntime_providers_*' -d '${runtime.folder}'`,
    },
  ];
  if (cuda.every(({ found }) => found)) {
    const { probeInChild } = await import('../engine/device.ts');
    const problem = await probeInChild(engine, 'cuda');
    cuda.push({
      what: 'A computation on CUDA',
      found: problem === undefined,
      detail: problem ?? 'correct',
      remedy: 'The libraries are there but do not work together: look at their versions, and at the driver’s.',
    });
  }
  return { cuda, webgpu };
}

/** Where the libraries of the runtime are, and its version. */
function runtimeFolder(extension: string): { folder: string; version: string } {
  const manifest = createRequire(join(extension, 'dist', 'x')).resolve('onnxruntime-node/package.json');
  const { version } = createRequire(manifest)(manifest) as { version: string };
  return { folder: join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch), version };
}

async function driver(): Promise<Check> {
  const remedy = 'Install the NVIDIA driver. In a container, start it with the GPU (docker run --gpus all).';
  try {
    const { stdout } = await run(
      'nvidia-smi',
      ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'],
      { timeout: commandMilliseconds },
    );
    return { what: 'NVIDIA driver', found: true, detail: stdout.trim().split('\n').join('; '), remedy };
  } catch {
    return { what: 'NVIDIA driver', found: false, detail: 'nvidia-smi does not answer', remedy };
  }
}

/** Which of the libraries the loader finds: in its cache, or in LD_LIBRARY_PATH. */
async function libraryPlaces(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const note = (file: string, place: string) => {
    for (const [prefix] of libraries) if (file.startsWith(prefix) && !found.has(prefix)) found.set(prefix, place);
  };
  for (const folder of (process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean)) {
    if (existsSync(folder)) for (const file of readdirSync(folder)) note(file, join(folder, file));
  }
  try {
    const { stdout } = await run('/sbin/ldconfig', ['-p'], { timeout: commandMilliseconds, maxBuffer: 2 ** 24 });
    for (const [, file, place] of stdout.matchAll(/^\s*(\S+) \(.*\) => (\S+)$/gm)) note(file, place);
  } catch {
    // Without ldconfig the library path alone decides.
  }
  return found;
}

function describe({ cuda, webgpu }: { cuda: readonly Check[]; webgpu: readonly Check[] }): string {
  const list = (checks: readonly Check[]) =>
    checks.map(({ what, found, detail }) => `- ${found ? '✓' : '✗'} ${what}: ${detail}`).join('\n');
  const todo = (checks: readonly Check[]) =>
    checks
      .filter(({ found }) => !found)
      .map(({ what, remedy }, i) => `${i + 1}. **${what}.** ${remedy ?? ''}`)
      .join('\n\n');
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
