import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { WritingError, writeWhole } from '../files/writing.ts';
import { isAlive, processToken } from '../runStore/lock.ts';

/** How often who works on a point shows that it still does. */
const beatMilliseconds = 5000;
/** After so long without a sign, a process of another machine is taken to have ended. */
export const silenceMilliseconds = 60_000;

/** Who works on a point. */
export interface Owner {
  readonly host: string;
  readonly process: number;
  /** When its process began, as the system counts: numbers of processes are given again. */
  readonly token: string;
  /** When it began with the point, ISO 8601. */
  readonly started: string;
}

interface Found {
  readonly path: string;
  readonly owner: Owner;
  /** Of its last sign, in milliseconds, by the clock of whoever gave it. */
  readonly beat: number;
}

const claimName = /^claim-.+\.json$/;

/** A name that nobody else has: of this machine, this process and this call. */
export const ownName = (): string =>
  `${hostname().replace(/[^\w.-]+/g, '_')}-${process.pid}-${randomUUID().slice(0, 8)}`;

/** The claims in the folder of a point, those of processes that have ended among them. */
function claimsIn(task: string): Found[] {
  let names: string[];
  try {
    names = readdirSync(task);
  } catch {
    return [];
  }
  return names
    .filter((name) => claimName.test(name))
    .flatMap((name) => {
      const path = join(task, name);
      try {
        const { host, process, token, started } = JSON.parse(readFileSync(path, 'utf8')) as Owner;
        const owner = { host: String(host), process: Number(process), token: String(token), started: String(started) };
        return [{ path, owner, beat: statSync(path).mtimeMs }];
      } catch {
        // It was released in this moment, or is damaged.
        return [];
      }
    });
}

const isHere = ({ host }: Owner): boolean => host === hostname();

/** Whether a process of this machine that has a claim still runs. */
const runsHere = ({ process, token }: Owner): boolean => isAlive(process) && processToken(process) === token;

/** Who works on a point, as far as it can be told at a glance: signs of other machines are read by this one's clock. */
export function ownerOf(task: string): Owner | undefined {
  return claimsIn(task).find(({ owner, beat }) =>
    isHere(owner) ? runsHere(owner) : Date.now() - beat < 2 * silenceMilliseconds,
  )?.owner;
}

/**
 * What keeps two processes, of whatever machines, from working on one point: a file for each that does, named after machine and
 * process, with a sign of life every few seconds. Whoever sees that of another gives way, so that there is no moment in which two
 * could believe that they are alone. Clocks of different machines are not compared: whether another one is silent is watched.
 */
export class Claim {
  private readonly beat: NodeJS.Timeout;

  private constructor(private readonly path: string) {
    this.beat = setInterval(() => this.show(), beatMilliseconds);
    this.beat.unref();
  }

  /**
   * Takes a point; undefined where another process has it. Throws a WritingError where its folder cannot be written to.
   *
   * @param seen what was seen of other machines' claims when it was last tried, which this adds to
   */
  static take(task: string, seen: Sightings): Claim | undefined {
    if (others(task, seen, undefined).length > 0) return undefined;
    const owner: Owner = {
      ...{ host: hostname(), process: process.pid, token: processToken(process.pid) },
      started: new Date().toISOString(),
    };
    const path = join(task, `claim-${ownName()}.json`);
    try {
      mkdirSync(task, { recursive: true });
      writeWhole(path, JSON.stringify(owner));
    } catch (error) {
      throw new WritingError(task, error);
    }
    const claim = new Claim(path);
    if (others(task, seen, path).length === 0) return claim;
    claim.release();
    return undefined;
  }

  release(): void {
    clearInterval(this.beat);
    rmSync(this.path, { force: true });
  }

  private show(): void {
    try {
      const now = new Date();
      utimesSync(this.path, now, now);
    } catch {
      // Whoever has removed it may work on the point, too: results appear whole, and the first one stays.
    }
  }
}

/** When the signs of other machines were last seen to change, by their paths. */
export type Sightings = Map<string, { readonly beat: number; readonly since: number }>;

/** The claims of others that still run; those of processes that have ended are removed. */
function others(task: string, seen: Sightings, own: string | undefined): Owner[] {
  return claimsIn(task).flatMap(({ path, owner, beat }) => {
    if (path === own) return [];
    if (isHere(owner) ? runsHere(owner) : !isSilent(path, beat, seen)) return [owner];
    rmSync(path, { force: true });
    return [];
  });
}

/** Whether a sign has not changed for long while this process watched it. */
function isSilent(path: string, beat: number, seen: Sightings): boolean {
  const now = performance.now();
  const known = seen.get(path);
  if (known?.beat !== beat) {
    seen.set(path, { beat, since: now });
    return false;
  }
  return now - known.since > silenceMilliseconds;
}
