import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readExperiment } from '../../extension/jobs/store.ts';
import { runIn } from '../../extension/runStore/list.ts';
import { readSource } from '../../extension/runStore/source.ts';
import { readRun } from '../../extension/runStore/store.ts';
import { memory, mutateBytes, mutateJson, mutateText, type Target } from './target.ts';

/** The files of a run, one after the other with their names, in one input. */
const separator = '\n=== ';
const whole = readFileSync('test/fuzz/runFolder.txt', 'utf8');

const folder = mkdtempSync(join(memory(), 'fuzz-runs-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const files = ['run.json', 'steps.jsonl', 'source.json', 'experiment.json', 'series.json'];

export const runs: Target = {
  seeds: [new TextEncoder().encode(whole)],
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
    for (const name of files) rmSync(join(folder, name), { force: true });
    for (const part of new TextDecoder().decode(bytes).split(separator)) {
      const start = part.indexOf('\n');
      const name = part.slice(0, start).replace('=== ', '').trim();
      if (files.includes(name)) writeFileSync(join(folder, name), part.slice(start + 1));
    }
    runIn(folder);
    readSource(folder);
    for (const read of [readRun, readExperiment])
      try {
        read(folder);
      } catch (error) {
        if ((error as Error).name !== 'InspectorError') throw error;
      }
  },
};
