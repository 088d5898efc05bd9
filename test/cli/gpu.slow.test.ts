import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { strToU8, zipSync } from 'fflate';
import { providerFiles } from '../../extension/engine/gpu/provider.ts';
import { elfLibrary } from '../support/elf.ts';

const { version } = JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8')) as {
  version: string;
};
const [shared, cuda] = providerFiles;

interface Part {
  readonly ready: boolean;
  readonly version: number;
  readonly checks: readonly { what: string; found: boolean; detail: string; remedy?: string }[];
}

/** A server without an editor: the program with a runtime of its own, a home, and what stands in for a driver. */
describe('optimizer-bias gpu', { skip: process.platform !== 'linux' || process.arch !== 'x64' }, () => {
  let place: string;
  let runtime: string;
  const inPlace = (...path: string[]) => join(place, ...path);
  before(() => {
    place = mkdtempSync(join(tmpdir(), 'gpu-command-'));
    for (const folder of ['home', 'bin', 'work', 'dist']) mkdirSync(inPlace(folder));
    for (const name of readdirSync('dist').filter((file) => file.endsWith('.js')))
      cpSync(join('dist', name), inPlace('dist', name));
    const packages = inPlace('node_modules');
    runtime = join(packages, 'onnxruntime-node', 'bin', 'napi-v6', 'linux', 'x64');
    mkdirSync(runtime, { recursive: true });
    for (const name of ['package.json', 'dist'])
      cpSync(join('node_modules/onnxruntime-node', name), join(packages, 'onnxruntime-node', name), {
        recursive: true,
      });
    for (const name of readdirSync('node_modules/onnxruntime-node/bin/napi-v6/linux/x64').filter(
      (file) => !file.includes('providers'),
    ))
      symlinkSync(
        join(process.cwd(), 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64', name),
        join(runtime, name),
      );
    symlinkSync(join(process.cwd(), 'node_modules/onnxruntime-common'), join(packages, 'onnxruntime-common'));
  });
  after(() => rmSync(place, { recursive: true, force: true }));

  const run = (...args: string[]) => {
    const { LD_LIBRARY_PATH: _, VIRTUAL_ENV: __, CONDA_PREFIX: ___, XDG_DATA_HOME: ____, ...rest } = process.env;
    const env = { ...rest, HOME: inPlace('home'), PATH: `${inPlace('bin')}:${process.env.PATH}` };
    return spawnSync(process.execPath, [inPlace('dist', 'cli.js'), 'gpu', ...args], {
      cwd: inPlace('work'),
      env,
      encoding: 'utf8',
    });
  };
  const said = (...args: string[]): { cuda: Part; webgpu: Part; runtime: { version: string; folder: string } } => {
    const { status, stdout, stderr } = run('--json', ...args);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  const named = ({ checks }: Part, what: RegExp) => checks.find((each) => what.test(each.what))!;

  /** A driver that answers as NVIDIA's does. */
  const driver = (newest: number) => {
    const path = inPlace('bin', 'nvidia-smi');
    writeFileSync(
      path,
      `#!/bin/sh\ncase "$1" in --query*) echo "A GPU, 1.0, 8 GiB";; *) echo "CUDA Version: ${newest}.1";; esac\n`,
    );
    chmodSync(path, 0o755);
  };
  const wheel = (of: string, linked: readonly string[]) => {
    const path = inPlace('work', `onnxruntime_gpu-${of}.whl`);
    const files = { [shared]: elfLibrary(['libc.so.6']), [cuda]: elfLibrary(linked) };
    writeFileSync(
      path,
      zipSync({
        ...Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`onnxruntime/capi/${name}`, bytes])),
        [`onnxruntime_gpu-${of}.dist-info/METADATA`]: strToU8(
          `Metadata-Version: 2.4\nName: onnxruntime-gpu\nVersion: ${of}\n`,
        ),
      }),
    );
    return path;
  };

  it('says what is missing, and how to get it', () => {
    const { cuda: found, webgpu, runtime: own } = said();
    assert.equal(own.version, version);
    assert.equal(own.folder, runtime);
    assert.equal(found.ready, false);
    assert.match(named(found, /^CUDA provider/).remedy!, /optimizer-bias gpu --download/);
    assert.equal(typeof webgpu.ready, 'boolean');
    const { stdout } = run();
    assert.match(stdout, /✗ CUDA provider of ONNX Runtime .* not in /);
    assert.match(
      stdout,
      /To do about .*cuDNN \(libcudnn\.so\.9\).*:\n {2}Install CUDA 12 with cuDNN 9.* CUDA 12 is a guess until then\./,
    );
  });

  it('takes the CUDA that the driver is for, until there is a provider', () => {
    driver(13);
    const { cuda: found } = said();
    assert.equal(found.version, 13);
    assert.match(named(found, /driver/).detail, /A GPU, 1\.0, 8 GiB/);
    assert.match(named(found, /cuBLAS/).remedy!, /pip install nvidia-cublas nvidia-cuda-runtime nvidia-cudnn-cu13/);
  });

  it('refuses packages that do not fit, and leaves everything as it was', () => {
    for (const [args, message] of [
      [['--install', 'none.whl'], /none\.whl/],
      [['--install', wheel('1.2.3', [])], /is of ONNX Runtime 1\.2\.3; it has to be/],
      [['--install', 'a.whl', '--download'], /are both given/],
    ] as const) {
      const { status, stderr } = run(...args);
      assert.notEqual(status, 0);
      assert.match(stderr, message);
      assert.ok(!existsSync(join(runtime, cuda)));
    }
  });

  it('installs a package, and follows what its file is linked with, whatever versions say', () => {
    driver(12);
    const linked = ['libcudart.so.13', 'libcublasLt.so.13', 'libc.so.6', 'libcuda.so.1'];
    const { cuda: found } = said('--install', wheel(version, linked));
    assert.ok(
      readlinkSync(join(runtime, cuda)).startsWith(
        inPlace('home', '.local', 'share', 'optimizer-bias-inspector', 'cuda', version),
      ),
    );
    assert.equal(found.version, 13);
    assert.match(named(found, /^CUDA provider/).detail, /linked with CUDA 13$/);
    assert.match(named(found, /driver/).detail, /it is for CUDA up to 12, and the provider is linked with CUDA 13/);
    assert.match(
      named(found, /driver/).remedy!,
      /Update the driver, or take a CUDA provider that is linked with CUDA 12/,
    );
    const libraries = found.checks.filter(({ what }) => /\(lib/.test(what)).map(({ what }) => what);
    assert.deepEqual(libraries, [
      'cuBLAS (libcublasLt.so.13)',
      'CUDA runtime (libcudart.so.13)',
      'cuDNN (libcudnn.so.9)',
    ]);
    assert.equal(said('--install', wheel(version, ['libcudart.so.14'])).cuda.version, 14);
  });

  it('says how to use libraries of a Python environment beside it', () => {
    const lib = inPlace('work', '.venv', 'lib/python3.12/site-packages/nvidia/all/lib');
    mkdirSync(lib, { recursive: true });
    for (const name of ['libcudart.so.12', 'libcudnn.so.9']) writeFileSync(join(lib, name), '');
    const { cuda: found } = said('--install', wheel(version, ['libcudart.so.12']));
    const check = named(found, /libcudart/);
    assert.match(check.detail, /which the loader does not search/);
    assert.ok(check.remedy!.includes(`export LD_LIBRARY_PATH="${lib}`));
  });

  it('links the provider again beside a runtime that was replaced', () => {
    for (const name of providerFiles) rmSync(join(runtime, name));
    const { HOME: _, ...rest } = process.env;
    const inspect = [
      inPlace('dist', 'cli.js'),
      'inspect',
      '--model',
      join(process.cwd(), 'media/sample/digits.onnx'),
      '--data',
      join(process.cwd(), 'media/sample/digits.npz'),
    ];
    const { status, stderr } = spawnSync(process.execPath, [...inspect, '--steps', '1', '--device', 'cpu'], {
      cwd: inPlace('work'),
      env: { ...rest, HOME: inPlace('home') },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    for (const name of providerFiles) assert.ok(existsSync(join(runtime, name)));
  });
});
