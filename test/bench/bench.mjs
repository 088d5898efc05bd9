// Compares the time of steps, interleaved in one run, with PyTorch and JAX. `npm run bench [-- quick] [ROW…] [store]` runs some
// of the rows below, or all but the largest; it writes what it measured as JSON and prints the change against what is stored of
// the same machine; `store` stores it. Whoever has its turn makes one step that is not timed, for it finds the caches as another process
// left them, and then some that are: a run is steps in a row.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { bundle, bundleWebviews } from '../../extension/build.mjs';
import { bundleParticipant, hasTorch, others, ours, out, root, torchOn } from './participant.mjs';

const words = process.argv.slice(2);
const quick = words.includes('quick');
const rounds = quick ? 2 : 5;
const stepsInTurn = 3;
const roundsAlone = 2;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** For numbers from microseconds to minutes. */
const shown = (milliseconds) => milliseconds.toPrecision(3).padStart(8);

/** What was measured: by row, participant and kind of step. */
const results = {};

const kindNames = { plain: 'plain', corrected: 'corrected', minibatch: 'a step' };

/** Runs all participants of a network in turns and prints a row for each. */
async function compare(title, args, kinds = ['plain', 'corrected']) {
  const participants = [ours(args), ...others(args)];
  const ready = [];
  for (const participant of participants) if (await participant.greet()) ready.push(participant);
  for (let round = 0; round < rounds; round++)
    for (const kind of kinds) for (const participant of [...ready]) await turn(ready, participant, kind);
  for (const participant of ready) Object.assign(participant, await participant.ask('memory'));
  report(title, ready, kinds);
  for (const participant of participants) participant.close();
}

/** The same of a network so large that only one participant at a time has memory for it: this program, then PyTorch. */
async function compareLarge(title, args) {
  const kinds = ['plain', 'corrected'];
  const ready = [];
  for (const make of [ours, ...(hasTorch ? [(given) => torchOn('cpu', 'eager', given)] : [])]) {
    const participant = make(args);
    if (await participant.greet()) {
      for (const kind of kinds) await participant.turn(kind, 1);
      ready.push(Object.assign(participant, await participant.ask('memory')));
    }
    participant.close();
  }
  report(title, ready, kinds);
}

/** Prints a row for each participant and keeps its medians. */
function report(title, ready, kinds) {
  console.log(`\n${title}`);
  const [first] = ready;
  const own = (kind) => median(first.times[kind]);
  for (const participant of ready) {
    const { megabytes } = participant;
    const times = kinds.map((kind) => [kind, median(participant.times[kind]), median(participant.work[kind])]);
    results[title] ??= {};
    results[title][participant.name] = {
      megabytes,
      ...Object.fromEntries(times.map(([kind, milliseconds, cpu]) => [kind, { milliseconds, cpu }])),
    };
    const columns = times.map(([kind, ms, cpu]) => `${kindNames[kind]} ${shown(ms)} ms (processors ${shown(cpu)})`);
    const ratio = kinds.length === 2 ? `  ratio ${(times[1][1] / times[0][1]).toFixed(2)}` : '';
    const against =
      participant === first
        ? ''
        : `  this program: ${times.map(([kind, ms]) => (own(kind) / ms).toFixed(2)).join(' / ')} of it`;
    console.log(`  ${participant.name.padEnd(18)} ${columns.join('  ')}${ratio}  peak ${megabytes} MB${against}`);
  }
}

/** A turn of a participant; a peer that ends in the middle of it is left out from there on. */
async function turn(ready, participant, kind) {
  try {
    await participant.turn(kind, stepsInTurn);
  } catch (error) {
    if (participant === ready[0]) throw error;
    console.error(`${error.message}; it is left out.`);
    ready.splice(ready.indexOf(participant), 1);
  }
}

/** This program alone: time, memory and loading of a network. */
async function alone(title, args) {
  const participant = ours(args);
  await participant.greet();
  for (let round = 0; round < roundsAlone; round++)
    for (const kind of ['plain', 'corrected']) await participant.turn(kind, stepsInTurn);
  const { megabytes } = await participant.ask('memory');
  participant.close();
  const { greeting } = participant;
  const [plain, corrected] = [median(participant.times.plain), median(participant.times.corrected)];
  results[title] = {
    [participant.name]: { megabytes, plain: { milliseconds: plain }, corrected: { milliseconds: corrected } },
  };
  console.log(
    `  ${title.padEnd(44)} plain ${plain.toFixed(0).padStart(6)} ms  corrected ${corrected.toFixed(0).padStart(6)} ms  peak ${String(megabytes).padStart(5)} MB  build ${greeting.build.toFixed(0)} ms  load ${greeting.load.toFixed(0)} ms`,
  );
}

const rows = {
  mlp: () =>
    compare('MLP 784-512-512-10, GELU, 10,000 samples (multiplications: corrected/plain 2.5)', [
      ...['mlp', '10000', '0', '784', '512', '512', '10'],
    ]),
  cnn: () => compare('CNN 16-16-32-32, SiLU, 1,000 images of 3×32×32', ['cnn', '1000', '0']),
  resnet: () => compare('ResNet bottleneck 64-64-256, 100 images of 3×32×32', ['resnet', '100', '0']),
  // Arguments: vocabulary, width, tokens of a sequence, layers.
  gpt: async () => {
    await compare('GPT, 2 layers of 64, 256 sequences of 64 tokens', [...['gpt', '256', '0'], '64', '64', '64', '2']);
    await compare('GPT, 4 layers of 256, 64 sequences of 128 tokens', [
      ...['gpt', '64', '0'],
      '256',
      '256',
      '128',
      '4',
    ]);
  },
  // Arguments: as above with the size of the mini-batches in place of that of the passes, and how many steps are a lot.
  minibatch: async () => {
    await compare(
      'Mini-batches of 32: MLP 64-32-10, GELU, 1,797 samples',
      ['mlp', '1797', 'batch=32x570', '64', '32', '10'],
      ['minibatch'],
    );
    await compare(
      'Mini-batches of 128: CNN 16-16-32-32, SiLU, 1,000 images of 3×32×32',
      ['cnn', '1000', 'batch=128x16'],
      ['minibatch'],
    );
  },
  growth: async () => {
    console.log(`\nGrowth with samples, parameters and depth (MLP; medians of ${roundsAlone * stepsInTurn} steps)`);
    await alone('784-512-512-10, 1,000 samples', ['mlp', '1000', '0', '784', '512', '512', '10']);
    await alone('784-512-512-10, 40,000 samples', ['mlp', '40000', '0', '784', '512', '512', '10']);
    await alone('784-512-512-10, 40,000 samples in 500s', ['mlp', '40000', '500', '784', '512', '512', '10']);
    await alone('256-256×8-10, 2,000 samples', ['mlp', '2000', '0', ...new Array(9).fill('256'), '10']);
    await alone('256-256×16-10, 2,000 samples', ['mlp', '2000', '0', ...new Array(17).fill('256'), '10']);
    await alone('784-4096-4096-1024-10 (25 M), 256 samples', ['mlp', '256', '0', '784', '4096', '4096', '1024', '10']);
  },
  page,
  // Half an hour, and 13 GB.
  large: async () => {
    await compareLarge('ResNet-50 for CIFAR (23.5 M), 500 images in ghost batches of 25', ['resnet50', '500', '25']);
    await compareLarge("GPT-2's size (162 M), 8 sequences of 256 tokens, micro-batches of 2", [
      ...['gpt', '8', '2'],
      ...['50257', '768', '256', '12'],
    ]);
  },
};
/** Rows that are run where none is named. */
const usual = Object.keys(rows).filter((name) => name !== 'large');

/** What the panel's page spends on a record of a run that goes on; in Chromium, as its tests. */
async function page() {
  const options = { entryPoints: [join(root, 'test/bench/page.ts')], outdir: out };
  await bundle({ ...options, external: ['onnxruntime-node', 'vscode', 'playwright-core'] });
  await bundleWebviews();
  const costs = JSON.parse(execFileSync(process.execPath, [join(out, 'page.js')], { encoding: 'utf8' }));
  console.log('\nPanel, 400 tensors, for each record of a run that goes on (thread milliseconds)');
  for (const [tab, { script, frame, frames }] of Object.entries(costs))
    console.log(
      `  ${tab.padEnd(12)} script ${shown(script)}  style, layout, paint ${shown(frame)}  frames ${shown(frames)}`,
    );
}

/** Prints how this program's times differ from those that are stored of this machine. */
function printChange(stored) {
  console.log(`\nChange against ${stored.date}, this program alone and in units of its fastest peer:`);
  const fastest = (row, kind) =>
    Math.min(
      ...Object.entries(row).flatMap(([name, kinds]) =>
        name === 'this program' || !kinds[kind] ? [] : [kinds[kind].milliseconds],
      ),
    );
  for (const [title, row] of Object.entries(results)) {
    const before = stored.results[title];
    if (!before) continue;
    for (const [kind, { milliseconds }] of Object.entries(row['this program'])) {
      const was = before['this program'][kind]?.milliseconds;
      if (was === undefined) continue;
      const relative = milliseconds / fastest(row, kind) / (was / fastest(before, kind));
      const change = (factor) =>
        Number.isFinite(factor) ? `${factor >= 1 ? '+' : '−'}${Math.abs(100 * (factor - 1)).toFixed(0)} %` : '–';
      console.log(`  ${title}, ${kindNames[kind]}: ${change(milliseconds / was)}, relative ${change(relative)}`);
    }
  }
}

const unknown = words.filter((word) => !['quick', 'store', ...Object.keys(rows)].includes(word));
if (unknown.length > 0) {
  console.error(
    `There is no row ${unknown.join(', ')}. Rows are ${Object.keys(rows).join(', ')}; "quick" takes fewer turns, "store" keeps the result.`,
  );
  process.exit(2);
}
await bundleParticipant();
const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
console.log(
  `${machine}, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; medians of ${rounds * stepsInTurn} steps in ${rounds} interleaved turns`,
);
const wanted = Object.keys(rows).filter((name) => words.includes(name));
mkdirSync(out, { recursive: true });
const resultAt = join(out, 'result.json');
const record = {
  date: new Date().toISOString(),
  machine,
  load: loadavg(),
  node: process.versions.node,
  quick,
  results,
};
for (const name of wanted.length > 0 ? wanted : usual) {
  await rows[name]();
  // What was measured stays where the rest is not waited for.
  writeFileSync(resultAt, `${JSON.stringify(record, undefined, 2)}\n`);
}
const slug = machine.replace(/[^\w]+/g, '-');
const storedAt = join(out, `stored-${slug}.json`);
const stored = existsSync(storedAt) ? JSON.parse(readFileSync(storedAt, 'utf8')) : undefined;
if (stored) printChange(stored);
if (words.includes('store'))
  writeFileSync(
    storedAt,
    `${JSON.stringify({ ...record, results: { ...stored?.results, ...results } }, undefined, 2)}\n`,
  );
console.log(`\nWrote ${resultAt}${words.includes('store') ? ` and ${storedAt}` : ''}.`);
