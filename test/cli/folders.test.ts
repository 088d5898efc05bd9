import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { newRunFolder, RunWriter } from '../../extension/runStore/store.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import type { RunHeader } from '../../extension/shared/protocol.ts';

const header = { format: 1, status: 'running' } as unknown as RunHeader;

it('makes the folders on the way', () => {
  const root = mkdtempSync(join(tmpdir(), 'runs-'));
  try {
    RunWriter.create(join(root, 'a', 'b', 'c'), header).finish('finished');
    RunWriter.create(join(root, 'a', 'b', 'c'), header).finish('finished');
    assert.ok(existsSync(join(root, 'a', 'b', 'c', 'run.json')));
  } finally {
    rmSync(root, { recursive: true });
  }
});

it('a file in the place of the folder of runs ends in a message', () => {
  const root = mkdtempSync(join(tmpdir(), 'runs-'));
  try {
    writeFileSync(join(root, 'runs'), '');
    const folder = newRunFolder(root, 'm.onnx', 'adam');
    assert.throws(() => RunWriter.create(folder, header), InspectorError);
  } finally {
    rmSync(root, { recursive: true });
  }
});

it('a file system without new folders ends in a message', { skip: !existsSync('/proc/self') }, () => {
  assert.throws(
    () => RunWriter.create('/proc/no/run', header),
    (error) => error instanceof InspectorError && error.remedy === 'Choose another folder with --out.',
  );
});
