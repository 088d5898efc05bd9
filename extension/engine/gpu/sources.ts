import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { InspectorError } from '../../shared/errors.ts';

/** A package that can be downloaded, with what its registry says it is. */
export interface Package {
  readonly file: string;
  readonly url: string;
  /** In bytes. */
  readonly size: number;
  readonly algorithm: 'sha256' | 'sha512';
  /** In base64. */
  readonly digest: string;
}

/** Registries; tests put their own in place of them. */
export interface Registries {
  readonly nuget: string;
  readonly pypi: string;
}

export const registries: Registries = { nuget: 'https://api.nuget.org/v3', pypi: 'https://pypi.org/pypi' };

const patienceMilliseconds = 30_000;
const largestPackage = 2 * 2 ** 30;

/** The package that holds the provider of a version for a major version of CUDA. Throws an InspectorError where it cannot be looked up. */
export async function findPackage(
  version: string,
  cuda: number,
  { nuget, pypi }: Registries = registries,
  signal?: AbortSignal,
): Promise<Package> {
  if (cuda <= 12) {
    // The NuGet package is the one that the runtime's own installer takes.
    const name = 'microsoft.ml.onnxruntime.gpu.linux';
    const leaf = await json(`${nuget}/registration5-gz-semver2/${name}/${version}.json`, signal);
    const entry = await json(leaf.catalogEntry, signal);
    return checked({
      file: `${name}.${version}.nupkg`,
      url: leaf.packageContent,
      size: entry.packageSize,
      algorithm: 'sha512',
      digest: entry.packageHash,
    });
  }
  const { urls } = await json(`${pypi}/onnxruntime-gpu/${version}/json`, signal);
  const wheels = Array.isArray(urls) ? (urls as Record<string, unknown>[]) : [];
  const wheel = wheels.find(({ filename }) => /manylinux[^/]*_x86_64\.whl$/.test(String(filename)));
  if (!wheel)
    throw new InspectorError(`There is no wheel of onnxruntime-gpu ${version} for Linux on x86_64.`, 'Use the CPU.');
  const { sha256 } = wheel.digests as { sha256: string };
  return checked({
    file: wheel.filename,
    url: wheel.url,
    size: wheel.size,
    algorithm: 'sha256',
    digest: Buffer.from(String(sha256), 'hex').toString('base64'),
  });
}

/** What a registry says is not taken on trust further than it has to be. */
function checked(found: Readonly<Record<keyof Package, unknown>>): Package {
  const { file, url, size, algorithm, digest } = found;
  const fits =
    /^[\w.-]+$/.test(String(file)) &&
    /^https?:\/\//.test(String(url)) &&
    Number.isSafeInteger(size) &&
    (size as number) > 0 &&
    (size as number) < largestPackage &&
    Buffer.from(String(digest), 'base64').length === { sha256: 32, sha512: 64 }[algorithm as Package['algorithm']];
  if (!fits) throw new InspectorError('The registry describes the package in an unknown way.', 'Download it by hand.');
  return found as Package;
}

async function json(url: unknown, signal?: AbortSignal): Promise<Record<string, unknown>> {
  const response = await request(String(url), signal);
  try {
    return (await response.json()) as Record<string, unknown>;
  } catch (error) {
    signal?.throwIfAborted();
    throw new InspectorError(`${url} is no JSON: ${(error as Error).message}.`, 'Download the package by hand.');
  }
}

async function request(url: string, signal?: AbortSignal): Promise<Response> {
  const patience = AbortSignal.timeout(patienceMilliseconds);
  let response: Response;
  try {
    // Once the answer begins, it may take long: only its beginning is waited for.
    response = await Promise.race([
      fetch(url, { signal, redirect: 'follow' }),
      new Promise<never>((_, reject) => {
        patience.addEventListener('abort', () => reject(new Error('no answer within 30 seconds')));
      }),
    ]);
  } catch (error) {
    signal?.throwIfAborted();
    const { message, cause } = error as Error & { cause?: Error };
    throw new InspectorError(
      `${new URL(url).host} cannot be reached: ${cause?.message ?? message}.`,
      'Without a connection, download the package elsewhere and choose its file.',
    );
  }
  if (!response.ok)
    throw new InspectorError(
      `${url} answers ${response.status} ${response.statusText}.`,
      'Download the package by hand, or use the CPU.',
    );
  return response;
}

/**
 * Downloads a package to `path`; size and digest are compared before it is called done. Throws an InspectorError where it
 * cannot be had as its registry describes it, and what `signal` was aborted with; no file is left then.
 */
export async function download(
  { file, url, size, algorithm, digest }: Package,
  path: string,
  progress: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const response = await request(url, signal);
  const hash = createHash(algorithm);
  const target = await open(path, 'w');
  let received = 0;
  try {
    for await (const bytes of response.body ?? []) {
      received += bytes.length;
      if (received > size) break;
      hash.update(bytes);
      await target.write(bytes);
      progress(received);
    }
    if (received !== size || hash.digest('base64') !== digest)
      throw new InspectorError(
        received === size
          ? `${file} has another checksum than its registry says.`
          : `${file} has not the size that its registry says.`,
        'Try again; a proxy may have answered in its place.',
      );
  } catch (error) {
    await rm(path, { force: true });
    signal?.throwIfAborted();
    if (error instanceof InspectorError) throw error;
    const { message, cause } = error as Error & { cause?: Error };
    throw new InspectorError(`The download of ${file} broke off: ${cause?.message ?? message}.`, 'Try again.');
  } finally {
    await target.close();
  }
}
