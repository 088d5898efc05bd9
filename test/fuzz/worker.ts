import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { dataTarget } from './data.ts';
import { onnx } from './onnx.ts';
import { ParquetThread } from './parquetThread.ts';
import { runs } from './runs.ts';
import { findingOf, Random, type Target } from './target.ts';
import { text } from './text.ts';

const [group = '', seed = '', first = '0', end = '0', folder = '.', only = '', everyOne = ''] = process.argv.slice(2);
const targets: Readonly<Record<string, () => Target>> = {
  onnx: () => onnx,
  // A single input is read as the product reads it.
  data: () => dataTarget(only ? undefined : new ParquetThread()),
  text: () => text,
  runs: () => runs,
};
/** What one input may take. */
const mostSeconds = 2;
const mostBytes = 500e6;
/** An input that takes longer is tried once more with its processor time measured, which itself takes time. */
const noticedSeconds = 0.7;
/** How often it is said how far it has come. */
const sayMilliseconds = 250;

const target = targets[group]!();
const corpus = join('test', 'fuzz', 'corpus', group);
const stored = existsSync(corpus) ? readdirSync(corpus) : [];
const seeds = [...target.seeds, ...stored.map((name) => new Uint8Array(readFileSync(join(corpus, name))))];

// Who started it has ended, which is heard of in between, or noticed where something is said.
process.on('disconnect', () => process.exit(0));
const say = (message: { readonly index: number; readonly finding?: string }): void => {
  process.send!(message, (error: Error | null) => error && process.exit(0));
};

async function main(): Promise<void> {
  let said = 0;
  let index = Number(first);
  for (; Date.now() < Number(end); index++) {
    const random = new Random(`${group} ${seed} ${index}`);
    // The first inputs are the seeds themselves.
    const bytes = index < seeds.length ? seeds[index]! : target.make(random, random.pick(seeds));
    const now = performance.now();
    if (everyOne || now - said > sayMilliseconds) {
      say({ index });
      // Inputs that never wait leave no turn to what the process hears.
      await turn();
      said = performance.now();
      memory = process.memoryUsage.rss();
    }
    const keep = () => writeFileSync(join(folder, `${group}-${seed}-${index}`), bytes);
    // Before it is tried: it may end the process.
    if (only) keep();
    const finding = await tryInput(bytes);
    if (finding) keep();
    if (finding) say({ index, finding });
    if (only) break;
  }
  say({ index: only ? index + 1 : index });
}

/** Asking for the memory takes as long as a small input; so much of it cannot be taken in a few milliseconds. */
const memoryMilliseconds = 20;
let memory = process.memoryUsage.rss();

async function tryInput(bytes: Uint8Array): Promise<string | undefined> {
  const start = performance.now();
  const finding = await findingIn(bytes);
  if (finding) return finding;
  const elapsed = performance.now() - start;
  if (elapsed < memoryMilliseconds) return undefined;
  const known = memory;
  memory = process.memoryUsage.rss();
  if (memory - known > mostBytes) return `${Math.round((memory - known) / 1e6)} MB more memory`;
  if (elapsed < noticedSeconds * 1000) return undefined;
  const before = process.cpuUsage();
  await findingIn(bytes);
  const { user, system } = process.cpuUsage(before);
  return user + system > mostSeconds * 1e6 ? `${((user + system) / 1e6).toFixed(1)} s of processor time` : undefined;
}

async function findingIn(bytes: Uint8Array): Promise<string | undefined> {
  try {
    await target.run(bytes);
    return undefined;
  } catch (error) {
    return findingOf(error);
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
