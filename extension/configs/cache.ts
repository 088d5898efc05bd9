import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { readBytes } from '../files/regular.ts';
import { writeWhole } from '../files/writing.ts';
import { toolVersion } from '../shared/version.ts';
import type { Language } from './config.ts';
import type { AnalysisResult } from './protocol.ts';
import { isSeen, type Sight } from './workspace.ts';

/** A text, and where it lies. */
export interface CachedText {
  readonly text: string;
  readonly language: Language;
  readonly path: string;
  /** The folder of what it may lead to. */
  readonly root: string;
}

type Kept = Pick<AnalysisResult, 'configs' | 'incomplete'>;

interface Entry extends Kept {
  /** Places in the table of what was seen of other files. */
  readonly sights: readonly number[];
}

interface Content {
  readonly sights: readonly Sight[];
  readonly entries: ReadonlyMap<string, Entry>;
}

/** What a cache holds at most; beyond it what was not used for longest is dropped. */
export const mostBytes = 16 * 2 ** 20;
const fileName = 'scan.cache';
const digestBytes = 32;

const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/**
 * Results of analyses by content, in a file that survives the process. A result is used again only where the program, the language
 * and the text are the same and everything that it saw of other files is still to be seen. What cannot be read, was damaged or comes
 * from another version is as good as not there; what cannot be written is not kept. It never changes a result.
 */
export class AnalysisCache {
  private readonly entries: Map<string, Entry>;
  private readonly sights: Sight[];
  /** Places in the table by content. */
  private readonly places: Map<string, number>;
  /** Of this scan: whether what was seen is still to be seen, by root and place. */
  private readonly holds = new Map<string, boolean>();
  private isChanged = false;

  /** `version` is that of the program and whatever else decides results. */
  constructor(
    private readonly folder: string,
    private readonly version: string = `${toolVersion} ${process.versions.v8}`,
    private readonly limit = mostBytes,
  ) {
    const { entries, sights } = this.read();
    this.entries = new Map(entries);
    this.sights = [...sights];
    this.places = new Map(sights.map((sight, place) => [sight.join('\0'), place]));
  }

  /** The result of an earlier analysis of the same text; undefined where there is none that still holds. */
  find(document: CachedText): Kept | undefined {
    for (const key of keysOf(document)) {
      const entry = this.entries.get(key);
      if (!entry?.sights.every((place) => this.isStillSeen(document.root, place))) continue;
      // The last used stand last.
      this.entries.delete(key);
      this.entries.set(key, entry);
      return entry;
    }
    return undefined;
  }

  /** Keeps a result, unless it came about by limits on time and memory, or does not say what it saw. */
  keep(document: CachedText, { configs, incomplete, sights }: AnalysisResult): void {
    if (!sights || (incomplete !== undefined && incomplete !== 'nested')) return;
    const [alone, placed] = keysOf(document);
    this.entries.set(sights.length === 0 ? alone : placed, {
      configs,
      ...(incomplete && { incomplete }),
      sights: sights.map((sight) => this.placeOf(sight)),
    });
    this.isChanged = true;
  }

  /** Writes what there is, where anything was added. */
  save(): void {
    if (!this.isChanged) return;
    try {
      mkdirSync(this.folder, { recursive: true });
      writeWhole(join(this.folder, fileName), this.bounded());
      this.isChanged = false;
    } catch {
      // A full or read-only disk costs time at the next scan, and nothing else.
    }
  }

  private isStillSeen(root: string, place: number): boolean {
    const key = `${place} ${root}`;
    let known = this.holds.get(key);
    if (known === undefined) {
      known = isSeen(root, this.sights[place]!);
      this.holds.set(key, known);
    }
    return known;
  }

  private placeOf(sight: Sight): number {
    const key = sight.join('\0');
    const known = this.places.get(key);
    if (known !== undefined) return known;
    this.places.set(key, this.sights.length);
    return this.sights.push(sight) - 1;
  }

  /** The bytes of as many of the last used entries as fit. */
  private bounded(): Buffer {
    let entries = [...this.entries];
    for (;;) {
      const bytes = serialize(contentOf(entries, this.sights));
      if (bytes.length <= this.limit || entries.length === 0)
        return Buffer.concat([sha256(this.version, bytes), bytes]);
      entries = entries.slice(Math.ceil(entries.length / 4));
    }
  }

  private read(): Content {
    try {
      const bytes = readBytes(join(this.folder, fileName), 2 * mostBytes);
      const body = bytes.subarray(digestBytes);
      if (sha256(this.version, body).equals(bytes.subarray(0, digestBytes))) return deserialize(body) as Content;
    } catch {
      // None yet, or damaged: it is made anew.
    }
    return { sights: [], entries: new Map() };
  }
}

/** Where it lies matters only to what leads to other files. */
function keysOf({ text, language, path, root }: CachedText): [alone: string, placed: string] {
  const alone = `${language} ${sha256(text).toString('base64')}`;
  return [alone, `${alone} ${root}\0${path}`];
}

/** Entries with those sights alone that they need. */
function contentOf(entries: readonly (readonly [string, Entry])[], all: readonly Sight[]): Content {
  const needed = [...new Set(entries.flatMap(([, { sights }]) => sights))];
  const places = new Map(needed.map((old, place) => [old, place]));
  return {
    sights: needed.map((old) => all[old]!),
    entries: new Map(
      entries.map(([key, entry]) => [key, { ...entry, sights: entry.sights.map((old) => places.get(old)!) }]),
    ),
  };
}
