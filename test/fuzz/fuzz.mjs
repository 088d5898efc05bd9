// `npm run fuzz -- onnx|data|text|runs [--minutes N] [--seed S] [--only INDEX]`: inputs of one group without end, each from the
// seed and its number, so that a finding can be made again. An input must be answered by a result or by a message of ours,
// within two seconds and 500 MB; anything else is a finding, whose input is kept in dist/fuzz.
import { fork } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle } from '../../extension/build.mjs';

const groups = ['onnx', 'data', 'text', 'runs'];
/** An input that has not been answered after so long is not waited for. */
const patience = 20_000;
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
await bundle();
await bundle({ entryPoints: [join(root, 'test/fuzz/worker.ts')], outdir: out });

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

/** Runs inputs from `next` on in a process of its own until it ends, by itself or by what an input did to it. */
const runSome = () =>
  new Promise((resolve) => {
    const child = fork(
      join(out, 'worker.js'),
      [group, values.seed, String(next), String(end), kept, values.only ?? ''],
      {
        execArgv: ['--max-old-space-size=700', '--enable-source-maps'],
        env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
      },
    );
    let current = next;
    let begun = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - begun < patience) return;
      report(current, `no answer within ${patience / 1000} s`);
      child.kill('SIGKILL');
    }, 500);
    child.on('message', ({ index, finding, finished }) => {
      if (finding) report(index, finding);
      if (finished) done++;
      current = finished ? index + 1 : index;
      begun = Date.now();
      next = index + 1;
      if (findings.size >= mostFindings) child.kill('SIGKILL');
    });
    child.on('exit', (code, signal) => {
      clearInterval(watch);
      if (code !== 0 && signal !== 'SIGKILL') report(current, `the process ended with ${signal ?? `code ${code}`}`);
      resolve();
    });
  });

while (Date.now() < end && findings.size < mostFindings) {
  await runSome();
  if (values.only !== undefined) break;
}
rmSync(out, { recursive: true, force: true });
console.log(`\n${done} inputs, ${findings.size} finding(s).`);
process.exit(findings.size > 0 ? 1 : 0);
