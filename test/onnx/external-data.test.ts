import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { decodeModel, readModel } from '../../extension/onnx/read.ts';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';
import { useTemporaryFolder } from '../datasets/files.ts';
import { external, float, floats, Kind, linear, node } from './files.ts';

useTemporaryFolder();

const outsideRemedy = 'Only files in that folder are read; move the data there and export the model again.';
const besideRemedy = 'Keep the data file in the folder of the model, under the name that it was exported with.';
const damagedRemedy = 'The model file is damaged; export it again.';
const truncatedRemedy = 'The data file is truncated or of another model; export both again.';

const withEntries = (entries: Record<string, string>) => linear({ initializer: [external('w', [2, 1], entries)] });
const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof InspectorError, `${error instanceof Error ? error.stack : error}`);
    return describeError(error);
  }
  assert.fail('was read');
};
const valuesOf = (bytes: Uint8Array, path: string) =>
  Array.from(decodeModel(bytes, path).graph.initializers.get('w')!.read().data, Number);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync('case-');
  writeFileSync(join(folder, 'w.bin'), floats(7, 8, 9));
});

describe('locations that lead out of the folder', () => {
  const locations = [
    '/etc/hostname',
    '/dev/zero',
    '../secret.bin',
    'a/../../secret.bin',
    'sub/../../case/w.bin',
    '..',
    '..\\secret.bin',
    'sub\\w.bin',
    'C:\\w.bin',
    'C:w.bin',
    'c:/w.bin',
    '\\\\server\\share\\w.bin',
    '//server/share/w.bin',
    '\\\\?\\C:\\w.bin',
    '~/w.bin',
    'w.bin\0.txt',
    '*/_ORT_MEM_ADDR_/*',
  ];
  for (const location of locations) {
    it(JSON.stringify(location), () => {
      const shown = location.replace('\0', '\\u0000');
      assert.equal(
        messageOf(() => decodeModel(withEntries({ location }), join(folder, 'm.onnx'))),
        `"${folder}/m.onnx", initializer "w": its external data points outside the folder of the model: "${shown}".\n${outsideRemedy}`,
      );
    });
  }

  it('links to files and folders elsewhere, and a link to a device', () => {
    writeFileSync('secret.bin', floats(1, 2));
    symlinkSync('../secret.bin', join(folder, 'link.bin'));
    symlinkSync('..', join(folder, 'up'));
    symlinkSync('/dev/zero', join(folder, 'zero.bin'));
    for (const location of ['link.bin', 'up/secret.bin', 'zero.bin']) {
      assert.equal(
        messageOf(() => decodeModel(withEntries({ location }), join(folder, 'm.onnx'))),
        `"${folder}/m.onnx", initializer "w": its external data points outside the folder of the model: "${location}".\n${outsideRemedy}`,
      );
    }
  });
});

describe('entries that do not fit', () => {
  const table: readonly [entries: Record<string, string>, message: string][] = [
    [{}, ` names no file.\n${damagedRemedy}`],
    [{ location: '' }, ` names no file.\n${damagedRemedy}`],
    [{ location: 'none.bin' }, ` cannot be read from "none.bin": no such file.\n${besideRemedy}`],
    [{ location: 'w.bin/x' }, ` cannot be read from "w.bin/x": no such file.\n${besideRemedy}`],
    [{ location: 'sub' }, `: "sub" is a directory, not a file.\n${besideRemedy}`],
    [{ location: 'pipe' }, `: "pipe" is a pipe, not a file.\n${besideRemedy}`],
    [{ location: 'w.bin', offset: '-4' }, ` has the impossible offset "-4".\n${damagedRemedy}`],
    [{ location: 'w.bin', offset: '0x4' }, ` has the impossible offset "0x4".\n${damagedRemedy}`],
    [{ location: 'w.bin', offset: '' }, ` has the impossible offset "".\n${damagedRemedy}`],
    [{ location: 'w.bin', offset: '1e3' }, ` has the impossible offset "1e3".\n${damagedRemedy}`],
    [{ location: 'w.bin', length: '-8' }, ` has the impossible length "-8".\n${damagedRemedy}`],
    [
      { location: 'w.bin', length: '99999999999999999999' },
      ` has the impossible length "99999999999999999999".\n${damagedRemedy}`,
    ],
    [
      { location: 'w.bin', length: '1125899906842624' },
      ` has length 1125899906842624, but its type and shape need 8 bytes.\n${damagedRemedy}`,
    ],
    [{ location: 'w.bin', length: '4' }, ` has length 4, but its type and shape need 8 bytes.\n${damagedRemedy}`],
    [{ location: 'w.bin', offset: '8' }, ` ends at byte 16, but "w.bin" has 12 bytes.\n${truncatedRemedy}`],
    [
      { location: 'w.bin', offset: '1125899906842624' },
      ` ends at byte 1125899906842632, but "w.bin" has 12 bytes.\n${truncatedRemedy}`,
    ],
    [{ location: 'w.bin', checksum: 'abc' }, ` has the impossible checksum "abc".\n${damagedRemedy}`],
    [
      { location: 'w.bin', checksum: '0'.repeat(40) },
      `: "w.bin" has the SHA-1 ${createHash('sha1')
        .update(floats(7, 8, 9))
        .digest(
          'hex',
        )}, but the model expects ${'0'.repeat(40)}.\nThe data file is damaged or of another model; export both again.`,
    ],
  ];
  for (const [entries, message] of table) {
    it(JSON.stringify(entries), () => {
      mkdirSync(join(folder, 'sub'));
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      assert.equal(
        messageOf(() => decodeModel(withEntries(entries), join(folder, 'm.onnx'))),
        `"${folder}/m.onnx", initializer "w": ${message.startsWith(':') ? message.slice(2) : `its external data${message}`}`,
      );
    });
  }

  it('a petabyte of zeros in a sparse file is not allocated', () => {
    truncateSync(join(folder, 'w.bin'), 2 ** 43);
    const bytes = linear({ initializer: [external('w', [2 ** 41], { location: 'w.bin' })] });
    assert.match(
      messageOf(() => decodeModel(bytes, join(folder, 'm.onnx'))),
      /has 8796093022208 bytes, more than one tensor may take here \(\d+\)\./,
    );
  });

  it('a file that changes between check and read', () => {
    const model = decodeModel(withEntries({ location: 'w.bin' }), join(folder, 'm.onnx'));
    const read = () => model.graph.initializers.get('w')!.read();
    truncateSync(join(folder, 'w.bin'), 4);
    assert.equal(messageOf(read), 'initializer "w": "w.bin" became shorter while it was read.\nTry again.');
    rmSync(join(folder, 'w.bin'));
    writeFileSync('elsewhere.bin', floats(1, 2));
    symlinkSync('../elsewhere.bin', join(folder, 'w.bin'));
    assert.equal(
      messageOf(read),
      `initializer "w": its external data cannot be read from "w.bin": too many symbolic links.\n${besideRemedy}`,
    );
  });
});

describe('locations that are read', () => {
  it('offset, length, unknown keys and a matching checksum', () => {
    const checksum = createHash('sha1')
      .update(floats(7, 8, 9))
      .digest('hex')
      .toUpperCase();
    const entries = { location: 'w.bin', offset: '4', length: '8', checksum, __class__: 'x', basepath: '/etc' };
    assert.deepEqual(valuesOf(withEntries(entries), join(folder, 'm.onnx')), [8, 9]);
  });

  it('subfolders, links inside the folder, hard links and names that begin with dots', () => {
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub/w.bin'), floats(1, 2));
    writeFileSync(join(folder, '..w.bin'), floats(3, 4));
    symlinkSync('sub/w.bin', join(folder, 'inside.bin'));
    linkSync(join(folder, 'w.bin'), join(folder, 'hard.bin'));
    const at = (location: string) => valuesOf(withEntries({ location }), join(folder, 'm.onnx'));
    assert.deepEqual(at('sub/w.bin'), [1, 2]);
    assert.deepEqual(at('./sub/w.bin'), [1, 2]);
    assert.deepEqual(at('..w.bin'), [3, 4]);
    assert.deepEqual(at('inside.bin'), [1, 2]);
    assert.deepEqual(at('hard.bin'), [7, 8]);
  });

  it('the cache of Hugging Face: model and data are links into a folder of blobs', async () => {
    mkdirSync(join(folder, 'blobs'));
    mkdirSync(join(folder, 'snapshots/abc/onnx'), { recursive: true });
    writeFileSync(join(folder, 'blobs/1111'), withEntries({ location: 'model.onnx_data', offset: '0', length: '8' }));
    writeFileSync(join(folder, 'blobs/2222'), floats(5, 6));
    symlinkSync('../../../blobs/1111', join(folder, 'snapshots/abc/onnx/model.onnx'));
    symlinkSync('../../../blobs/2222', join(folder, 'snapshots/abc/onnx/model.onnx_data'));
    const model = await readModel(join(folder, 'snapshots/abc/onnx/model.onnx'));
    assert.deepEqual(Array.from(model.graph.initializers.get('w')!.read().data, Number), [5, 6]);
  });

  it('data beside the file to which the model is a link', async () => {
    writeFileSync(join(folder, 'real.onnx'), withEntries({ location: 'w.bin' }));
    mkdirSync(join(folder, 'other'));
    symlinkSync('../real.onnx', join(folder, 'other/link.onnx'));
    const model = await readModel(join(folder, 'other/link.onnx'));
    assert.deepEqual(Array.from(model.graph.initializers.get('w')!.read().data, Number), [7, 8]);
  });

  it('attributes and functions are held to the same rules', () => {
    const constant = (location: string) =>
      node('Constant() -> c', {
        attribute: [{ name: 'value', type: Kind.TENSOR, t: external('', [2, 1], { location }) as never }],
      });
    const inGraph = (location: string) => linear({ node: [constant(location), node('MatMul(x, c) -> y')] });
    const inFunction = (location: string) =>
      linear(
        { node: [node('F(x) -> y', { domain: 'my' })], initializer: [float('w', [1], [1])] },
        {
          functions: [
            {
              name: 'F',
              domain: 'my',
              input: ['a'],
              output: ['b'],
              node: [constant(location), node('MatMul(a, c) -> b')],
            },
          ] as never,
        },
      );
    for (const build of [inGraph, inFunction]) {
      const model = decodeModel(build('w.bin'), join(folder, 'm.onnx'));
      const nodes = [...model.graph.nodes, ...[...model.functions.values()].flatMap((f) => f.nodes)];
      const value = nodes.find(({ opType }) => opType === 'Constant')!.attributes.get('value');
      assert.ok(value?.kind === 'tensor');
      assert.deepEqual(Array.from(value.value.read().data, Number), [7, 8]);
      assert.equal(
        messageOf(() => decodeModel(build('../w.bin'), join(folder, 'm.onnx'))),
        `"${folder}/m.onnx", node "c" (Constant), attribute "value": its external data points outside the folder of the model: "../w.bin".\n${outsideRemedy}`,
      );
    }
  });
});
