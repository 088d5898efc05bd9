import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { checkGpu, type Surroundings } from '../../extension/engine/gpu/checks.ts';
import { fetchProvider } from '../../extension/engine/gpu/install.ts';
import {
  linkedLibraries,
  linkProvider,
  missingProviders,
  providerFiles,
  providerStorage,
  unpackProvider,
} from '../../extension/engine/gpu/provider.ts';
import { download, findPackage } from '../../extension/engine/gpu/sources.ts';
import { gpuReport } from '../../extension/features/gpu/report.ts';
import { elfLibrary } from '../support/elf.ts';

const version = '1.30.0';
const root = mkdtempSync(join(tmpdir(), 'gpu-'));
after(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const fresh = () => {
  const folder = join(root, String(count++));
  mkdirSync(folder);
  return folder;
};
const [shared, cuda] = providerFiles;
const linked = ['libcudart.so.12', 'libcublas.so.12', 'libc.so.6', 'libcuda.so.1'];
const libraries = { [shared]: elfLibrary(['libc.so.6']), [cuda]: elfLibrary(linked) };

const wheel = (of = version, files: Record<string, Uint8Array> = libraries) =>
  zipSync({
    ...Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`onnxruntime/capi/${name}`, bytes])),
    [`onnxruntime_gpu-${of}.dist-info/METADATA`]: strToU8(
      `Metadata-Version: 2.4\nName: onnxruntime-gpu\nVersion: ${of}\n`,
    ),
  });
const nupkg = () =>
  zipSync({
    'Microsoft.ML.OnnxRuntime.Gpu.Linux.nuspec': strToU8(
      `<package><metadata><version>${version}</version></metadata></package>`,
    ),
    ...Object.fromEntries(
      Object.entries(libraries).map(([name, bytes]) => [`runtimes/linux-x64/native/${name}`, bytes]),
    ),
  });
/** A tar archive with the given files and, as releases have them, a link. */
function tgz(): Buffer {
  const record = (name: string, content: Uint8Array, type: string) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 'latin1');
    header.write('0000644\0', 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write(' '.repeat(8), 148);
    header.write(type, 156);
    header.write('ustar\0', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
  };
  const folder = `./onnxruntime-linux-x64-gpu-${version}`;
  return gzipSync(
    Buffer.concat([
      record(`${folder}/`, Buffer.alloc(0), '5'),
      record(`${folder}/VERSION_NUMBER`, Buffer.from(`${version}\n`), '0'),
      record(`${folder}/lib/libonnxruntime.so`, Buffer.alloc(0), '2'),
      ...Object.entries(libraries).map(([name, bytes]) => record(`${folder}/lib/${name}`, bytes, '0')),
      Buffer.alloc(1024),
    ]),
  );
}

describe('the CUDA provider is taken out of packages', () => {
  for (const [name, bytes] of [
    ['ort.whl', wheel()],
    ['ort.nupkg', nupkg()],
    ['ort.tgz', tgz()],
  ] as const) {
    test(name, async () => {
      const folder = fresh();
      writeFileSync(join(folder, name), bytes);
      await unpackProvider(join(folder, name), join(folder, 'provider'), version);
      assert.deepEqual(readdirSync(join(folder, 'provider')).sort(), [...providerFiles].sort());
      assert.deepEqual(readFileSync(join(folder, 'provider', cuda)), Buffer.from(libraries[cuda]));
      assert.deepEqual(await linkedLibraries(join(folder, 'provider')), ['libcudart.so.12', 'libcublas.so.12']);
      assert.deepEqual(readdirSync(folder).sort(), [name, 'provider'].sort());
    });
  }

  const damagedZip = () => {
    const bytes = Buffer.from(wheel());
    const at = bytes.indexOf('onnxruntime/capi') + 60;
    bytes[at] ^= 255;
    return bytes;
  };
  for (const [what, bytes, message] of [
    ['another version', wheel('1.22.0'), /is of ONNX Runtime 1\.22\.0; it has to be 1\.30\.0/],
    ['no version', zipSync(libraries), /is of an unknown version of ONNX Runtime/],
    [
      'the CPU’s package',
      wheel(version, {}),
      /does not hold libonnxruntime_providers_shared\.so and libonnxruntime_providers_cuda\.so/,
    ],
    [
      'half a package',
      wheel(version, { [shared]: libraries[shared] }),
      /does not hold libonnxruntime_providers_cuda\.so/,
    ],
    [
      'a library of another kind',
      wheel(version, { ...libraries, [cuda]: strToU8('MZ not a library'.padEnd(80)) }),
      /is no library for Linux on x64/,
    ],
    ['an archive cut off', wheel().subarray(0, 300), /is no complete zip archive/],
    ['a tar archive cut off', gzipSync(Buffer.from('not tar at all'.padEnd(512))), /is no complete tar archive/],
    ['changed bytes', damagedZip(), /./],
    ['a web page', Buffer.from('<!DOCTYPE html><title>404</title>'), /is a web page/],
    ['a library alone', Buffer.from(libraries[cuda]), /is no archive/],
  ] as const) {
    test(`not out of ${what}: what was there stays`, async () => {
      const folder = fresh();
      const provider = join(folder, 'provider');
      mkdirSync(provider);
      writeFileSync(join(provider, 'old'), 'old');
      writeFileSync(join(folder, 'archive'), bytes);
      await assert.rejects(unpackProvider(join(folder, 'archive'), provider, version), message);
      assert.deepEqual(readdirSync(provider), ['old']);
      assert.deepEqual(readdirSync(folder).sort(), ['archive', 'provider']);
    });
  }

  test('linked beside the runtime, again where a link has lost its target; files that lie there stay', async () => {
    const folder = fresh();
    const [storage, runtime] = [join(folder, 'storage'), join(folder, 'runtime')];
    mkdirSync(runtime);
    mkdirSync(join(storage, 'cuda', '1.22.0'), { recursive: true });
    writeFileSync(join(folder, 'ort.whl'), wheel());
    const stored = await providerStorage(storage, version);
    assert.deepEqual(readdirSync(join(storage, 'cuda')), []);
    await linkProvider(stored, runtime);
    assert.deepEqual(readdirSync(runtime), [], 'nothing to link');
    await unpackProvider(join(folder, 'ort.whl'), stored, version);
    writeFileSync(join(runtime, shared), 'own');
    await linkProvider(stored, runtime);
    assert.deepEqual(missingProviders(runtime), []);
    assert.equal(readFileSync(join(runtime, shared), 'utf8'), 'own');
    rmSync(stored, { recursive: true });
    assert.deepEqual(missingProviders(runtime), [cuda]);
    await unpackProvider(join(folder, 'ort.whl'), stored, version);
    await linkProvider(stored, runtime);
    assert.deepEqual(missingProviders(runtime), []);
  });
});

describe('downloads', () => {
  /** A registry on this machine, for as long as `use` takes. */
  const withServer = async (answer: RequestListener, use: (origin: string) => Promise<void>) => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
  const bytes = Buffer.from(wheel());
  const file = `onnxruntime_gpu-${version}-cp311-cp311-manylinux_2_28_x86_64.whl`;
  const registry =
    (change: object = {}): RequestListener =>
    ({ url, headers }, response) => {
      const origin = `http://${headers.host}`;
      const sha = (algorithm: string) => createHash(algorithm).update(bytes);
      const answers: Record<string, unknown> = {
        [`/pypi/onnxruntime-gpu/${version}/json`]: {
          urls: [
            { filename: `onnxruntime_gpu-${version}-cp311-cp311-win_amd64.whl`, url: 'x' },
            {
              filename: file,
              url: `${origin}/file`,
              size: bytes.length,
              digests: { sha256: sha('sha256').digest('hex') },
              ...change,
            },
          ],
        },
        [`/nuget/registration5-gz-semver2/microsoft.ml.onnxruntime.gpu.linux/${version}.json`]: {
          catalogEntry: `${origin}/catalog`,
          packageContent: `${origin}/file`,
        },
        '/catalog': {
          packageSize: bytes.length,
          packageHash: sha('sha512').digest('base64'),
          packageHashAlgorithm: 'SHA512',
        },
      };
      if (url === '/file') response.end(bytes);
      else if (url! in answers) response.end(JSON.stringify(answers[url!]));
      else response.writeHead(404).end();
    };
  const of = (origin: string) => ({ pypi: `${origin}/pypi`, nuget: `${origin}/nuget` });

  for (const version_ of [12, 13] as const)
    test(`for CUDA ${version_}: looked up, fetched, compared with size and digest`, () =>
      withServer(registry(), async (origin) => {
        const path = join(fresh(), 'package');
        const found = await findPackage(version, version_, of(origin));
        const seen: number[] = [];
        await download(found, path, (received) => seen.push(received));
        assert.deepEqual(readFileSync(path), bytes);
        assert.equal(seen.at(-1), bytes.length);
      }));

  test('fetched and installed in one go; nothing of the download is left', () =>
    withServer(registry(), async (origin) => {
      const [storage, folder] = [fresh(), fresh()];
      const seen: (readonly [number, number])[] = [];
      const progress = (received: number, size: number) => seen.push([received, size]);
      await fetchProvider(storage, { folder, version }, 13, progress, { registries: of(origin) });
      assert.deepEqual(missingProviders(folder), []);
      assert.deepEqual(readdirSync(storage), ['cuda']);
      assert.deepEqual(seen.at(-1), [bytes.length, bytes.length]);
    }));

  for (const [what, change, message] of [
    ['another size', { size: bytes.length + 1 }, /has not the size that its registry says/],
    ['a smaller size', { size: bytes.length - 1 }, /has not the size that its registry says/],
    ['another checksum', { digests: { sha256: '00'.repeat(32) } }, /has another checksum than its registry says/],
    ['a package that is not there', { url: 'http://127.0.0.1:1/x' }, /cannot be reached/],
  ] as const)
    test(`${what}: nothing is left`, () =>
      withServer(registry(change), async (origin) => {
        const folder = fresh();
        const found = await findPackage(version, 13, of(origin));
        await assert.rejects(
          download(found, join(folder, 'package'), () => {}),
          message,
        );
        assert.deepEqual(readdirSync(folder), []);
      }));

  test('a registry that refuses, is away, or talks nonsense is said', async () => {
    await withServer(registry(), async (origin) => {
      await assert.rejects(findPackage('9.9.9', 13, of(origin)), /answers 404 Not Found/);
    });
    let gone = '';
    await withServer(registry(), async (origin) => {
      gone = origin;
    });
    await assert.rejects(findPackage(version, 13, of(gone)), /127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
    await withServer(
      (_, response) => response.end('<html>proxy</html>'),
      async (origin) => {
        await assert.rejects(findPackage(version, 12, of(origin)), /is no JSON/);
      },
    );
    await withServer(registry({ filename: '../../evil_manylinux_x86_64.whl' }), async (origin) => {
      await assert.rejects(findPackage(version, 13, of(origin)), /describes the package in an unknown way/);
    });
  });

  test('cancelled in the middle: it ends with the reason, and nothing is left', () =>
    withServer(
      (_, response) => {
        response.writeHead(200);
        response.write(bytes.subarray(0, 10));
      },
      async (origin) => {
        const folder = fresh();
        const abort = new AbortController();
        const found = { file, url: `${origin}/file`, size: bytes.length, algorithm: 'sha256' as const, digest: '' };
        const ended = download(found, join(folder, 'package'), () => abort.abort(new Error('enough')), abort.signal);
        await assert.rejects(ended, /enough/);
        assert.deepEqual(readdirSync(folder), []);
      },
    ));
});

describe('what the report says', { skip: process.platform !== 'linux' || process.arch !== 'x64' }, () => {
  const state = (change: Partial<Surroundings>) =>
    checkGpu({
      runtime: { folder: fresh(), version },
      libraries: [],
      environments: [],
      probe: async (device) => (device === 'webgpu' ? 'no Vulkan here.' : undefined),
      ...change,
    });

  test('without anything: each missing thing with what to do', async () => {
    const report = gpuReport(await state({}));
    assert.match(report, /- ✓ Linux on x64/);
    assert.match(report, /- ✗ CUDA provider of ONNX Runtime 1\.30\.0: .* not in /);
    assert.match(report, /\*\*cuBLAS .*cuDNN \(libcudnn\.so\.9\).*\*\* .*`pip install .*nvidia-cudnn-cu12/);
    assert.match(report, /Choose “Download” in the notification of “Set Up GPU”/);
    assert.match(report, /- ✗ WebGPU provider: no Vulkan here\./);
  });

  test('libraries of a Python environment are found, and used once the user agrees', async () => {
    const environment = fresh();
    const lib = join(environment, 'lib/python3.12/site-packages/nvidia/all/lib');
    mkdirSync(lib, { recursive: true });
    const runtime = { folder: fresh(), version };
    const needed = ['libcudart.so.12', 'libcublas.so.12', 'libcudnn.so.9'];
    for (const name of needed) writeFileSync(join(lib, name), '');
    for (const [name, bytes] of Object.entries(libraries)) writeFileSync(join(runtime.folder, name), bytes);
    const before = await state({ runtime, environments: [environment] });
    assert.deepEqual(before.unused, [lib]);
    assert.match(gpuReport(before), /✗ cuBLAS \(libcublas\.so\.12\): only in .*, which the loader does not search/);
    const after_ = await state({ runtime, environments: [environment], libraries: [lib] });
    assert.deepEqual(after_.unused, []);
    assert.match(gpuReport(after_), /✓ cuBLAS \(libcublas\.so\.12\): /);
  });

  test('what the provider is linked with is what is looked for', async () => {
    const runtime = { folder: fresh(), version };
    writeFileSync(join(runtime.folder, shared), libraries[shared]);
    writeFileSync(join(runtime.folder, cuda), elfLibrary(['libcudart.so.13', 'libcublasLt.so.13']));
    const { cuda: checks, version: major } = await state({ runtime });
    assert.equal(major, 13);
    assert.deepEqual(
      checks.slice(3).map(({ what }) => what),
      ['cuBLAS (libcublasLt.so.13)', 'CUDA runtime (libcudart.so.13)', 'cuDNN (libcudnn.so.9)'],
    );
    assert.doesNotMatch(gpuReport(await state({ runtime })), /is a guess/);
    writeFileSync(join(runtime.folder, cuda), 'damaged');
    assert.match(gpuReport(await state({ runtime })), /✗ CUDA provider .* is no library for Linux on x64/);
    assert.ok(existsSync(join(runtime.folder, cuda)));
  });
});
