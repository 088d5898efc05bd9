// The processes that a comparison runs in turns: this program, and PyTorch and JAX where a Python has them (environment
// variable PYTHON, default python3).
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../extension/build.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const python = process.env.PYTHON ?? 'python3';

/** Where the program's side is bundled to and results are stored. */
export const out = join(root, 'dist', 'bench');

export const bundleParticipant = () =>
  bundle({
    entryPoints: [
      { in: join(root, 'test/bench/participant.ts'), out: 'participant' },
      { in: join(root, 'extension/laneWorker.ts'), out: 'laneWorker' },
      { in: join(root, 'extension/engine/environment.ts'), out: 'environment' },
    ],
    outdir: out,
  });

/** A process that answers lines with lines. */
export class Participant {
  constructor(name, command, args, env = {}) {
    this.name = name;
    this.child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, BENCH_THREADS: String(cpus().length), ...env },
    });
    // One that has ended is noticed by what it does not answer.
    this.child.stdin.on('error', () => {});
    this.child.on('error', () => {});
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    /** Milliseconds of steps by kind, and those that its processors worked. */
    this.times = {};
    this.work = {};
  }

  async next() {
    const { value, done } = await this.lines.next();
    return done ? undefined : JSON.parse(value);
  }

  /** Waits for the greeting; false where the process ended instead. */
  async greet() {
    this.greeting = await this.next();
    if (!this.greeting) return false;
    this.child.kill('SIGSTOP');
    this.name = this.greeting.version ?? this.name;
    return true;
  }

  /** Asks while the process runs; between questions it stands still, so that idle threads which spin disturb nobody. */
  async ask(line) {
    this.child.kill('SIGCONT');
    this.child.stdin.write(`${line}\n`);
    const answer = await this.next();
    if (!answer) throw new Error(`${this.name} has ended`);
    this.child.kill('SIGSTOP');
    return answer;
  }

  /** One step (or one lot of mini-batch steps) to warm up and `count` with their times. */
  async turn(kind, count) {
    this.times[kind] ??= [];
    this.work[kind] ??= [];
    await this.ask(kind);
    for (let i = 0; i < count; i++) {
      const { milliseconds, cpu } = await this.ask(kind);
      this.times[kind].push(milliseconds);
      this.work[kind].push(cpu);
    }
  }

  close() {
    this.child.kill('SIGKILL');
  }
}

const has = (module) => spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
export const hasTorch = has('torch');
const peers = [...(hasTorch ? [['PyTorch', 'peer_torch.py']] : []), ...(has('jax') ? [['JAX', 'peer_jax.py']] : [])];

/** This program, in the environment of its engine. */
export const ours = (args, env) => {
  const { keepingMemory } = createRequire(import.meta.url)(join(out, 'environment.js'));
  return new Participant('this program', process.execPath, [join(out, 'participant.js'), ...args], {
    ...keepingMemory,
    ...env,
  });
};
const peer = (name, file, args, env) => new Participant(name, python, [join(root, 'test/bench', file), ...args], env);
export const others = (args) => peers.map(([name, file]) => peer(name, file, args));
/** PyTorch on a device, in one of its ways: eager, compiled or graph. */
export const torchOn = (device, mode, args) =>
  peer(`PyTorch ${mode}`, 'peer_torch.py', args, { BENCH_DEVICE: device, BENCH_MODE: mode });
