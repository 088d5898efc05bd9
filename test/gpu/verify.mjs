// Verifies what runs on a GPU in one call: `npm run verify:gpu [-- DEVICE…] [quick]`, by default on cuda and webgpu. It goes to its
// end on any machine, says what it could not do and why, prints one report, and leaves it in dist/gpu. The device "cpu" is a
// rehearsal: everything is done on the processor. Exit code: 1 where something that could be done came out wrong.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../extension/build.mjs';
import { bundleParticipant, hasTorch, ours, torchOn } from '../bench/participant.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const out = join(root, 'dist', 'gpu');
const cli = join(root, 'dist', 'cli.js');
const words = process.argv.slice(2);
const quick = words.includes('quick');
const named = words.filter((word) => word !== 'quick');
const devices = named.length > 0 ? named : ['cuda', 'webgpu'];
/** Single precision on two devices: relative two-norms; ways of several steps may differ by more where a network has kinks. */
const tolerance = { once: 1e-4, way: 1e-2 };
const workerSeconds = 600;

const lines = [];
const record = { devices: {} };
let wrong = 0;
const say = (line = '') => {
  lines.push(line);
  console.log(line);
};
const ok = (good, text) => {
  if (!good) wrong++;
  say(`- ${good ? '✓' : '✗'} ${text}`);
};
const couldNot = (what, why) => say(`- – could not ${what}: ${why}`);

/** A piece of work in a process of its own; its result, or why it has none. */
function work(...args) {
  const options = { encoding: 'utf8', timeout: 1000 * workerSeconds, maxBuffer: 2 ** 26, cwd: root };
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [join(out, 'worker.js'), ...args.map(String)],
    options,
  );
  const why = stderr.trim().split('\n').at(-1) || (signal ? `it was ended by ${signal}` : `it ended with ${status}`);
  return status === 0 ? { result: JSON.parse(stdout.trim().split('\n').at(-1)) } : { why };
}

/** What is there, as the command line says it. */
function state() {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'gpu', '--json'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Why a device cannot be used; undefined where it can. */
function lacking(found, device) {
  if (device === 'cpu') return undefined;
  const { ready, checks } = found[device];
  const missing = checks.filter((each) => !each.found);
  return ready
    ? undefined
    : missing.length === 1
      ? missing[0].detail
      : `${missing.map(({ what }) => what).join(', ')} missing`;
}

function equality(device) {
  say('\n### The same numbers as on the processor\n');
  const worst = {};
  const folders = work('cases', device).result ?? [];
  for (const folder of quick ? folders.slice(0, 3) : folders) {
    const { result, why } = work('equality', device, folder);
    if (!result) {
      ok(false, `${basename(folder)}: ${why}`);
      continue;
    }
    const beyond = Object.entries(result).filter(
      ([name, error]) => !(error <= (/ /.test(name) ? tolerance.way : tolerance.once)),
    );
    for (const [name, error] of Object.entries(result)) worst[name] = Math.max(worst[name] ?? 0, error);
    const most = Math.max(...Object.values(result)).toExponential(1);
    const told = beyond.map(([name, error]) => `${name} ${error.toExponential(1)}`).join(', ');
    ok(beyond.length === 0, `${basename(folder)}: ${told || `at most ${most}`}`);
  }
  return worst;
}

function placement(device) {
  say('\n### Where the nodes run\n');
  const found = {};
  const scratch = mkdtempSync(join(tmpdir(), 'verify-gpu-'));
  for (const network of ['mlp', 'cnn']) {
    const { result, why } = work('placement', device, network, join(scratch, network));
    if (!result) {
      ok(false, `${network}: ${why}`);
      continue;
    }
    found[network] = result;
    const { steps, providers, beside, copies } = result;
    const told = Object.entries(providers)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
    const besides = Object.entries(beside)
      .map(([op, count]) => `${op} ${count}`)
      .join(', ');
    say(
      `- ${network}, ${steps} corrected steps, kernels by provider: ${told}; copies ${copies}${besides && `; on the processor: ${besides}`}`,
    );
    // A copy in every step means that state, or a node of the loop, leaves the device. WebGPU has no kernel for the loop itself.
    if (device === 'cuda')
      ok(copies < steps, `${network}: ${copies} copies in ${steps} steps, so the loop stays on the device`);
  }
  rmSync(scratch, { recursive: true, force: true });
  return found;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Megabytes of the device that a process holds, where nvidia-smi tells; the most that was seen. */
function watchMemory(pid) {
  let most;
  const look = () => {
    const query = ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits'];
    const asked = spawn('nvidia-smi', query, { stdio: ['ignore', 'pipe', 'ignore'] });
    asked.on('error', () => clearInterval(timer));
    asked.stdout.on('data', (text) => {
      for (const line of String(text).split('\n')) {
        const [own, used] = line.split(',').map(Number);
        if (own === pid && used > (most ?? 0)) most = used;
      }
    });
  };
  const timer = setInterval(look, 200);
  look();
  return () => {
    clearInterval(timer);
    return most;
  };
}

async function times(device) {
  say('\n### Time and memory of a step\n');
  say('| network | | plain, ms | corrected, ms | memory, MB |');
  say('|---|---|---|---|---|');
  const rows = quick
    ? { 'MLP 64-32-10, 500 samples': ['mlp', '500', '0', '64', '32', '10'] }
    : {
        'MLP 784-512-512-10, 10,000 samples': ['mlp', '10000', '0', '784', '512', '512', '10'],
        'CNN 16-16-32-32, 1,000 images': ['cnn', '1000', '0'],
        'ResNet-50 for CIFAR, 500 images in ghost batches of 50': ['resnet50', '500', '50'],
      };
  const modes = device === 'cuda' ? ['eager', 'compiled', 'graph'] : ['eager'];
  const peers = device === 'webgpu' || !hasTorch ? [] : modes.map((mode) => (args) => torchOn(device, mode, args));
  const found = {};
  for (const [title, args] of Object.entries(rows))
    for (const start of [(given) => ours(given, { BENCH_DEVICE: device }), ...peers]) {
      const participant = start(args);
      const cells = { plain: '–', corrected: '–', memory: '–' };
      const stop = device === 'cpu' ? () => undefined : watchMemory(participant.child.pid);
      try {
        if (!(await participant.greet())) throw new Error('it did not start');
        for (const kind of ['plain', 'corrected']) {
          await participant.turn(kind, quick ? 1 : 5);
          cells[kind] = median(participant.times[kind]).toPrecision(3);
        }
        cells.memory = (await participant.ask('memory')).megabytes;
      } catch (error) {
        cells.why = error.message;
      }
      cells.memory = stop() ?? cells.memory;
      participant.close();
      found[`${title}: ${participant.name}`] = cells;
      say(
        `| ${title} | ${participant.name}${cells.why ? ` (${cells.why})` : ''} | ${cells.plain} | ${cells.corrected} | ${cells.memory} |`,
      );
    }
  if (!hasTorch) say();
  if (!hasTorch) couldNot('time PyTorch', 'the Python that PYTHON names (default python3) has none');
  return found;
}

function memory(device) {
  say('\n### Too large for the memory, and its cure\n');
  if (device === 'cpu') return couldNot('fill the memory', 'that is for a device of its own');
  // Activations of a corrected step take some 200 kB for a sample: this is more than any device has.
  const samples = 2 ** 20;
  const tried = [];
  for (let size = samples; size >= 256; size /= 8) {
    const { result, why } = work('memory', device, samples, size);
    const problem = result ? result.problem : why;
    tried.push({ size, problem });
    say(`- ${samples} samples, ${size} at a time: ${problem === undefined ? 'works' : problem.replaceAll('\n', ' ')}`);
    if (problem === undefined) break;
  }
  const failed = tried.filter(({ problem }) => problem !== undefined);
  ok(failed.length < tried.length, 'a smaller micro-batch cures it');
  if (failed.length > 0)
    ok(
      failed.every(({ problem }) => /--micro-batch/.test(problem)),
      'every message says so',
    );
  return tried;
}

/** A device that cannot start ends in a message that says what to do, not in a crash. */
function refusal(device, why) {
  say('\n### What a run says without it\n');
  const args = ['inspect', '--sample', '--steps', '1', '--device', device, '--out', join(out, `refused-${device}`)];
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: out });
  ok(
    status === 1 && stderr.includes(`The device ${device} cannot be used here`),
    stderr.trim().split('\n')[0] || `exit code ${status}`,
  );
  ok(/--device cpu/.test(stderr), 'it says what to do');
  return { why, said: stderr.trim() };
}

/** A library that is none, found first, ends in words, too. */
function mismatch(device) {
  say('\n### A library that does not fit\n');
  if (device !== 'cuda') return couldNot('put a library that does not fit before the others', 'that is for cuda');
  const folder = mkdtempSync(join(tmpdir(), 'verify-gpu-'));
  for (const name of found.cuda.checks.flatMap(({ what }) => /\((lib\S+)\)/.exec(what)?.[1] ?? []))
    writeFileSync(join(folder, name), 'no library');
  const env = {
    ...process.env,
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter),
  };
  const args = ['inspect', '--sample', '--steps', '1', '--device', device, '--out', join(out, 'mismatch')];
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: out, env });
  rmSync(folder, { recursive: true, force: true });
  ok(
    status === 1 && stderr.includes(`The device ${device} cannot be used here`),
    stderr.trim().split('\n')[0] || `exit code ${status}`,
  );
  return { status, said: stderr.trim() };
}

mkdirSync(out, { recursive: true });
await bundle({ entryPoints: [{ in: join(root, 'test/gpu/worker.ts'), out: 'worker' }], outdir: out });
await bundleParticipant();
const found = state();
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: root }).stdout?.trim();
say(`# Verification on ${devices.join(' and ')}\n`);
say(
  `${new Date().toISOString()}; ${commit || 'no repository'}; ONNX Runtime ${found.runtime.version}; Node ${process.versions.node}`,
);
say(`${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB\n`);
for (const part of ['cuda', 'webgpu'])
  for (const { what, found: there, detail } of found[part].checks) say(`- ${there ? '✓' : '✗'} ${what}: ${detail}`);
for (const device of devices) {
  say(`\n## ${device}`);
  const why = lacking(found, device);
  if (why === undefined) {
    record.devices[device] = {
      equality: equality(device),
      placement: placement(device),
      times: await times(device),
      memory: memory(device),
      mismatch: mismatch(device),
    };
    continue;
  }
  say();
  for (const what of [
    'compare numbers with the processor',
    'look where nodes run',
    'time steps beside PyTorch',
    'fill the memory',
  ])
    couldNot(what, why);
  record.devices[device] = { lacking: why, ...refusal(device, why) };
}
say(`\n${wrong === 0 ? 'Nothing that could be verified came out wrong.' : `${wrong} came out wrong.`}`);
writeFileSync(join(out, 'report.md'), `${lines.join('\n')}\n`);
writeFileSync(join(out, 'report.json'), `${JSON.stringify({ state: found, ...record, wrong }, undefined, 2)}\n`);
console.log(`\nWrote ${join(out, 'report.md')} and report.json.`);
process.exitCode = wrong === 0 ? 0 : 1;
