import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { digest } from '../../extension/files/digest.ts';
import { linesOf, readTextFile } from '../../extension/files/regular.ts';
import { createFresh, writeWhole } from '../../extension/files/writing.ts';
import { readExperiment } from '../../extension/jobs/store.ts';
import { readSweep } from '../../extension/jobs/sweepFolder.ts';
import { readSource } from '../../extension/runStore/source.ts';
import { readSteps } from '../../extension/runStore/steps.ts';
import { readHeader } from '../../extension/runStore/store.ts';

const root = mkdtempSync(join(tmpdir(), 'traps-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** What a hostile repository can put in the place of a file; each would keep a naive reader waiting or reading for ever. */
const traps: Readonly<Record<string, (path: string) => void>> = {
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a link to an endless device': (path) => symlinkSync('/dev/zero', path),
  'a link to a pipe': (path) => {
    execFileSync('mkfifo', [`${path}.pipe`]);
    symlinkSync(`${path}.pipe`, path);
  },
  'a directory': (path) => mkdirSync(path),
  'a link that leads to itself': (path) => symlinkSync(path, path),
};

describe('traps in the place of files', { skip: process.platform === 'win32' }, () => {
  let count = 0;
  for (const [name, set] of Object.entries(traps)) {
    it(`${name} is not read`, async () => {
      const folder = join(root, String(count++));
      mkdirSync(folder);
      for (const file of ['run.json', 'steps.jsonl', 'sweep.json', 'experiment.json', 'source.json', 'model.onnx'])
        set(join(folder, file));
      assert.throws(() => readHeader(folder), /holds no readable run/);
      assert.throws(() => readSweep(folder), /holds no readable sweep/);
      assert.throws(() => readExperiment(folder), /holds no readable experiment/);
      assert.equal(readSource(folder), undefined);
      assert.throws(() => [...readSteps(folder)]);
      await assert.rejects(digest([join(folder, 'model.onnx')]));
    });
  }

  it('a file that grows while it is read comes to an end', () => {
    const path = join(root, 'growing.jsonl');
    writeFileSync(path, 'first\nsecond\n');
    const lines: string[] = [];
    for (const line of linesOf(path)) {
      lines.push(line.toString());
      writeFileSync(path, 'more\n', { flag: 'a' });
    }
    assert.deepEqual(lines, ['first', 'second']);
  });

  it('a file above the limit is not read', () => {
    const path = join(root, 'long.json');
    writeFileSync(path, 'x'.repeat(1001));
    assert.equal(readTextFile(path, 1001).length, 1001);
    assert.throws(() => readTextFile(path, 1000), /has 1001 bytes, at most 1000 are read/);
  });

  it('links are replaced, never written through', () => {
    const secret = join(root, 'secret');
    writeFileSync(secret, 'untouched');
    for (const [i, write] of [
      (path: string) => writeWhole(path, 'new'),
      (path: string) => writeFileSync(createFresh(path), 'new'),
    ].entries()) {
      const path = join(root, `link${i}`);
      symlinkSync(secret, path);
      write(path);
      assert.equal(readFileSync(path, 'utf8'), 'new');
      assert.equal(readFileSync(secret, 'utf8'), 'untouched');
    }
  });

  it('a write that fails leaves nothing behind', () => {
    const path = join(root, 'taken');
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), '');
    assert.throws(() => writeWhole(path, 'new'));
    assert.ok(existsSync(join(path, 'inside')));
    assert.deepEqual(
      execFileSync('ls', [root])
        .toString()
        .split('\n')
        .filter((name) => name.includes('partial')),
      [],
    );
  });
});
