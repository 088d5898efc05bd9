// Compares the time of a plain step and of a step with correction, interleaved in one run, with PyTorch and JAX where a Python
// has them (environment variable PYTHON, default python3). `npm run bench [-- quick]`. Whoever has its turn makes one step that
// is not timed, for it finds the caches as another process left them, and then some that are: a run is steps in a row.
import { spawn, spawnSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../extension/build.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist', 'bench');
const python = process.env.PYTHON ?? 'python3';
const quick = process.argv.includes('quick');
const rounds = quick ? 2 : 5;
const stepsInTurn = 3;
const roundsAlone = 2;

await bundle({
  entryPoints: [
    { in: join(root, 'test/bench/participant.ts'), out: 'participant' },
    { in: join(root, 'extension/laneWorker.ts'), out: 'laneWorker' },
  ],
  outdir: out,
});

/** A process that answers lines with lines. */
class Participant {
  constructor(name, command, args) {
    this.name = name;
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, BENCH_THREADS: String(cpus().length) },
    });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.times = { plain: [], corrected: [] };
  }

  async next() {
    const { value, done } = await this.lines.next();
    return done ? undefined : JSON.parse(value);
  }

  /** Asks while the process runs; between questions it stands still, so that idle threads which spin disturb nobody. */
  async ask(line) {
    this.child.kill('SIGCONT');
    this.child.stdin.write(`${line}\n`);
    const answer = await this.next();
    this.child.kill('SIGSTOP');
    return answer;
  }

  /** One step to warm up and `stepsInTurn` with their times. */
  async turn(kind) {
    await this.ask(kind);
    for (let i = 0; i < stepsInTurn; i++) this.times[kind].push((await this.ask(kind)).milliseconds);
  }

  close() {
    this.child.kill('SIGKILL');
  }
}

const has = (module) => spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
const peers = [
  ...(has('torch') ? [['PyTorch', 'peer_torch.py']] : []),
  ...(has('jax') ? [['JAX', 'peer_jax.py']] : []),
];
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const ours = (args) => new Participant('this program', process.execPath, [join(out, 'participant.js'), ...args]);

/** Runs all participants of a network in turns and prints a row for each. */
async function compare(title, args, { plainOnly = false } = {}) {
  const participants = [
    ours(args),
    ...peers.map(([name, file]) => new Participant(name, python, [join(root, 'test/bench', file), ...args])),
  ];
  const ready = [];
  for (const participant of participants) {
    const greeting = await participant.next();
    if (greeting) {
      participant.child.kill('SIGSTOP');
      participant.name = greeting.version ?? participant.name;
      participant.greeting = greeting;
      ready.push(participant);
    }
  }
  const kinds = plainOnly ? ['plain'] : ['plain', 'corrected'];
  for (let round = 0; round < rounds; round++)
    for (const kind of kinds) for (const participant of ready) await participant.turn(kind);
  console.log(`\n${title}`);
  const [first] = ready;
  for (const participant of ready) {
    const { megabytes } = await participant.ask('memory');
    const [plain, corrected] = [median(participant.times.plain), median(participant.times.corrected)];
    const against =
      participant === first
        ? ''
        : `  this program: ${(median(first.times.plain) / plain).toFixed(2)} / ${(median(first.times.corrected) / corrected).toFixed(2)} of it`;
    console.log(
      `  ${participant.name.padEnd(18)} plain ${plain.toFixed(0).padStart(6)} ms  corrected ${corrected.toFixed(0).padStart(6)} ms  ratio ${(corrected / plain).toFixed(2)}  peak ${megabytes} MB${against}`,
    );
  }
  for (const participant of participants) participant.close();
  return first;
}

/** This program alone: time, memory and loading of a network. */
async function alone(title, args) {
  const participant = ours(args);
  const greeting = await participant.next();
  for (let round = 0; round < roundsAlone; round++)
    for (const kind of ['plain', 'corrected']) await participant.turn(kind);
  const { megabytes } = await participant.ask('memory');
  participant.close();
  const { plain, corrected } = participant.times;
  console.log(
    `  ${title.padEnd(44)} plain ${median(plain).toFixed(0).padStart(6)} ms  corrected ${median(corrected).toFixed(0).padStart(6)} ms  peak ${String(megabytes).padStart(5)} MB  build ${greeting.build.toFixed(0)} ms  load ${greeting.load.toFixed(0)} ms`,
  );
}

console.log(
  `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}; medians of ${rounds * stepsInTurn} steps in ${rounds} interleaved turns`,
);
await compare('MLP 784-512-512-10, GELU, 10,000 samples (multiplications: corrected/plain 2.5)', [
  'mlp',
  '10000',
  '0',
  '784',
  '512',
  '512',
  '10',
]);
await compare('CNN 16-16-32-32, SiLU, 1,000 images of 3×32×32', ['cnn', '1000', '0']);
if (!quick) await compare('ResNet bottleneck 64-64-256, 100 images of 3×32×32', ['resnet', '100', '0']);
console.log(`\nGrowth with samples, parameters and depth (MLP; medians of ${roundsAlone * stepsInTurn} steps)`);
await alone('784-512-512-10, 1,000 samples', ['mlp', '1000', '0', '784', '512', '512', '10']);
await alone('784-512-512-10, 40,000 samples', ['mlp', '40000', '0', '784', '512', '512', '10']);
await alone('784-512-512-10, 40,000 samples in 500s', ['mlp', '40000', '500', '784', '512', '512', '10']);
await alone('256-256×8-10, 2,000 samples', ['mlp', '2000', '0', ...new Array(9).fill('256'), '10']);
await alone('256-256×16-10, 2,000 samples', ['mlp', '2000', '0', ...new Array(17).fill('256'), '10']);
await alone('784-4096-4096-1024-10 (25 M), 256 samples', ['mlp', '256', '0', '784', '4096', '4096', '1024', '10']);
