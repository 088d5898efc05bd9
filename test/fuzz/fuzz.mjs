// `npm run fuzz -- onnx|data|text|runs [--minutes N] [--seed S] [--only INDEX]`: inputs of one group without end, each from the
// seed and its number, so that a finding can be made again. An input must be answered by a result or by a message of ours,
// within two seconds of processor time and 500 MB; anything else is a finding, whose input is kept in dist/fuzz.
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from '../../extension/build.mjs';

const groups = ['onnx', 'data', 'text', 'runs'];
/** Seconds of processor time after which an input that has not been answered is not waited for. */
const mostProcessorSeconds = 20;
/** Times that it is seen asleep without having worked in between, after which it is not, either: it waits for what does not come. */
const mostAsleep = 600;
const watchMilliseconds = 500;
/** Distinct findings after which it ends. */
const mostFindings = 20;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    only: { type: 'string' },
  },
});
const [group] = positionals;
if (!groups.includes(group)) {
  console.error(`Give one of ${groups.join(', ')}.`);
  process.exit(2);
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist', 'test', `fuzz-${process.pid}`);
const kept = join(root, 'dist', 'fuzz');
mkdirSync(kept, { recursive: true });
// In a folder of its own, since others may run what is in dist.
await bundle({ outdir: out });
const scripts = ['worker', 'parquetReader'].map((name) => join(root, 'test/fuzz', `${name}.ts`));
await bundle({ entryPoints: scripts, outdir: out });

console.log(`fuzz ${group}, seed ${values.seed}, ${values.minutes} minute(s)`);
const end = Date.now() + Number(values.minutes) * 60_000;
const findings = new Map();
let next = values.only === undefined ? 0 : Number(values.only);
let done = 0;
const report = (index, what) => {
  const kind = what.split('\n')[0].replace(/\d+/g, '#');
  if (findings.has(kind)) return;
  findings.set(kind, index);
  console.error(`\nFINDING at --seed ${values.seed} --only ${index}: ${what}`);
};

/**
 * Processor time that a process has taken, in seconds, and whether it sleeps. Other work on the machine lengthens neither, and a
 * process that is stuck need not be asked. Undefined where the system does not tell it.
 */
function workOf(pid) {
  try {
    // The name of the program, in parentheses, may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return { seconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond, sleeps: fields[0] === 'S' };
  } catch {
    return undefined;
  }
}
/** In which Linux tells times of processes, on every machine. */
const ticksPerSecond = 100;

/** The process that tries inputs; it must not stay behind. */
let child;
process.on('exit', () => {
  console.log(`\n${done} inputs, ${findings.size} finding(s).`);
  child?.kill('SIGKILL');
  rmSync(out, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(2));

/** Inputs that are announced one by one after a process has ended with one of them, to find which it was. */
let suspects = 0;

/** Runs inputs from `next` on in a process of its own until it ends, by itself or by what an input did to it. */
const runSome = () =>
  new Promise((resolve) => {
    const announced = suspects > 0;
    child = fork(
      join(out, 'worker.js'),
      [group, values.seed, String(next), String(end), kept, values.only ?? '', announced ? 'each' : ''],
      {
        execArgv: ['--max-old-space-size=700', '--enable-source-maps'],
        env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
      },
    );
    let taken = workOf(child.pid)?.seconds ?? 0;
    let seen = taken;
    let asleep = 0;
    let hangs;
    let isEnough = false;
    const watch = setInterval(() => {
      const { seconds, sleeps } = workOf(child.pid) ?? { seconds: seen, sleeps: true };
      asleep = sleeps && seconds === seen ? asleep + 1 : 0;
      seen = seconds;
      if (seconds - taken >= mostProcessorSeconds)
        hangs = `no answer after ${mostProcessorSeconds} s of processor time`;
      else if (asleep >= mostAsleep) hangs = 'it waits for what does not come';
      if (hangs) child.kill('SIGKILL');
    }, watchMilliseconds);
    child.on('message', ({ index, finding }) => {
      if (finding) report(index, finding);
      done += Math.max(0, index - next);
      suspects = Math.max(0, suspects - Math.max(0, index - next));
      asleep = 0;
      taken = workOf(child.pid)?.seconds ?? taken;
      next = Math.max(next, index);
      isEnough = findings.size >= mostFindings || (announced && suspects === 0);
      if (isEnough) child.kill('SIGKILL');
    });
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      if (code !== 0 && !isEnough) {
        const how = hangs ?? `the process ended with ${signal ?? `code ${code}`}`;
        // Without an announcement of each, all that is known is that it was one of the next ones.
        if (announced || values.only !== undefined) {
          report(next, how);
          next++;
          suspects = 0;
        } else suspects = 100_000;
      }
      resolve();
    });
  });

while (Date.now() < end && findings.size < mostFindings) {
  await runSome();
  if (values.only !== undefined) break;
}
process.exit(findings.size > 0 ? 1 : 0);
