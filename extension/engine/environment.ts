import { delimiter } from 'node:path';
import { withoutTelemetry } from './runtime.ts';

/**
 * Left alone, the C library takes every large tensor anew from the system, page by page, and gives it back at once: a quarter of a
 * large model's time. So the engine keeps up to 256 MiB that it has freed. What the user has set stays.
 */
export const keepingMemory = {
  GLIBC_TUNABLES:
    process.env.GLIBC_TUNABLES ?? `glibc.malloc.mmap_threshold=${2 ** 33}:glibc.malloc.trim_threshold=${2 ** 28}`,
} as const;

let libraries: readonly string[] = [];

/** Folders in which engine processes that are started from now on look for the libraries of CUDA, after the system's own. */
export function useLibraries(folders: readonly string[]): void {
  libraries = folders;
}

/**
 * The environment of processes that are made from this program's own scripts. The editor's executable is a Node only where it
 * is asked to be; the loader reads its path when a process starts.
 */
export function childEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const path = [process.env.LD_LIBRARY_PATH, ...libraries].filter(Boolean).join(delimiter);
  return {
    ...process.env,
    ...withoutTelemetry,
    ELECTRON_RUN_AS_NODE: '1',
    ...(path && { LD_LIBRARY_PATH: path }),
    ...extra,
  };
}
