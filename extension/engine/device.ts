import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GraphBuilder } from '../onnx/builder.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError } from '../shared/errors.ts';
import type { DeviceChoice } from '../shared/protocol.ts';
import { type Device, plainReason, Session } from './session.ts';

/** Environment variable that makes the engine process probe a device and exit. */
export const probeVariable = 'OPTIMIZER_BIAS_PROBE';

/** Longest time that a provider may take to start. */
const probeMilliseconds = 30_000;

const remedies: Record<Exclude<Device, 'cpu'>, string> = {
  cuda: 'It needs an NVIDIA driver, CUDA 12 with cuDNN 9 on the library path, and the file libonnxruntime_providers_cuda.so of the same ONNX Runtime version beside libonnxruntime in onnxruntime-node/bin (Linux x64). Run again with --device cpu meanwhile.',
  webgpu:
    'It needs a GPU with a Vulkan driver on Linux (package libvulkan1 and a driver such as mesa-vulkan-drivers), Direct3D 12 on Windows or Metal on macOS. Run again with --device cpu meanwhile.',
};

/** True where the library of the CUDA provider lies beside the runtime. */
function hasCudaLibrary(): boolean {
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  try {
    const root = dirname(createRequire(__filename).resolve('onnxruntime-node/package.json'));
    return existsSync(join(root, 'bin', 'napi-v6', 'linux', 'x64', 'libonnxruntime_providers_cuda.so'));
  } catch {
    return false;
  }
}

/**
 * The device to run on. A provider is started in a process of its own first, since native code may end the process.
 * Throws an InspectorError that says what to install where the one asked for cannot start; `auto` takes CUDA where it
 * starts and the CPU otherwise.
 */
export async function chooseDevice(
  choice: DeviceChoice,
  probe: (device: Device) => Promise<string | undefined>,
): Promise<Device> {
  if (choice === 'cpu') return 'cpu';
  if (choice === 'auto') return hasCudaLibrary() && (await probe('cuda')) === undefined ? 'cuda' : 'cpu';
  const problem = await probe(choice);
  if (problem === undefined) return choice;
  throw new InspectorError(`The device ${choice} cannot be used here: ${problem}`, remedies[choice]);
}

/** Starts a provider in a process made from `script`; returns what went wrong, or undefined. */
export function probeInChild(script: string, device: Device): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = fork(script, [], {
      cwd: dirname(script),
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', [probeVariable]: device },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    let answer: string | undefined = 'the probe ended without an answer.';
    const timer = setTimeout(() => {
      answer = `the provider did not start within ${probeMilliseconds / 1000} seconds.`;
      child.kill('SIGKILL');
    }, probeMilliseconds);
    child.on('message', (message) => {
      answer = (message as { problem?: string }).problem;
    });
    child.on('error', (error) => {
      answer = error.message;
    });
    child.on('exit', (_code, signal) => {
      clearTimeout(timer);
      resolve(signal && answer !== undefined ? `the provider ended the process (${signal}).` : answer);
    });
  });
}

/** What the probing process does: one addition on the device. Returns what went wrong, or undefined. */
export async function probeDevice(device: Device): Promise<string | undefined> {
  try {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', [2]);
    const session = await Session.create(
      encodeModel({ scope: b, inputs: b.inputs, outputs: [{ name: 'y', value: b.add(x, x) }] }),
      device,
      1,
    );
    const result = await session.run(new Map([['x', { type: 'float32', shape: [2], data: Float32Array.of(1, 2) }]]));
    return (result.get('y')?.data[1] as number) === 4 ? undefined : 'it computes wrong numbers.';
  } catch (error) {
    return plainReason((error as Error).message);
  }
}
