import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WritingError, writeOver } from '../../extension/files/writing.ts';
import { FolderLock } from '../../extension/runStore/lock.ts';
import { closeStopped, markInterrupted, RunWriter, readHeader } from '../../extension/runStore/store.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lock-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const header = (process_ = process.pid): RunHeader => ({
  ...{ format: 1, status: 'running', started: new Date().toISOString(), process: process_, tool: 't', runtime: 'r' },
  request: { directory: '/', model: 'm.onnx' } as RunHeader['request'],
  model: { path: '/m.onnx', sha256: '', producer: '', parameters: 1 },
  data: { files: [], sha256: '', samples: 1 },
  loss: 'mse',
  optimizer: { name: 'adam', title: 'Adam', framework: 'pytorch', hyper: {} },
  ...{ hKappaLimit: null, switchGradient: null, dtype: 'float32', device: 'cpu' },
  microBatch: { plain: 1, corrected: 1 },
  ...{ tensors: [], notTrained: [], notes: [], warnings: [] },
});
/** The number of a process that has ended. */
const ended = () => spawnSync(process.execPath, ['-e', '']).pid;

describe('one process at a time writes to a folder', () => {
  it('refuses the folder of a living process, and takes over that of one that has ended', () => {
    const folder = join(scratch, 'locked');
    mkdirSync(folder);
    // The process that started this one lives; what began at another time has its number by chance.
    const parent = join(folder, `.lock-${process.ppid}`);
    const started = () => readFileSync(`/proc/${process.ppid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[19];
    writeFileSync(parent, process.platform === 'linux' ? started() : '');
    assert.throws(() => FolderLock.take(folder), {
      name: 'InspectorError',
      message: `Process ${process.ppid} is writing to ${folder}.`,
    });
    assert.deepEqual(readdirSync(folder), [`.lock-${process.ppid}`]);
    writeFileSync(parent, 'another time');
    writeFileSync(join(folder, `.lock-${ended()}`), '');
    const lock = FolderLock.take(folder);
    assert.deepEqual(readdirSync(folder), [`.lock-${process.pid}`]);
    lock.release();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('lets a run go when it ends, however it ends', () => {
    const folder = join(scratch, 'run');
    const files = () => readdirSync(folder).sort();
    const finished = RunWriter.create(folder, header());
    assert.equal(files().length, 3);
    finished.finish('finished');
    assert.deepEqual(files(), ['run.json', 'steps.jsonl']);
    RunWriter.create(folder, header()).fail('failed', 'No.');
    assert.deepEqual(files(), ['run.json', 'steps.jsonl']);
    assert.deepEqual([readHeader(folder).header.status, readHeader(folder).header.message], ['failed', 'No.']);
  });
});

describe('what cannot be written ends in one message', () => {
  const step = { step: 0, loss: 1, tensors: {} } as StepLine;

  it('where the folder is deleted meanwhile', { skip: process.platform === 'win32' }, () => {
    const folder = join(scratch, 'deleted');
    const writer = RunWriter.create(folder, header());
    writer.append(step);
    rmSync(folder, { recursive: true });
    assert.throws(
      () => writer.append(step),
      (error: Error) => {
        assert.ok(error instanceof WritingError);
        assert.match(error.message, /^Cannot write to .*deleted: it was deleted while the run was writing to it\.$/);
        assert.equal(error.remedy, 'Choose another folder with --out.');
        return true;
      },
    );
    writer.fail('failed', 'No.');
  });

  it('where a part of the path is a file', () => {
    writeFileSync(join(scratch, 'file'), '');
    const folder = join(scratch, 'file', 'run');
    assert.throws(() => RunWriter.create(folder, header()), {
      message: /^Cannot write to .*: a part of its path is a file\.$/,
    });
  });

  it('in place, never longer than the file and never through a link', { skip: process.platform === 'win32' }, () => {
    const path = join(scratch, 'place');
    writeFileSync(path, '{"a": "long enough"}   ');
    writeOver(path, '{"b": 1}');
    assert.equal(readFileSync(path, 'utf8'), '{"b": 1}');
    assert.throws(() => writeOver(path, '{"b": 1234567}'));
    assert.equal(readFileSync(path, 'utf8'), '{"b": 1}');
  });

  it('leaves space in the header of a running run for how it ends', () => {
    const folder = join(scratch, 'space');
    const writer = RunWriter.create(folder, header());
    const size = readFileSync(join(folder, 'run.json')).length;
    const closed = JSON.stringify(
      { ...header(), message: 'm'.repeat(1000), finished: new Date().toISOString() },
      undefined,
      2,
    );
    assert.ok(closed.length < size);
    writer.finish('finished');
    assert.ok(readFileSync(join(folder, 'run.json')).length < size - 3000);
  });
});

it('what is known of a line later is added to it, and the line is there before', () => {
  const folder = join(scratch, 'amended');
  const writer = RunWriter.create(folder, header());
  const lines = () => readFileSync(join(folder, 'steps.jsonl'), 'utf8');
  writer.append({ step: 0, loss: 1, tensors: { é: {} } } as unknown as StepLine);
  assert.equal(lines(), '{"step":0,"loss":1,"tensors":{"é":{}}}\n');
  writer.amend({});
  assert.equal(lines(), '{"step":0,"loss":1,"tensors":{"é":{}}}\n');
  writer.amend({ zeta: 0.5, edge: null });
  writer.append({ step: 1, loss: 2, tensors: {} } as unknown as StepLine);
  writer.amend({ zeta: 1 });
  assert.equal(
    lines(),
    '{"step":0,"loss":1,"tensors":{"é":{}},"zeta":0.5,"edge":null}\n{"step":1,"loss":2,"tensors":{},"zeta":1}\n',
  );
  writer.finish('finished');
});

it('a run whose process has ended is marked where the next one starts', () => {
  const parent = join(scratch, 'runs');
  for (const [name, process_] of [
    ['dead', ended()],
    ['alive', process.pid],
  ] as const) {
    mkdirSync(join(parent, name), { recursive: true });
    writeFileSync(join(parent, name, 'run.json'), JSON.stringify(header(process_)));
  }
  mkdirSync(join(parent, 'other'));
  mkdirSync(join(parent, 'damaged'));
  writeFileSync(join(parent, 'damaged', 'run.json'), '{');
  markInterrupted(parent);
  const status = (name: string) => {
    const { header: found, interrupted } = readHeader(join(parent, name));
    return [found.status, interrupted];
  };
  assert.deepEqual(status('dead'), ['interrupted', true]);
  assert.deepEqual(status('alive'), ['running', false]);
  assert.equal(readFileSync(join(parent, 'damaged', 'run.json'), 'utf8'), '{');
  markInterrupted(join(parent, 'nowhere'));
  closeStopped(join(parent, 'dead'));
  assert.deepEqual(status('dead'), ['interrupted', true]);
});
