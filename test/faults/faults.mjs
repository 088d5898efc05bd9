// What happens to a machine while a run goes on: kills, signals, stopped processes, full and vanishing disks, two at a time.
// `npm run faults` takes about two minutes; `npm run faults -- --minutes 30 --seed 7` goes on with other moments.
// Every disturbed run is compared with an undisturbed one, byte by byte.
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '../../extension/build.mjs';
import { oddPlaces } from './oddPlaces.mjs';

const { values: options } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(options.minutes ?? 2);
const seed = Number(options.seed ?? Date.now() % 1e6);
const until = Date.now() + minutes * 60_000;
const root = join(import.meta.dirname ?? '.', '..', '..');
const cli = join(root, 'dist', 'cli.js');
const scratch = mkdtempSync(join(tmpdir(), 'faults-'));

let state = seed >>> 0;
/** A reproducible number in [0, 1). */
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

const failures = [];
let checks = 0;
function check(holds, what) {
  checks++;
  if (holds) return;
  failures.push(what);
  console.log(`✖ ${what}`);
}

const steps = 400;
const inspect = (out) => ['inspect', '--sample', '--steps', String(steps), '--threads', '1', '--out', out];
const sweep = (out) => [
  ...['sweep', '--sample', '--steps', '60', '--threads', '1', '--sweep', 'beta2=0.9,0.99,0.999'],
  ...['--seeds', '0,1', '--out', out],
];
const start = (args, extra = {}) => {
  const child = spawn(process.execPath, [cli, ...args], { cwd: scratch, detached: true, ...extra });
  const said = { out: '', error: '' };
  child.stdout?.on('data', (part) => {
    said.out += part;
  });
  child.stderr?.on('data', (part) => {
    said.error += part;
  });
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  return { child, said, ended };
};
const run = (args) => spawnSync(process.execPath, [cli, ...args], { cwd: scratch, encoding: 'utf8' });
const header = (folder) => JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
const lines = (folder) => readFileSync(join(folder, 'steps.jsonl'), 'utf8');
const isAlive = (process_) => {
  try {
    // A zombie has ended; only the one that started it has not asked.
    const stat = readFileSync(`/proc/${process_}/stat`, 'utf8').split(') ').at(-1);
    return !stat.startsWith('Z');
  } catch {
    return false;
  }
};
/** Waits until a run has taken its first steps; false where it does not come to it. */
async function begun(out) {
  for (let i = 0; i < 600; i++) {
    if (existsSync(join(out, 'steps.jsonl')) && lines(out).split('\n').length > 3) return true;
    await wait(20);
  }
  return false;
}

function leftovers(folder) {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String) : [];
  return names.filter((name) => /\.partial$|\.tmp$|\.settled$/.test(name));
}

/** What a run that was disturbed at any moment leaves must be readable, but for the line that was being written. */
function checkReadable(folder, what) {
  if (!existsSync(join(folder, 'run.json'))) return;
  try {
    header(folder);
    if (existsSync(join(folder, 'steps.jsonl')))
      for (const line of lines(folder).split('\n').slice(0, -1)) JSON.parse(line);
  } catch (error) {
    check(false, `${what}: ${error.message}`);
  }
}

let undisturbed;

async function kill(i) {
  const out = join(scratch, `kill-${i}`);
  const { child, ended } = start(inspect(out));
  const whom = ['command line', 'engine', 'both'][Math.floor(random() * 3)];
  if (!(await begun(out))) return check(false, 'a run does not begin');
  await wait(random() * 1500);
  const { process: engine } = header(out);
  const [target, signal] =
    whom === 'both' ? [-child.pid, 'SIGKILL'] : [whom === 'engine' ? engine : child.pid, 'SIGKILL'];
  try {
    process.kill(target, signal);
  } catch {
    // It was faster.
  }
  await ended;
  for (let t = 0; t < 50 && isAlive(engine); t++) await wait(20);
  check(!isAlive(engine), `killed ${whom}: the engine lives on after a second`);
  checkReadable(out, `killed ${whom}`);
  const again = run(inspect(out));
  check(again.status === 0, `killed ${whom}: the same folder is not taken again: ${again.stderr}`);
  check(lines(out) === undisturbed, `killed ${whom}: the numbers differ afterwards`);
  check(leftovers(out).length === 0, `killed ${whom}: left over ${leftovers(out)}`);
  rmSync(out, { recursive: true, force: true });
}

async function signals(signal) {
  const out = join(scratch, `signal-${signal}`);
  const long = [...inspect(out), '--json'];
  long[long.indexOf(String(steps))] = '2000000';
  const { child, ended, said } = start(long);
  if (!(await begun(out))) return check(false, 'a run does not begin');
  process.kill(-child.pid, signal);
  const code = await ended;
  check(code === 130, `${signal}: exit ${code}`);
  check(header(out).status === 'cancelled', `${signal}: status ${header(out).status}`);
  check(!/native code|Internal error|\n\s+at /.test(said.error), `${signal}: ${said.error}`);
  check(!readdirSync(out).some((name) => name.startsWith('.lock')), `${signal}: the folder stays locked`);
}

/** A machine that sleeps: the processes stand still for a while, and nothing of it is in the numbers. */
async function sleep() {
  const out = join(scratch, 'sleep');
  const { child, ended } = start(inspect(out));
  if (!(await begun(out))) return check(false, 'a run does not begin');
  process.kill(-child.pid, 'SIGSTOP');
  await wait(1500);
  process.kill(-child.pid, 'SIGCONT');
  check((await ended) === 0, 'a run that slept does not finish');
  check(lines(out) === undisturbed, 'a run that slept has other numbers');
}

async function stuck() {
  const out = join(scratch, 'stuck');
  const { child, ended } = start(inspect(out));
  if (!(await begun(out))) return check(false, 'a run does not begin');
  const { process: engine } = header(out);
  process.kill(engine, 'SIGSTOP');
  process.kill(child.pid, 'SIGTERM');
  const code = await ended;
  check(code === 130, `an engine that does not answer: exit ${code}`);
  check(header(out).status === 'cancelled', `an engine that does not answer: status ${header(out).status}`);
}

/** Every point of a sweep with its numbers. */
const pointsOf = (folder) =>
  JSON.stringify(
    readdirSync(join(folder, 'points'))
      .sort()
      .map((name) => [name, lines(join(folder, 'points', name))]),
  );

let whole;
async function resumed(i, damage) {
  const out = join(scratch, `sweep-${i}`);
  const { child, ended } = start(sweep(out));
  for (let t = 0; t < 500 && !existsSync(join(out, 'points')); t++) await wait(20);
  await wait(300 + random() * 2500);
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
  await ended;
  if (!existsSync(join(out, 'sweep.json'))) return;
  const first = existsSync(join(out, 'points')) ? readdirSync(join(out, 'points')).sort()[0] : undefined;
  if (damage && first) {
    const path = join(out, 'points', first, 'run.json');
    if (existsSync(path)) truncateSync(path, 40);
  }
  const again = run(['sweep', '--resume', out]);
  check(again.status === 0, `a ${damage ? 'damaged' : 'killed'} sweep is not resumed: ${again.stderr}`);
  if (again.status === 0) check(pointsOf(out) === whole, `a ${damage ? 'damaged' : 'killed'} sweep has other numbers`);
  rmSync(out, { recursive: true, force: true });
}

function fullDisk() {
  const disk = join(scratch, 'disk');
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=200k', 'faults', disk]).status !== 0)
    return console.log('– no file system can be mounted here: the full disk is left out');
  try {
    const out = join(disk, 'run');
    const { status, stderr } = run(inspect(out));
    check(status === 1, `full disk: exit ${status}`);
    check(/^Cannot write to .*run: there is no space left on the disk\.\n/.test(stderr), `full disk: ${stderr}`);
    check(header(out).status === 'failed', `full disk: status ${header(out).status}`);
    check(leftovers(out).length === 0, `full disk: left over ${leftovers(out)}`);
    checkReadable(out, 'full disk');
    rmSync(out, { recursive: true });
    writeFileSync(join(disk, 'filler'), Buffer.alloc(200 * 1024 - 4096));
    const none = run(inspect(out));
    check(none.status === 1 && /^Cannot write to /.test(none.stderr), `no space at all: ${none.stderr}`);
    check(leftovers(disk).length === 0, `no space at all: left over ${leftovers(disk)}`);
  } finally {
    spawnSync('umount', [disk]);
  }
}

async function vanishing() {
  const out = join(scratch, 'vanishing');
  const { ended, said } = start(inspect(out));
  if (!(await begun(out))) return check(false, 'a run does not begin');
  rmSync(out, { recursive: true });
  check((await ended) === 1, 'a folder that was deleted: exit');
  check(
    /^Cannot write to .*: it was deleted while the run was writing to it\./.test(said.error),
    `deleted: ${said.error}`,
  );
}

async function two() {
  const out = join(scratch, 'two');
  const { ended } = start(inspect(out));
  if (!(await begun(out))) return check(false, 'a run does not begin');
  const second = run(inspect(out));
  check(second.status === 1 && /^Process \d+ is writing to /.test(second.stderr), `two at a time: ${second.stderr}`);
  check((await ended) === 0 && lines(out) === undisturbed, 'two at a time: the first one is disturbed');
}

function output() {
  for (const args of [['optimizers'], ['optimizers', '--json']]) {
    const { status, stderr } = spawnSync('sh', ['-c', `"${process.execPath}" "${cli}" ${args.join(' ')} > /dev/full`], {
      encoding: 'utf8',
    });
    check(status === 1 && stderr === 'Cannot write the output: there is no space left.\n', `output: ${stderr}`);
  }
  const gone = join(scratch, 'gone');
  mkdirSync(gone);
  const { stderr } = spawnSync(
    'sh',
    ['-c', `cd "${gone}" && rmdir "${gone}" && "${process.execPath}" "${cli}" inspect --sample`],
    {
      encoding: 'utf8',
    },
  );
  check(/^The working folder does not exist any more\./.test(stderr), `deleted working folder: ${stderr}`);
}

/** As a user who may not write there, and on a disk that may not be written. */
function readOnly() {
  const refused = (args, folder, reason, options = {}) => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args, '--out', join(folder, 'out')], {
      ...{ cwd: '/', encoding: 'utf8', ...options },
    });
    const expected = `Cannot write to ${join(folder, 'out')}: ${reason}.\nChoose another folder with --out.\n`;
    check(status === 1 && stderr.endsWith(expected), `read-only, ${args[0]}: exit ${status}, ${stderr}`);
    check(leftovers(folder).length === 0, `read-only, ${args[0]}: left over ${leftovers(folder)}`);
  };
  const each = [
    ['inspect', '--sample', '--steps', '3'],
    ['sweep', '--sample', '--steps', '3', '--sweep', 'beta2=0.9,0.99'],
    ['compare', '--sample', '--steps', '3', '--try', 'beta2=0.9', '--seeds', '0,1'],
    ['experiment', 'bilinear'],
  ];
  const nobody = { uid: 65534, gid: 65534 };
  const open = mkdtempSync(join(tmpdir(), 'faults-'));
  chmodSync(open, 0o755);
  const canRun = (options) => spawnSync(process.execPath, [cli, '--version'], { cwd: '/', ...options }).status === 0;
  if (process.getuid() !== 0) {
    chmodSync(open, 0o555);
    for (const args of each) refused(args, open, 'there is no permission to write');
  } else if (canRun(nobody)) {
    for (const args of each) refused(args, open, 'there is no permission to write', nobody);
  } else console.log('– no other user can run the program here: folders of others are left out');
  rmSync(open, { recursive: true, force: true });
  const disk = join(scratch, 'read-only');
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'faults', disk]).status !== 0)
    return console.log('– no file system can be mounted here: the read-only disk is left out');
  try {
    for (const args of each) refused(args, disk, 'the disk is read-only');
  } finally {
    spawnSync('umount', [disk]);
  }
}

/** Where a run had begun, the last line names its folder once more. */
const withoutFolder = (text, out) => text.replace(`What there is so far: ${out}\n`, '');

/** The engine may open nothing more in the middle of a run. */
async function handles() {
  const out = join(scratch, 'handles');
  const { ended, said } = start(inspect(out));
  if (!(await begun(out))) return check(false, 'a run does not begin');
  const { process: engine } = header(out);
  const used = new Set(readdirSync(`/proc/${engine}/fd`).map(Number));
  let free = 0;
  while (used.has(free)) free++;
  if (spawnSync('prlimit', ['--pid', String(engine), `--nofile=${free}`]).status !== 0) {
    await ended;
    return console.log('– there is no prlimit here: exhausted handles are left out');
  }
  const code = await ended;
  const expected = `Cannot write to ${out}: too many files are open.\nClose other programs, or allow more open files: "ulimit -n 1024".\n`;
  const isTold = withoutFolder(said.error, out).endsWith(expected);
  check(code === 1 && isTold, `no more handles: exit ${code}, ${said.error}`);
  check(header(out).status === 'failed', `no more handles: status ${header(out).status}`);
  check(leftovers(out).length === 0, `no more handles: left over ${leftovers(out)}`);
  checkReadable(out, 'no more handles');
}

/** Few handles from the start: it works, or says what is missing. */
function fewHandles() {
  for (const most of [40, 24, 22]) {
    const out = join(scratch, `handles-${most}`);
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `ulimit -n ${most}; exec "${process.execPath}" "${cli}" inspect --sample --steps 3 --out "${out}"`],
      { cwd: scratch, encoding: 'utf8' },
    );
    const told =
      /^(The engine process could not be started: EMFILE|Cannot write to .*: too many files are open)\.\n.+\n$/;
    const isTold = told.test(withoutFolder(stderr, out));
    check(status === 0 || (status === 1 && isTold), `${most} handles: exit ${status}, ${stderr}`);
    check(leftovers(out).length === 0, `${most} handles: left over ${leftovers(out)}`);
  }
}

function settings() {
  const { status, stderr } = run(['inspect', '--sample', '--threads', '100000']);
  const expected = '--threads needs a whole number of at least 1 and of at most 1024, not "100000".\n';
  check(status === 2 && stderr.startsWith(expected), `--threads 100000: exit ${status}, ${stderr}`);
}

/** Results that a killed process left as running are marked by the next start. */
async function marked() {
  const parent = join(scratch, 'marked');
  const out = join(parent, 'sweep');
  const { child, ended } = start(sweep(out));
  for (let t = 0; t < 1000 && !existsSync(join(out, 'points')); t++) await wait(20);
  process.kill(-child.pid, 'SIGKILL');
  await ended;
  const statusOf = (file) => JSON.parse(readFileSync(join(out, file), 'utf8')).status;
  check(statusOf('sweep.json') === 'running', `a killed sweep: ${statusOf('sweep.json')}`);
  const { status } = run(['inspect', '--sample', '--steps', '3', '--out', join(parent, 'next')]);
  check(status === 0, 'a run beside a killed sweep fails');
  for (const file of ['sweep.json', 'experiment.json'])
    check(statusOf(file) === 'interrupted', `${file} of a killed sweep after the next start: ${statusOf(file)}`);
}

if (process.platform !== 'linux') {
  console.log('The faults are those of Linux; nothing is done here.');
  process.exit(0);
}
console.log(`seed ${seed}, ${minutes} minutes`);
await bundle();
try {
  const reference = join(scratch, 'reference');
  check(run(inspect(reference)).status === 0, 'the undisturbed run fails');
  undisturbed = lines(reference);
  check(run(sweep(join(scratch, 'whole'))).status === 0, 'the undisturbed sweep fails');
  whole = pointsOf(join(scratch, 'whole'));
  output();
  oddPlaces({ cli, root, scratch, check });
  settings();
  fullDisk();
  readOnly();
  fewHandles();
  await handles();
  await marked();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) await signals(signal);
  await stuck();
  await sleep();
  await vanishing();
  await two();
  for (let i = 0; i < 4 || Date.now() < until; i++) {
    await (i % 3 === 2 ? resumed(i, i % 2 === 0) : kill(i));
    if (i >= 2 && Date.now() > until) break;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
console.log(
  failures.length === 0 ? `✔ ${checks} checks` : `${failures.length} of ${checks} checks failed; seed ${seed}`,
);
process.exitCode = failures.length === 0 ? 0 : 1;
