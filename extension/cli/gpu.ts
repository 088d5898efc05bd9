import { dirname } from 'node:path';
import {
  type Check,
  checkGpu,
  type GpuState,
  pythonEnvironments,
  remediesOf,
  runtimeOf,
} from '../engine/gpu/checks.ts';
import { fetchProvider, installProvider } from '../engine/gpu/install.ts';
import { probeInChild } from '../engine/probe.ts';
import { ownScript } from '../files/ownScript.ts';
import { userDataFolder } from '../files/userFolders.ts';
import { WritingError } from '../files/writing.ts';
import { InspectorError } from '../shared/errors.ts';
import { onCommandLine } from '../shared/words.ts';
import { type Command, type Given, UsageError } from './options.ts';
import { ProgressLine, styles } from './text.ts';

const mebibyte = 2 ** 20;

/** The runtime of this program. */
export const ownRuntime = () => runtimeOf(dirname(dirname(ownScript('engineProcess.js'))));

/** `optimizer-bias gpu`: what "Set Up GPU" does in the editor. */
export const gpuCommand: Command = {
  name: 'gpu',
  summary: 'what is there for a GPU, what is missing, and the CUDA provider out of a package',
  usage: ['optimizer-bias gpu [--json]', 'optimizer-bias gpu --install PACKAGE', 'optimizer-bias gpu --download'],
  options: [
    {
      flag: 'install',
      value: 'text',
      placeholder: 'PACKAGE',
      help: 'put the CUDA provider of a package beside the runtime: a wheel of onnxruntime-gpu, a NuGet package, a .zip or .tgz',
    },
    { flag: 'download', help: 'fetch the package that fits the CUDA of this machine, and do the same' },
    { flag: 'json', help: 'print the report as JSON' },
  ],
  async run(given) {
    await install(given);
    const state = await check();
    const { values } = given;
    process.stdout.write(values.has('json') ? `${JSON.stringify(recordOf(state), undefined, 2)}\n` : report(state));
    return 0;
  },
};

const check = (): Promise<GpuState> =>
  checkGpu({
    runtime: ownRuntime(),
    libraries: [],
    environments: pythonEnvironments([process.cwd()]),
    probe: (device) => probeInChild(ownScript('engineProcess.js'), device),
  });

/** Installs what is asked for. Throws an InspectorError where that is not possible; then everything is as it was. */
async function install({ values }: Given): Promise<void> {
  const archive = values.get('install') as string | undefined;
  if (archive === undefined && !values.has('download')) return;
  if (archive !== undefined && values.has('download'))
    throw new UsageError('--install and --download are both given.', 'Leave one of them out.');
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new InspectorError('The CUDA provider exists for Linux on x64 only.', 'Use the CPU or WebGPU.');
  const storage = userDataFolder();
  if (storage === undefined)
    throw new InspectorError('There is no folder to keep the provider in.', 'Set HOME or XDG_DATA_HOME.');
  const runtime = ownRuntime();
  const line = new ProgressLine(process.stderr);
  try {
    const progress = (received: number, size: number) =>
      line.update(`${Math.floor(received / mebibyte)} of ${Math.ceil(size / mebibyte)} MiB`);
    const kept =
      archive === undefined
        ? await fetchProvider(storage, runtime, (await check()).version, progress)
        : await installProvider(archive, storage, runtime);
    line.clear();
    process.stderr.write(`Put the CUDA provider into ${kept}, and links to it into ${runtime.folder}.\n`);
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    throw code !== undefined && ['EACCES', 'EPERM', 'EROFS', 'ENOSPC'].includes(code)
      ? new WritingError(path ?? runtime.folder, error)
      : error;
  } finally {
    line.clear();
  }
}

/** The report as plain data. */
function recordOf({ cuda, webgpu, version, lacksProvider, unused }: GpuState): object {
  const { folder, version: runtime } = ownRuntime();
  const part = (checks: readonly Check[]) => ({
    ready: checks.every(({ found }) => found),
    checks: checks.map(({ what, found, detail, remedy }) => ({
      ...{ what, found, detail },
      ...(!found && remedy !== undefined && { remedy: onCommandLine(remedy) }),
    })),
  });
  return {
    runtime: { version: runtime, folder },
    cuda: { ...part(cuda), version, lacksProvider, unusedLibraries: unused },
    webgpu: part(webgpu),
  };
}

/** The report for people. */
function report({ cuda, webgpu }: GpuState): string {
  const style = styles(process.stdout);
  const part = (title: string, checks: readonly Check[], ready: string) => [
    style.bold(title),
    ...checks.map(({ what, found, detail }) => `  ${found ? '✓' : '✗'} ${what}: ${detail}`),
    ...(checks.every(({ found }) => found)
      ? [`  ${ready}`]
      : remediesOf(checks, onCommandLine).flatMap(({ what, remedy }) => [
          '',
          `  To do about ${what.join(', ')}:`,
          `  ${remedy}`,
        ])),
    '',
  ];
  return [
    'Everything works on the CPU. A GPU makes runs of larger models faster.',
    '',
    ...part('CUDA', cuda, 'CUDA is ready: --device auto, which is the default, uses it.'),
    ...part('WebGPU', webgpu, 'WebGPU is ready: --device webgpu'),
  ].join('\n');
}
