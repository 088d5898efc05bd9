import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { GraphBuilder } from '../onnx/builder.ts';
import { encodeModel } from '../onnx/write.ts';
import { InspectorError } from '../shared/errors.ts';
import type { DeviceChoice } from '../shared/protocol.ts';
import { at, either, type Words, words } from '../shared/words.ts';
import { type Device, plainReason, Session } from './session.ts';

const remedies: Record<Exclude<Device, 'cpu'>, Words> = {
  cuda: words`It needs Linux on x64, an NVIDIA driver, the libraries of CUDA with cuDNN 9 on the library path, and the file libonnxruntime_providers_cuda.so of the same ONNX Runtime version beside libonnxruntime in onnxruntime-node/bin; ${either('optimizer-bias gpu', '“Set Up GPU”')} says what is missing. Run again with ${at('device', 'cpu')} meanwhile.`,
  webgpu: words`It needs a GPU with a Vulkan driver on Linux (package libvulkan1 and a driver such as mesa-vulkan-drivers), Direct3D 12 on Windows or Metal on macOS. Run again with ${at('device', 'cpu')} meanwhile.`,
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
