// How fast convolutions and their gradients run: `node test/bench/conv.mjs [threads] [layers|network]`. Each line is
// measured by turns, so that a busy machine slows all alike, and shows the smallest of several times; judges nothing.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from '../../extension/build.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist', 'bench');
await bundle({ entryPoints: [join(root, 'test', 'bench', 'convolutionPrograms.ts')], outdir: out });
const { layerProgram, networkProgram } = (await import(pathToFileURL(join(out, 'convolutionPrograms.js')).href))
  .default;

const threads = Number(process.argv[2] ?? availableParallelism());
const part = process.argv[3];

/** Smallest time of each program, in milliseconds, taken by turns. */
async function fastest(programs, repetitions) {
  const times = programs.map(() => Number.POSITIVE_INFINITY);
  for (let i = 0; i < repetitions; i++)
    for (const [at, program] of programs.entries()) times[at] = Math.min(times[at], await program.run());
  for (const program of programs) await program.release();
  return times;
}

const layers = [
  { batch: 50, from: 3, to: 16, size: 32, kernel: 3 },
  { batch: 50, from: 16, to: 16, size: 32, kernel: 3 },
  { batch: 50, from: 16, to: 32, size: 16, kernel: 3 },
  { batch: 50, from: 32, to: 32, size: 16, kernel: 3 },
  { batch: 1000, from: 32, to: 32, size: 8, kernel: 3 },
  { batch: 50, from: 16, to: 32, size: 32, kernel: 3, stride: 2 },
  { batch: 50, from: 64, to: 128, size: 16, kernel: 1 },
  { batch: 50, from: 64, to: 64, size: 16, kernel: 3, group: 64 },
  { batch: 50, from: 16, to: 16, size: 32, kernel: 5 },
  { batch: 50, from: 256, to: 256, size: 4, kernel: 3 },
];
if (part !== 'network') {
  console.log(`${threads} thread(s): GFLOP/s of value, data gradient, weight gradient; plain | in blocks of channels`);
  for (const layer of layers) {
    const { batch, from, to, size, kernel, stride = 1, group = 1 } = layer;
    const flops = 2 * kernel ** 2 * (from / group) * to * Math.ceil(size / stride) ** 2 * batch;
    const rates = [];
    for (const form of ['plain', 'blocked']) {
      const kinds = ['value', 'data', 'weights'];
      const programs = await Promise.all(kinds.map((what) => layerProgram(what, layer, form, threads)));
      const times = await fastest(programs, 12);
      rates.push(times.map((time) => (flops / time / 1e6).toFixed(0).padStart(4)).join(' '));
    }
    const name = `${batch}×${from}→${to}, ${size}×${size}, kernel ${kernel}, stride ${stride}, group ${group}`;
    console.log(`${name.padEnd(55)}${rates.join('  |  ')}`);
  }
}
if (part !== 'layers') {
  console.log(`${threads} thread(s): milliseconds for 1,000 images`);
  for (const form of ['plain', 'blocked']) {
    for (const batch of [20, 50, 100]) {
      const kinds = ['gradient', 'product', 'both'];
      const programs = await Promise.all(kinds.map((what) => networkProgram(what, batch, form, threads)));
      const [plain, product, both] = (await fastest(programs, 12)).map((time) => (time * 1000) / batch);
      const text = (time) => `${time.toFixed(0)} (${(time / plain).toFixed(2)}×)`;
      console.log(
        `${form}, chunks of ${batch}: gradient ${plain.toFixed(0)}, with product in one pass ${text(both)}, ` +
          `in two passes ${text(plain + product)}`,
      );
    }
  }
}
