import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

const ownName = 'optimizer-bias-inspector';

/**
 * Where this program may keep what it can make again: `XDG_CACHE_HOME` where it is set, else what the system has for it. Undefined
 * where the user has no home. Nothing is created.
 */
export function userCacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const named = env.XDG_CACHE_HOME;
  // The specification ignores relative paths.
  if (named !== undefined && isAbsolute(named)) return join(named, ownName);
  if (platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, ownName, 'Cache');
  const home = homeOf();
  if (home === undefined) return undefined;
  return join(home, platform === 'darwin' ? join('Library', 'Caches') : '.cache', ownName);
}

/**
 * Where this program may keep what is the user's and not a cache: `XDG_DATA_HOME` where it is set, else what the system has for it.
 * Undefined where the user has no home. Nothing is created.
 */
export function userDataFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const named = env.XDG_DATA_HOME;
  if (named !== undefined && isAbsolute(named)) return join(named, ownName);
  if (platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, ownName, 'Data');
  const home = homeOf();
  if (home === undefined) return undefined;
  return join(home, platform === 'darwin' ? join('Library', 'Application Support') : join('.local', 'share'), ownName);
}

function homeOf(): string | undefined {
  try {
    const home = homedir();
    return isAbsolute(home) ? home : undefined;
  } catch {
    return undefined;
  }
}
