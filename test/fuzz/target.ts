import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';

/** A group of inputs: where they come from and what is done with one. */
export interface Target {
  /** Inputs to start from, of which others are made by mutation. */
  readonly seeds: readonly Uint8Array[];
  /** A new input; `seed` is one of the seeds. */
  make(random: Random, seed: Uint8Array): Uint8Array;
  /** Does with an input what the product does, and `thoroughly` all that it may do. Throws what the product throws. */
  run(bytes: Uint8Array, thoroughly?: boolean): void | Promise<void>;
}

/** A folder for files of a moment: in memory where the system has one. */
export const memory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());

/** Words of the language, not ours. */
export const foreign =
  /Cannot (read|set|convert|mix|destructure)|is not (a function|iterable|an object|defined)|(?<!element type )undefined|(?<!holds )\bNaN\b|Invalid (array length|typed array|string length|count)|Internal error|should not happen|call stack|BigInt|Unexpected (token|end of JSON)|circular structure|out of bounds/;

/** What a terminal obeys, or reads from the other side; names of a file must be told without. */
export const obeyed = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Why what a target threw is a finding; undefined where it is a message of ours. */
export function findingOf(error: unknown): string | undefined {
  // What stands in quotes is of the input.
  if (error instanceof InspectorError) {
    if (obeyed.test(describeError(error)))
      return `a message that a terminal obeys: ${JSON.stringify(describeError(error))}`;
    return foreign.test(error.message.replace(/"[^"]*"/g, '""'))
      ? `a message of the language: ${error.message}`
      : undefined;
  }
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack, cause } = error;
  return `${name}: ${message}\n${cause instanceof Error ? cause.stack : stack}`;
}

/** A whole number below 2³² that tells inputs apart (FNV-1a). */
export function checksum(bytes: Uint8Array): number {
  let hash = 2166136261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16777619);
  return hash >>> 0;
}

/** Numbers of one input. */
export class Random {
  private state: number;

  constructor(seed: string) {
    this.state = checksum(new TextEncoder().encode(seed));
  }

  /** In [0, 1) (mulberry32). */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `least` to `most` results of `make`. */
  some<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make);
  }
}

/** Numbers where programs go wrong. */
export const oddNumbers = [
  0,
  1,
  -1,
  2,
  3,
  4,
  7,
  8,
  255,
  256,
  1e5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53,
  2 ** 62,
  -(2 ** 63),
];

/** Bytes changed, removed, repeated or cut. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let result: Uint8Array = Uint8Array.from(bytes);
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(result.length + 1);
    const length = Math.min(result.length - at, random.pick([1, 1, 2, 4, 8, 64]));
    const [before, part, behind] = [
      result.subarray(0, at),
      result.slice(at, at + length),
      result.subarray(at + length),
    ];
    switch (random.below(6)) {
      case 0:
        for (let k = 0; k < part.length; k++) part[k] = random.below(256);
        result = join(before, part, behind);
        break;
      case 1:
        if (part.length > 0) part[0]! ^= 1 << random.below(8);
        result = join(before, part, behind);
        break;
      case 2:
        result = join(before, behind);
        break;
      case 3:
        result = join(before, part, part, behind);
        break;
      case 4:
        result = join(
          before,
          Uint8Array.from(random.some(1, 8, () => random.pick([0, 1, 127, 128, 255]))),
          part,
          behind,
        );
        break;
      default:
        if (random.chance(0.3)) result = Uint8Array.from(before);
    }
  }
  return result;
}

const join = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));

/** Text changed: bytes, numbers, pieces of it twice or elsewhere, nesting. */
export function mutateText(random: Random, text: string, words: readonly string[]): string {
  let result = text;
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(result.length + 1);
    const length = random.pick([1, 3, 10, 40]);
    const part = result.slice(at, at + length);
    switch (random.below(6)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 1:
        result = result.slice(0, at) + random.pick(words) + result.slice(at);
        break;
      case 2: {
        const to = random.below(result.length + 1);
        result = result.slice(0, to) + part + result.slice(to);
        break;
      }
      case 3:
        result = result.replace(/-?\d[\d.e-]*/g, (number) =>
          random.chance(0.2) ? String(random.pick(oddNumbers)) : number,
        );
        break;
      case 4:
        result = result.slice(0, at) + random.pick(words).repeat(random.pick([2, 30, 300])) + result.slice(at);
        break;
      default:
        result = new TextDecoder().decode(mutateBytes(random, new TextEncoder().encode(result)));
    }
  }
  return result;
}

/** A value of JSON with one or a few places changed. */
export function mutateJson(random: Random, value: unknown): unknown {
  const odd = (): unknown =>
    random.pick<unknown>([null, true, '', 'x', [], {}, -1, 1e300, 5e-324, 'NaN', [[]], { length: 3 }, ...oddNumbers]);
  if (random.chance(0.08)) return odd();
  if (Array.isArray(value)) {
    const copy = value.slice(0, 50);
    if (random.chance(0.1)) copy.splice(random.below(copy.length + 1), 1);
    const at = random.below(copy.length + 1);
    return copy.map((item, i) => (i === at ? mutateJson(random, item) : item));
  }
  if (typeof value !== 'object' || value === null) return random.chance(0.3) ? odd() : value;
  const entries = Object.entries(value);
  if (random.chance(0.1)) entries.splice(random.below(entries.length + 1), 1);
  const at = random.below(entries.length + 1);
  return Object.fromEntries(entries.map(([key, item], i) => [key, i === at ? mutateJson(random, item) : item]));
}
