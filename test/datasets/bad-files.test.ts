import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { loadDataset } from '../../extension/datasets/dataset.ts';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';
import { badArrays } from './badArrays.ts';
import { badTables } from './badTables.ts';
import { f64, npy, npyHeader, text, useTemporaryFolder, write, zip } from './files.ts';

const fixtures = resolve('test/datasets/damaged');
useTemporaryFolder();

async function messageOf(spec: Parameters<typeof loadDataset>[0]): Promise<string> {
  const error = await loadDataset(spec).then(
    () => assert.fail('was read'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof InspectorError, `${error instanceof Error ? error.stack : error}`);
  return describeError(error);
}

const good = npy(npyHeader('<f8', [3]), f64(1, 2, 3));

describe('bad files', () => {
  for (const [name, bytes, message] of [...badArrays, ...badTables]) {
    it(`${JSON.stringify(name)}: ${message.split('\n')[0]}`, async () => {
      write(name, bytes);
      const shown = JSON.stringify(name).replace('\u202e', '\\u202e').replace('\\n', '\\u000a');
      const expected = message.startsWith('"x"')
        ? message
        : message.startsWith(',')
          ? `${shown}${message}`
          : `${shown}: ${message}`;
      const found = await messageOf({ data: name });
      // How much memory there is differs between machines.
      assert.equal(message.includes(': needs ') ? found.slice(0, expected.length) : found, expected);
    });
  }

  it('refuses what is not a file', async () => {
    mkdirSync('folder');
    assert.equal(
      await messageOf({ data: 'folder' }),
      '"folder": is a directory, not a file.\nGive the path of a data file.',
    );
    assert.equal(await messageOf({ data: 'absent.npz' }), '"absent.npz": no such file.\nCheck the path.');
    assert.equal(await messageOf({ data: 'a\0b' }), '"a\\u0000b": this is no valid path.\nCheck the path.');
  });

  it('does not wait for a pipe', { skip: process.platform === 'win32' }, async () => {
    execFileSync('mkfifo', ['pipe.npz']);
    assert.equal(
      await messageOf({ data: 'pipe.npz' }),
      '"pipe.npz": is a pipe, not a file.\nGive the path of a data file.',
    );
  });

  it('refuses text beyond 256 MiB before parsing it', async () => {
    write('large.csv', text('1,2\n'));
    truncateSync('large.csv', 2 ** 28 + 1);
    assert.equal(statSync('large.csv').size, 2 ** 28 + 1);
    const expected =
      '"large.csv": is longer than 256 MiB, the most that is read.\nSave large tables as .npz or .parquet.';
    assert.equal(await messageOf({ data: 'large.csv' }), expected);
  });

  it('stops a zip bomb at the size that its array has', async () => {
    // 64 MiB of zeros after an array of 24 bytes, in an entry of 64 KiB that claims to be small.
    const bomb = Buffer.concat([good, Buffer.alloc(2 ** 26)]);
    write('bomb.npz', zip([{ name: 'x.npy', data: bomb, deflated: true, size: good.length, crc: 0 }]));
    const before = process.memoryUsage().arrayBuffers;
    const message = await messageOf({ data: 'bomb.npz' });
    assert.equal(
      message,
      '"bomb.npz": is no complete zip archive: entry "x.npy" is longer than its directory says.\nCopy, download or save the file again.',
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 24);
  });

  it('ends where one changed byte keeps a Parquet file busy for ever', async () => {
    const names = ['negative-page.parquet', 'endless-run.parquet'];
    const messages = await Promise.all(names.map((name) => messageOf({ data: join(fixtures, name) })));
    for (const message of messages)
      assert.match(message, /cannot be read as Parquet: .*\.\nSave it again, or as \.npz\.$/);
  });

  it('compares the rows of x and y before it reads them', async () => {
    // The data of x is damaged, which would be noticed once it is read.
    const x = npy(npyHeader('<f8', [40_000]), new Uint8Array(320_000));
    const y = npy(npyHeader('<f8', [2]), f64(1, 2));
    write(
      'rows.npz',
      zip([
        { name: 'x.npy', data: x, crc: 1 },
        { name: 'y.npy', data: y },
      ]),
    );
    assert.equal(
      await messageOf({ data: 'rows.npz' }),
      '"x" in "rows.npz" of shape [40000] has 40000 rows, but "y" in "rows.npz" of shape [2] has 2.\nEvery sample needs one label.',
    );
  });
});
