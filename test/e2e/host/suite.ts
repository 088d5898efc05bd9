import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

interface Case {
  readonly name: string;
  readonly run: () => void | Promise<void>;
}

const cases: Case[] = [];
let notes: string[] = [];
const limitMilliseconds = 90_000;

/** A test that runs in the extension host, after those that were declared before it. */
export function test(name: string, run: () => void | Promise<void>): void {
  cases.push({ name, run });
}

/** A figure that the test tells, beside its outcome. */
export function note(text: string): void {
  notes.push(text);
}

/** Runs every test, one after the other, and writes how each ended beside this bundle. Throws where one failed. */
export async function run(): Promise<void> {
  const path = join(__dirname, process.env.E2E_OUTCOMES!);
  let failed = 0;
  for (const each of cases) {
    notes = [];
    const error = await outcome(each);
    if (error !== undefined) failed++;
    appendFileSync(path, `${JSON.stringify({ name: each.name, error, ...(notes.length > 0 && { notes }) })}\n`);
  }
  if (failed > 0) throw new Error(`${failed} of ${cases.length} tests failed`);
}

async function outcome({ run: body }: Case): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${limitMilliseconds} ms`)), limitMilliseconds);
  });
  try {
    await Promise.race([body(), late]);
    return undefined;
  } catch (error) {
    return (error as Error).stack ?? String(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Repeats `read` until `accept` holds, for at most thirty seconds; the error shows what was read last. */
export async function eventually<T>(read: () => T | PromiseLike<T>, accept: (value: T) => boolean): Promise<T> {
  const until = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (accept(value)) return value;
    if (Date.now() > until) throw new Error(`still not as expected: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
