import { existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { neededLibraries } from '../../files/elf.ts';
import { InputFile } from '../../files/files.ts';
import { collectAll } from '../../files/streams.ts';
import { tarFiles } from '../../files/tar.ts';
import { zipEntries, zipSource } from '../../files/zip.ts';
import { InspectorError } from '../../shared/errors.ts';
import type { Where } from '../../shared/where.ts';

/** The CUDA provider of ONNX Runtime: what has to lie beside the runtime. Nothing of it is run when it is put there. */
export const providerFiles = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const;

/** Which of the files are not in a folder. */
export const missingProviders = (folder: string): string[] =>
  providerFiles.filter((file) => !existsSync(join(folder, file)));

/** The libraries of CUDA that the provider in a folder is linked with; undefined where it is not there. */
export async function linkedLibraries(folder: string): Promise<string[] | undefined> {
  if (missingProviders(folder).length > 0) return undefined;
  const needed = await InputFile.use(join(folder, providerFiles[1]), neededLibraries);
  return needed.filter((name) => /^lib(?:cu|nv)/.test(name) && name !== 'libcuda.so.1');
}

/** Where archives say which version of ONNX Runtime they hold: a wheel, a NuGet package, a release of the project. */
const versionFiles: readonly (readonly [name: RegExp, version: RegExp])[] = [
  [/^onnxruntime_gpu[^/]*\.dist-info\/METADATA$/, /^Version: *([^\s]+)/m],
  [/^Microsoft\.ML\.OnnxRuntime\.Gpu[^/]*\.nuspec$/i, /<version>([^<]+)<\/version>/],
  [/^(?:\.\/)?onnxruntime-linux-x64-gpu[^/]*\/VERSION_NUMBER$/, /^\s*(\S+)/],
];
const longestText = 2 ** 20;
const largestLibrary = 4 * 2 ** 30;

interface ArchiveFile {
  readonly name: string;
  readonly size: number;
  blocks(): AsyncIterable<Uint8Array>;
}

/**
 * Takes the provider's files out of an archive (.whl, .nupkg, .zip or .tgz) and puts them into `folder`, all or none. Throws
 * an InspectorError where the archive is another one, damaged, or of another version than `version`; the folder is as it was then.
 */
export async function unpackProvider(
  archive: string,
  folder: string,
  version: string,
  signal?: AbortSignal,
): Promise<void> {
  const staging = `${folder}.${process.pid}.partial`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true });
  try {
    let found: string | undefined;
    await InputFile.use(archive, async (file) => {
      for await (const entry of filesOf(file)) {
        signal?.throwIfAborted();
        const [, pattern] = versionFiles.find(([name]) => name.test(entry.name)) ?? [];
        const wanted = providerFiles.find((name) => name === basename(entry.name));
        if (pattern) found = pattern.exec(await text(file.where, entry))?.[1];
        else if (wanted) await write(join(staging, wanted), file.where, entry, signal);
      }
      const missing = missingProviders(staging);
      if (missing.length > 0)
        throw new InspectorError(`does not hold ${missing.join(' and ')}.`, 'Choose another archive.', file);
      if (found !== version)
        throw new InspectorError(
          `is of ${found === undefined ? 'an unknown version of ONNX Runtime' : `ONNX Runtime ${found}`}; it has to be ${version}, like the runtime here.`,
          'Choose another archive.',
          file,
        );
    });
    for (const name of providerFiles) await InputFile.use(join(staging, name), neededLibraries);
    await replaceFolder(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** What is looked for, for messages. */
export const packageHint = (version: string): string =>
  `The files are in the NuGet package Microsoft.ML.OnnxRuntime.Gpu.Linux ${version} and in the Python wheel onnxruntime-gpu ${version} for Linux on x86_64.`;

async function* filesOf(file: InputFile): AsyncGenerator<ArchiveFile> {
  const [first, second] = await file.read(0, Math.min(2, file.size));
  if (first === 0x1f && second === 0x8b) yield* tarFiles(file);
  else if (first === 0x50 && second === 0x4b) {
    for (const entry of await zipEntries(file)) {
      if (entry.name.endsWith('/')) continue;
      const { name, size } = entry;
      yield { name, size, blocks: () => zipSource(file, entry, file.where).blocks() };
    }
  } else
    throw new InspectorError('is no archive.', 'Choose the package itself: a .whl, .nupkg, .zip or .tgz file.', file);
}

const text = async (where: Where, { size, blocks }: ArchiveFile): Promise<string> =>
  Buffer.from(await collectAll({ where, most: size, blocks }, longestText, 'Choose another archive.')).toString('utf8');

async function write(path: string, where: Where, { size, blocks }: ArchiveFile, signal?: AbortSignal): Promise<void> {
  if (size > largestLibrary)
    throw new InspectorError(`announces ${basename(path)} of ${size} bytes.`, 'Choose another archive.', { where });
  const target = await open(path, 'w');
  try {
    let written = 0;
    for await (const bytes of blocks()) {
      signal?.throwIfAborted();
      written += bytes.length;
      if (written > size)
        throw new InspectorError(`${basename(path)} is longer than announced.`, 'Download the file again.', { where });
      await target.write(bytes);
    }
    await target.sync();
  } finally {
    await target.close();
  }
}

/** There is a whole folder at every moment, the old or the new one; the new one only where nothing fails. */
async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.${process.pid}.old`;
  if (existsSync(to)) await rename(to, old);
  try {
    await rename(from, to);
  } catch (error) {
    if (existsSync(old)) await rename(old, to);
    throw error;
  }
  await rm(old, { recursive: true, force: true });
}

/**
 * Links the files of `stored` beside the runtime, which looks for them there only. Files that lie there already are left as
 * they are. Throws what the file system says where links cannot be made.
 */
export async function linkProvider(stored: string, runtime: string): Promise<void> {
  if (missingProviders(stored).length > 0) return;
  for (const name of providerFiles) {
    const link = join(runtime, name);
    if (existsSync(link)) continue;
    // A link whose target has gone.
    if (await lstat(link).catch(() => undefined)) await rm(link);
    await symlink(join(stored, name), link);
  }
}

/** The folder that keeps the provider of a version, below the storage of the extension; other versions and left-overs are removed. */
export async function providerStorage(storage: string, version: string): Promise<string> {
  const folder = join(storage, 'cuda', version);
  await mkdir(join(storage, 'cuda'), { recursive: true });
  for (const name of await readdir(join(storage, 'cuda')))
    if (name !== version) await rm(join(storage, 'cuda', name), { recursive: true, force: true });
  return folder;
}
