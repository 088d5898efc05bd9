import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  comparisonIn,
  isUnfinished,
  pointRuns,
  resultIn,
  unfinishedSweep,
} from '../../extension/features/experiments/folders.ts';
import { entriesIn, pointEntries, stateOf } from '../../extension/features/runs/entries.ts';
import { readCompare } from '../../extension/jobs/compareFolder.ts';
import { readExperiment } from '../../extension/jobs/store.ts';
import { readSweep } from '../../extension/jobs/sweepFolder.ts';
import { runIn } from '../../extension/runStore/list.ts';
import { readSource } from '../../extension/runStore/source.ts';
import { readRun } from '../../extension/runStore/store.ts';
import { findingOf, memory, mutateBytes, mutateJson, mutateText, type Target } from './target.ts';

/** The files of a run, one after the other with their names, in one input. */
const separator = '\n=== ';
const folders = ['run', 'sweep', 'compare'].map((kind) => readFileSync(`test/fuzz/seeds/${kind}Folder.txt`));

const root = mkdtempSync(join(memory(), 'fuzz-runs-'));
const parent = join(root, 'runs');
const folder = join(parent, 'one');
mkdirSync(join(folder, 'points'), { recursive: true });
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const files = [
  'run.json',
  'steps.jsonl',
  'source.json',
  'experiment.json',
  'series.json',
  'sweep.json',
  'compare.json',
];

/** What the files hold, most of which stay as they are from input to input. */
const present = new Map<string, string | undefined>();

export const runs: Target = {
  seeds: folders.map((content) => new Uint8Array(content)),
  make: (random, seed) => {
    if (random.chance(0.2)) return mutateBytes(random, seed);
    const parts = new TextDecoder().decode(seed).split(separator);
    const at = random.below(parts.length);
    const changed = parts.map((part, i) => {
      if (i !== at) return part;
      const start = part.indexOf('\n') + 1;
      const [name, content] = [part.slice(0, start), part.slice(start)];
      if (random.chance(0.3)) return name + mutateText(random, content, ['{', '[', '"', ',', 'null', '\n', '1e400']);
      try {
        const lines = name.includes('jsonl') ? content.trim().split('\n') : [content];
        const mutated = lines.map((line) =>
          random.chance(1 / lines.length) ? JSON.stringify(mutateJson(random, JSON.parse(line))) : line,
        );
        return `${name}${mutated.join('\n')}\n`;
      } catch {
        return part;
      }
    });
    return new TextEncoder().encode(changed.join(separator));
  },
  run: (bytes) => {
    const contents = new Map<string, string>();
    for (const part of new TextDecoder().decode(bytes).split(separator)) {
      const start = part.indexOf('\n');
      contents.set(part.slice(0, start).replace('=== ', '').trim(), part.slice(start + 1));
    }
    for (const name of files) {
      const content = contents.get(name);
      if (content === present.get(name)) continue;
      if (content === undefined) rmSync(join(folder, name));
      else writeFileSync(join(folder, name), content);
      present.set(name, content);
    }
    runIn(folder);
    readSource(folder);
    for (const entry of entriesIn(root)) {
      stateOf(entry);
      if (entry.kind === 'sweep') pointEntries(folder, entry.sweep);
      if (entry.kind === 'experiment') isUnfinished(folder, entry.experiment);
    }
    unfinishedSweep(folder);
    comparisonIn(folder);
    pointRuns(folder);
    for (const read of [readRun, readExperiment, readSweep, readCompare, resultIn])
      try {
        read(folder);
      } catch (error) {
        const finding = findingOf(error);
        if (finding) throw error;
      }
  },
};
