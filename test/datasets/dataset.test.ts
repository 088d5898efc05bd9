import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { describe, it } from 'node:test';
import { type DatasetSpec, loadDataset } from '../../extension/datasets/dataset.ts';
import { writeNpzFile } from '../../extension/datasets/npz.ts';
import { numbersOf, type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { describeError } from '../../extension/shared/errors.ts';
import { f64, gzip, idx, npy, npyHeader, safetensors, text, useTemporaryFolder, write } from './files.ts';

useTemporaryFolder();

const x = tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
const y = tensorOf('int64', [2], [0, 1]);
const mask = tensorOf('bool', [2, 3], [1, 1, 0, 1, 0, 0]);

async function refusal(spec: DatasetSpec): Promise<string> {
  return loadDataset(spec).then(
    () => assert.fail('was read'),
    (error: unknown) => describeError(error),
  );
}

const values = (tensor: Tensor | undefined) => tensor && [...numbersOf(tensor)];

describe('loadDataset', () => {
  it('finds x and y in an npz file, or under the names given, and keeps all other arrays', async () => {
    await writeNpzFile(
      'a.npz',
      new Map<string, Tensor>([
        ['x', x],
        ['y', y],
        ['mask', mask],
      ]),
    );
    const dataset = await loadDataset({ data: 'a.npz' });
    assert.deepEqual(
      [...dataset.arrays],
      [
        ['x', x],
        ['y', y],
        ['mask', mask],
      ],
    );
    assert.deepEqual([dataset.format, dataset.files], ['npz', [resolve('a.npz')]]);

    await writeNpzFile(
      'b.npz',
      new Map<string, Tensor>([
        ['x_train', x],
        ['y_train', y],
        ['mask', mask],
      ]),
    );
    assert.deepEqual([...(await loadDataset({ data: 'b.npz' })).arrays.keys()], ['x_train', 'y_train', 'mask']);
    const named = await loadDataset({ data: 'b.npz', xKey: 'x_train', yKey: 'y_train' });
    assert.deepEqual(
      named.arrays,
      new Map<string, Tensor>([
        ['mask', mask],
        ['x', x],
        ['y', y],
      ]),
    );
    // Exchanged names: neither overwrites the other.
    const exchanged = await loadDataset({ data: 'a.npz', xKey: 'y', yKey: 'x' });
    assert.deepEqual([exchanged.arrays.get('x'), exchanged.arrays.get('y')], [y, x]);
    assert.equal(
      await refusal({ data: 'b.npz', xKey: 'inputs' }),
      '"b.npz": has no array "inputs"; it has "x_train", "y_train", "mask".\nName one of these.',
    );
  });

  it('reads x and y from files of their own, told apart by content', async () => {
    write('t10k-images-idx3-ubyte.gz', gzip(idx(8, [2, 1, 2], Buffer.from([1, 2, 3, 255]))));
    write('labels', idx(8, [2], Buffer.from([7, 9])));
    const mnist = await loadDataset({ x: 't10k-images-idx3-ubyte.gz', y: 'labels' });
    assert.deepEqual(mnist.arrays.get('x'), tensorOf('uint8', [2, 1, 2], [1, 2, 3, 255]));
    assert.deepEqual(mnist.arrays.get('y'), tensorOf('uint8', [2], [7, 9]));
    assert.deepEqual([mnist.format, mnist.files.length], ['idx', 2]);

    write('disguised.npz', npy(npyHeader('<f8', [2]), f64(0.5, 1.5)));
    await writeNpzFile('one.npz', new Map([['anything', y]]));
    const mixed = await loadDataset({ x: 'disguised.npz', y: 'one.npz' });
    assert.deepEqual(
      [...mixed.arrays],
      [
        ['x', tensorOf('float64', [2], [0.5, 1.5])],
        ['y', y],
      ],
    );
    assert.equal(mixed.format, 'npy + npz');
    assert.deepEqual([...(await loadDataset({ x: 'one.npz' })).arrays.keys()], ['x']);
    assert.deepEqual((await loadDataset({ x: 'a.npz', xKey: 'mask' })).arrays.get('x'), mask);
    assert.equal(await refusal({ x: 'a.npz' }), '"a.npz": holds 3 arrays: "x", "y", "mask".\nName the one that is x.');
  });

  it('reads safetensors', async () => {
    const header = {
      y: { dtype: 'I64', shape: [1], data_offsets: [8, 16] },
      x: { dtype: 'F64', shape: [1, 1], data_offsets: [0, 8] },
    };
    write('s.safetensors', safetensors(header, Buffer.concat([f64(2.5), Buffer.from([3, 0, 0, 0, 0, 0, 0, 0])])));
    const { arrays, format } = await loadDataset({ data: 's.safetensors' });
    assert.deepEqual(
      [...arrays],
      [
        ['x', tensorOf('float64', [1, 1], [2.5])],
        ['y', tensorOf('int64', [1], [3])],
      ],
    );
    assert.equal(format, 'safetensors');
  });

  it('reads CIFAR-10 and joins its files', async () => {
    const record = (label: number, pixel: number) => Buffer.concat([Buffer.from([label]), Buffer.alloc(3072, pixel)]);
    write('batch_1.bin', Buffer.concat([record(3, 10), record(9, 20)]));
    write('batch_2.bin.gz', gzip(record(0, 30)));
    const { arrays, files, format } = await loadDataset({ data: 'batch_1.bin, batch_2.bin.gz' });
    assert.deepEqual(arrays.get('y'), tensorOf('int64', [3], [3, 9, 0]));
    assert.deepEqual(arrays.get('x')!.shape, [3, 3, 32, 32]);
    assert.deepEqual(
      [0, 3072, 6144].map((at) => arrays.get('x')!.data[at]),
      [10, 20, 30],
    );
    assert.deepEqual([files, format], [[resolve('batch_1.bin'), resolve('batch_2.bin.gz')], 'cifar10']);
  });

  it('joins only what fits', async () => {
    write('p.csv', text('1,2,0\n'));
    write('q.csv', text('1,2,0.5\n'));
    assert.equal(
      await refusal({ data: 'p.csv,q.csv' }),
      '"q.csv": y is float64 [N], but int64 [N] in "p.csv".\nFiles that are joined need the same columns and kinds of numbers.',
    );
    assert.equal(
      await refusal({ data: 'a.npz,b.npz' }),
      '"a.npz": is one of several files; only .csv, .tsv, .parquet and CIFAR-10 .bin are joined, not npz.\nGive one file.',
    );
    write('r,s.csv', text('1,2,0\n'));
    assert.deepEqual((await loadDataset({ data: 'r,s.csv' })).files, [resolve('r,s.csv')]);
  });

  it('refuses specifications that contradict themselves', async () => {
    const rows: [DatasetSpec, string][] = [
      [{}, 'No data was given.\nGive a data file, or files for x and y.'],
      [{ y: 'labels' }, 'No data was given.\nGive a data file, or files for x and y.'],
      [
        { data: 'a.npz', x: 'labels' },
        'One data file and separate files for x and y were given.\nGive either data, or x and y.',
      ],
      [
        { data: 'a.npz', label: 'y' },
        'A label column was given, but "a.npz" is no table.\nSay which arrays are x and y instead.',
      ],
      [{ data: 'p.csv', xKey: 'a' }, 'Array names were given, but "p.csv" has no named arrays.\nLeave the names out.'],
      [{ x: 'labels', label: 'y' }, 'A label column was given without a table.\nGive the table as data.'],
      [{ x: 'p.csv' }, '"p.csv": holds samples and labels together, so that it cannot be x alone.\nGive it as data.'],
      [
        { x: 'labels', y: 'batch_1.bin' },
        '"batch_1.bin": holds samples and labels together, so that it cannot be y alone.\nGive it as data.',
      ],
    ];
    for (const [spec, message] of rows) assert.equal(await refusal(spec), message);
  });

  it('refuses x and y of different length', async () => {
    write('three.npy', npy(npyHeader('<f8', [3]), f64(1, 2, 3)));
    assert.equal(
      await refusal({ x: 'three.npy', y: 'labels' }),
      '"x" in "three.npy" of shape [3] has 3 rows, but "y" in "labels" of shape [2] has 2.\nEvery sample needs one label.',
    );
  });
});

describe('CSV columns', () => {
  /** text, label column asked for, x, y, type of y */
  const table: [what: string, content: string, label: string | undefined, x: number[], y: number[], type: string][] = [
    ['no header, label last', '1,2,0\n3,4,1\n', undefined, [1, 2, 3, 4], [0, 1], 'int64'],
    ['header, label last', 'a,b,c\n1,2,0\n', undefined, [1, 2], [0], 'int64'],
    ['a column called label comes first', 'label,1x1,1x2\n5,0,255\n', undefined, [0, 255], [5], 'int64'],
    ['label by name', 'a,b,c\n1,2,0\n', 'b', [1, 0], [2], 'int64'],
    ['label by position', 'a,b,c\n1,2,0\n', '0', [2, 0], [1], 'int64'],
    ['label by position from the end', 'a,b,c\n1,2,0\n', '-2', [1, 0], [2], 'int64'],
    ['a name wins over a position', 'a,0,c\n1,2,3\n', '0', [1, 3], [2], 'int64'],
    ['numbered columns beside a named one', '0,1,label\n1.5,2.5,1\n', undefined, [1.5, 2.5], [1], 'int64'],
    ['numbered columns only', '0,1,2\n1.5,2.5,1\n', undefined, [1.5, 2.5], [1], 'int64'],
    ['labels that are no whole numbers', '1,2,0.5\n3,4,1\n', undefined, [1, 2, 3, 4], [0.5, 1], 'float64'],
    ['negative and exponential', '-1,+2.5e-1,-100\n.5,5.,1E2\n', undefined, [-1, 0.25, 0.5, 5], [-100, 100], 'int64'],
    ['quotes, spaces, empty lines', '"a","b, c"\r\n\r\n 1 ,"2"\r\n\r\n', undefined, [1], [2], 'int64'],
    ['a semicolon in a quoted header', '"a;b",c\n1,2\n', undefined, [1], [2], 'int64'],
  ];
  for (const [what, content, label, features, labels, type] of table) {
    it(what, async () => {
      write('t.csv', text(content));
      const { arrays } = await loadDataset({ data: 't.csv', label });
      assert.deepEqual(values(arrays.get('x')), features);
      assert.deepEqual(values(arrays.get('y')), labels);
      assert.equal(arrays.get('y')!.type, type);
    });
  }

  it('names the columns where the label column is not found or not unique', async () => {
    write('t.csv', text('a,b,b\n1,2,3\n'));
    assert.equal(
      await refusal({ data: 't.csv', label: 'species' }),
      '"t.csv": has no label column "species"; its columns are "a", "b", "b".\nGive a name or a position from 0.',
    );
    assert.equal(
      await refusal({ data: 't.csv', label: 'b' }),
      '"t.csv": has 2 columns named "b".\nGive the position of the label column.',
    );
  });

  it('reads long tables', async (t) => {
    const seconds = async (rows: number) => {
      write('long.csv', Buffer.from(`${'0.5,12,7\n'.repeat(rows)}`));
      const start = performance.now();
      await loadDataset({ data: 'long.csv' });
      return performance.now() - start;
    };
    await seconds(50_000);
    const [short, long] = [await seconds(50_000), await seconds(400_000)];
    t.diagnostic(`${short.toFixed(0)} ms for 50,000 rows, ${long.toFixed(0)} ms for 400,000`);
  });
});
