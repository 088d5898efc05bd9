import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type DatasetSpec, loadDataset } from '../../extension/datasets/dataset.ts';
import { checkFinite, checkLength, limitSamples } from '../../extension/datasets/samples.ts';
import { changedSet, setSeeds, singles, structured, unpacked } from './dataSets.ts';
import type { ParquetThread } from './parquetThread.ts';
import { memory, mutateBytes, type Target } from './target.ts';

const folder = mkdtempSync(join(memory(), 'fuzz-data-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
/** CSV is known by its name only; what is recognised by content may have any. */
const single = join(folder, 'data.csv');

const isParquet = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PAR1';

async function load(spec: DatasetSpec): Promise<void> {
  const dataset = await loadDataset(spec);
  const [samples, labels] = [dataset.arrays.get('x'), dataset.arrays.get('y')];
  if (samples) checkLength(samples, labels, dataset.places);
  for (const [name, tensor] of dataset.arrays) checkFinite(name, tensor);
  if (samples) limitSamples(dataset, 2);
}

/** Reads a set of files, in a folder of their own. */
async function loadSet({ spec, files }: NonNullable<ReturnType<typeof unpacked>>): Promise<void> {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  for (const [name, content] of Object.entries(files))
    if (name !== '' && name === basename(name) && !/^\.*$|\0/.test(name)) writeFileSync(join(folder, name), content);
  const placed = (paths: string | undefined) =>
    paths
      ?.split(',')
      .map((path) => join(folder, path))
      .join(',');
  await load({ ...spec, data: placed(spec.data), x: placed(spec.x), y: placed(spec.y) });
}

/** `thread` reads Parquet files, where that is not to take a new thread for each, as in the product. */
export const dataTarget = (thread?: ParquetThread): Target => ({
  seeds: [...singles, ...setSeeds],
  make: (random, seed) => {
    const set = unpacked(seed);
    if (set) return changedSet(random, set);
    // There are many kinds of Parquet files, and most of what is changed in them is told by their library.
    const share = isParquet(seed) ? 0.2 : 0.5;
    return random.chance(share) ? mutateBytes(random, seed) : structured(random);
  },
  run: async (bytes) => {
    const set = unpacked(bytes);
    if (set) return loadSet(set);
    writeFileSync(single, bytes);
    if (thread && isParquet(bytes)) return thread.read(single);
    await load({ data: single });
  },
});

export const data = dataTarget();
