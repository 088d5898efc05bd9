import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Runtime } from './checks.ts';
import { linkProvider, providerStorage, unpackProvider } from './provider.ts';
import { download, findPackage, type Registries } from './sources.ts';

/** What is told of a download: bytes so far and in all; once they are there, they are unpacked. */
export type DownloadProgress = (received: number, size: number) => void;

/**
 * Takes the CUDA provider out of a package, keeps it below `storage`, and links it beside the runtime; returns where it is kept. Throws
 * an InspectorError where the package does not fit, and what the file system says.
 */
export async function installProvider(
  archive: string,
  storage: string,
  { folder, version }: Runtime,
  signal?: AbortSignal,
): Promise<string> {
  const stored = await providerStorage(storage, version);
  await unpackProvider(archive, stored, version, signal);
  await linkProvider(stored, folder);
  return stored;
}

/** Fetches the package for a major version of CUDA and installs it; see `installProvider`. No download is left. */
export async function fetchProvider(
  storage: string,
  runtime: Runtime,
  cuda: number,
  progress: DownloadProgress,
  { signal, registries }: { readonly signal?: AbortSignal; readonly registries?: Registries } = {},
): Promise<string> {
  const path = join(storage, `download-${process.pid}.partial`);
  try {
    await mkdir(storage, { recursive: true });
    const found = await findPackage(runtime.version, cuda, registries, signal);
    await download(found, path, (received) => progress(received, found.size), signal);
    return await installProvider(path, storage, runtime, signal);
  } finally {
    await rm(path, { force: true });
  }
}

/** Links what is kept below `storage` beside a runtime that an update has replaced. Throws what the file system says. */
export async function restoreProvider(storage: string, { folder, version }: Runtime): Promise<void> {
  const stored = join(storage, 'cuda', version);
  if (existsSync(stored)) await linkProvider(stored, folder);
}
