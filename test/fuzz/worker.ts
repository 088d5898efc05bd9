import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { data } from './data.ts';
import { onnx } from './onnx.ts';
import { runs } from './runs.ts';
import { findingOf, Random, type Target } from './target.ts';
import { text } from './text.ts';

const targets: Readonly<Record<string, Target>> = { onnx, data, text, runs };
/** What one input may take. */
const mostSeconds = 2;
const mostBytes = 500e6;

const [group = '', seed = '', first = '0', end = '0', folder = '.', only = ''] = process.argv.slice(2);
const target = targets[group]!;
const corpus = join('test', 'fuzz', 'corpus', group);
const stored = existsSync(corpus) ? readdirSync(corpus) : [];
const seeds = [...target.seeds, ...stored.map((name) => new Uint8Array(readFileSync(join(corpus, name))))];

async function main(): Promise<void> {
  for (let index = Number(first); Date.now() < Number(end); index++) {
    const random = new Random(`${group} ${seed} ${index}`);
    // The first inputs are the seeds themselves.
    const bytes = index < seeds.length ? seeds[index]! : target.make(random, random.pick(seeds));
    process.send!({ index });
    const finding = await tryInput(bytes);
    if (finding || only) writeFileSync(join(folder, `${group}-${seed}-${index}`), bytes);
    process.send!({ index, finding, finished: true });
    if (only) break;
  }
}

async function tryInput(bytes: Uint8Array): Promise<string | undefined> {
  const before = process.cpuUsage();
  const memory = process.memoryUsage.rss();
  try {
    await target.run(bytes);
  } catch (error) {
    const finding = findingOf(error);
    if (finding) return finding;
  }
  const { user, system } = process.cpuUsage(before);
  if (user + system > mostSeconds * 1e6) return `${((user + system) / 1e6).toFixed(1)} s of processor time`;
  const grown = process.memoryUsage.rss() - memory;
  return grown > mostBytes ? `${Math.round(grown / 1e6)} MB more memory` : undefined;
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
