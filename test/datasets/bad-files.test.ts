import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, statSync, truncateSync } from 'node:fs';
import { describe, it } from 'node:test';
import { loadDataset } from '../../extension/datasets/dataset.ts';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';
import {
  f64,
  gzip,
  idx,
  npy,
  npyHeader,
  safetensors,
  text,
  u32,
  u64,
  useTemporaryFolder,
  utf8,
  write,
  zip,
} from './files.ts';

useTemporaryFolder();

async function messageOf(spec: Parameters<typeof loadDataset>[0]): Promise<string> {
  const error = await loadDataset(spec).then(
    () => assert.fail('was read'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof InspectorError, `${error instanceof Error ? error.stack : error}`);
  return describeError(error);
}

const one = f64(1, 2, 3);
const good = npy(npyHeader('<f8', [3]), one);
const array = (header: string) => npy(header, one);
const member = { name: 'x.npy', data: good };
const f32 = (offsets: [number, number], shape = [1]) => ({ dtype: 'F32', shape, data_offsets: offsets });
const noRows = npyHeader('<f8', [0, ...new Array(20).fill(Number.MAX_SAFE_INTEGER)]);
const damagedDirectory = good.length + 35;

/** name of the file, its bytes, and exactly what is said about it (after the quoted name). */
const table: readonly [name: string, bytes: Uint8Array, message: string][] = [
  // Any kind
  ['empty.npz', text(''), 'is empty.\nCheck that the program that wrote it finished.'],
  [
    'page.npz',
    utf8('\n<!DOCTYPE html><html>'),
    'is a web page (HTML), not data.\nThe download probably failed or needs a login; download the file again.',
  ],
  [
    'lfs.npz',
    text('version https://git-lfs.github.com/spec/v1\noid sha256:0'),
    'is a Git LFS pointer, not the data itself.\nRun "git lfs pull" to fetch the data.',
  ],
  ['data.h5', text('\x89HDF\r\n\x1a\n'), 'is an HDF5 file, which is not read.\nSave its arrays with numpy.savez.'],
  [
    'data.pkl',
    text('\x80\x04\x95'),
    'is a Python pickle, which is never loaded because a pickle can run any code.\nLoad it in Python and save its arrays with numpy.savez.',
  ],
  [
    'x.npz',
    text('hello'),
    'is no npz file (a zip archive of arrays): its first bytes are others.\nRead are .npz, .npy, .safetensors, .csv, .tsv, .parquet, IDX (MNIST) and CIFAR-10 .bin; .npy, .csv, .tsv, IDX and .bin also as .gz.',
  ],
  [
    'x.constructor',
    text('hello'),
    'has a format that is not known.\nRead are .npz, .npy, .safetensors, .csv, .tsv, .parquet, IDX (MNIST) and CIFAR-10 .bin; .npy, .csv, .tsv, IDX and .bin also as .gz.',
  ],
  [
    'half.csv.gz',
    gzip(text('a,b\n1,2\n')).subarray(0, 20),
    'the compressed data ends early.\nCopy or download the file again.',
  ],
  [
    'broken.csv.gz',
    Buffer.concat([gzip(text('a,b\n1,2\n')).subarray(0, 10), text('\xff\xff\xff\xff')]),
    'the compressed data is damaged.\nCopy or download the file again.',
  ],
  [
    'x.npz.gz',
    gzip(zip([member])),
    'is compressed with gzip, which is not read for npz.\nDecompress it with gunzip first.',
  ],
  ['twice.csv.gz', gzip(gzip(text('a,b\n1,2\n'))), 'is compressed twice, which is not read.\nDecompress it first.'],

  // npy
  ['short.npy', text('\x93NUMPY\x01'), 'ends within its npy header.\nSave it again with numpy.save.'],
  ['short2.npy', good.subarray(0, 30), 'ends within its npy header.\nSave it again with numpy.save.'],
  [
    'v9.npy',
    npy(npyHeader('<f8', [3]), one, 9),
    'has npy version 9.0; versions 1.0, 2.0 and 3.0 are read.\nSave it again with numpy.save.',
  ],
  [
    'long.npy',
    Buffer.concat([text('\x93NUMPY\x02\0'), u32(2 ** 31), one]),
    'announces an npy header of 2 GiB.\nSave it again with numpy.save.',
  ],
  [
    'object.npy',
    array(npyHeader('|O', [3])),
    'has dtype "|O": pickled Python objects, which are never loaded because a pickle can run any code.\nConvert it to a numeric array and save it again with numpy.save(..., allow_pickle=False).',
  ],
  [
    'complex.npy',
    array(npyHeader('<c8', [3])),
    'has dtype "<c8" (complex numbers); bool, int8–int64, uint8–uint64, float16, float32 and float64 are read.\nConvert it with array.astype(\'float32\') and save it again.',
  ],
  [
    'string.npy',
    array(npyHeader('<U2', [3])),
    'has dtype "<U2" (text); bool, int8–int64, uint8–uint64, float16, float32 and float64 are read.\nConvert it with array.astype(\'float32\') and save it again.',
  ],
  [
    'order.npy',
    array(npyHeader('|f8', [3])),
    'has dtype "|f8"; bool, int8–int64, uint8–uint64, float16, float32 and float64 are read.\nConvert it with array.astype(\'float32\') and save it again.',
  ],
  [
    'structured.npy',
    array("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }"),
    'has a structured dtype (several named fields).\nSave each field as an array of its own with numpy.savez.',
  ],
  [
    'code.npy',
    array("{'descr': '<f8', 'fortran_order': exit(), 'shape': (3,), }"),
    "has an npy header that cannot be understood: \"{'descr': '<f8', 'fortran_order': exit(), 'shape': (3,), }\".\nSave it again with numpy.save.",
  ],
  [
    'negative.npy',
    array("{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }"),
    "has an npy header that cannot be understood: \"{'descr': '<f8', 'fortran_order': False, 'shape': (-3,), }\".\nSave it again with numpy.save.",
  ],
  [
    'repeated.npy',
    array("{'descr': '<f8', 'descr': '<f8', 'shape': (3,), }"),
    "has an npy header that cannot be understood: \"{'descr': '<f8', 'descr': '<f8', 'shape': (3,), }\".\nSave it again with numpy.save.",
  ],
  [
    'missing.npy',
    array("{'descr': '<f8', 'shape': (3,), }"),
    "has an npy header that cannot be understood: \"{'descr': '<f8', 'shape': (3,), }\".\nSave it again with numpy.save.",
  ],
  [
    'truncated.npy',
    good.subarray(0, -1),
    'is truncated: shape [3] of float64 needs 24 bytes, found 23.\nSave it again with numpy.save.',
  ],
  [
    'trailing.npy',
    Buffer.concat([good, good]),
    `goes on after the ${good.length} bytes that its header announces.\nA file must hold one array; save several arrays with numpy.savez.`,
  ],
  [
    'zero.npy',
    npy(npyHeader('<f8', [0, 4]), text('')),
    '"x" of shape [0, 4] holds no samples.\nGive at least one sample.',
  ],

  // npz
  ['nothing.npz', zip([]), 'is an empty archive.\nSave at least one array with numpy.savez.'],
  [
    'model.pt',
    zip([{ name: 'model/data.pkl', data: one }]),
    'is a PyTorch file; it holds a pickle, which is never loaded because a pickle can run any code.\nSave the tensors with numpy.savez or safetensors.torch.save_file.',
  ],
  [
    'readme.npz',
    zip([member, { name: 'readme.txt', data: one }]),
    'entry "readme.txt" is no npy array.\nSave the arrays with numpy.savez.',
  ],
  [
    'notnpy.npz',
    zip([{ name: 'x.npy', data: one }]),
    ', array "x": is no npy array: it does not begin with "\\x93NUMPY".\nSave it again with numpy.save.',
  ],
  [
    'cut.npz',
    zip([member]).subarray(0, -1),
    'is no complete zip archive: its end is missing.\nCopy, download or save the file again.',
  ],
  [
    'prefixed.npz',
    Buffer.concat([text('PK\x03\x04'), zip([member])]),
    'is no complete zip archive: its directory is not where it should be.\nCopy, download or save the file again.',
  ],
  [
    'dir.npz',
    Buffer.from(zip([member])).fill(0, damagedDirectory, damagedDirectory + 2),
    'is no complete zip archive: its directory is damaged.\nCopy, download or save the file again.',
  ],
  ['two.npz', zip([member, member]), 'holds two entries named "x.npy".\nCopy, download or save the file again.'],
  [
    'dots.npz',
    zip([{ name: '../x.npy', data: good }]),
    'holds an entry whose name contains "..": "../x.npy".\nCopy, download or save the file again.',
  ],
  [
    'nul.npz',
    zip([{ name: 'x\0.npy', data: good }]),
    'holds an entry whose name contains a NUL character: "x\\u0000.npy".\nCopy, download or save the file again.',
  ],
  [
    'encrypted.npz',
    zip([{ ...member, flags: 1 }]),
    'entry "x.npy" is encrypted.\nSave the archive without a password.',
  ],
  [
    'lzma.npz',
    zip([{ ...member, method: 14 }]),
    'entry "x.npy" has compression method 14; stored (0) and deflate (8) are read.\nSave it with numpy.savez or numpy.savez_compressed.',
  ],
  [
    'overlap.npz',
    zip([member, { ...member, name: 'y.npy', offset: 0 }]),
    'is no complete zip archive: entry "x.npy" overlaps what follows it.\nCopy, download or save the file again.',
  ],
  [
    'shifted.npz',
    zip([{ ...member, offset: 1, compressedSize: 1, size: 1 }]),
    'is no complete zip archive: entry "x.npy" is not where it should be.\nCopy, download or save the file again.',
  ],
  [
    'sizes.npz',
    zip([{ ...member, size: 7 }]),
    'is no complete zip archive: the sizes of entry "x.npy" disagree.\nCopy, download or save the file again.',
  ],
  [
    'crc.npz',
    zip([{ ...member, crc: 7 }]),
    ', array "x": the data does not match its checksum.\nCopy, download or save the file again.',
  ],
  [
    'size.npz',
    zip([{ ...member, deflated: true, size: 2 ** 31 }]),
    ', array "x": the data does not match its checksum.\nCopy, download or save the file again.',
  ],
  [
    'many.npz',
    zip([member], { count: 60_000 }),
    'announces 60000 entries; at most 20000 are read.\nSave fewer arrays in one file.',
  ],
  [
    'short.npz',
    zip([{ name: 'x.npy', data: good.subarray(0, -8) }]),
    ', array "x": is truncated: shape [3] of float64 needs 24 bytes, found 16.\nSave it again with numpy.save.',
  ],
  ['huge.npz', zip([{ name: 'x.npy', data: npy(npyHeader('<f8', [2 ** 40]), one) }]), ', array "x": needs 8 TiB'],

  [
    'overflow.npz',
    zip([{ name: 'x.npy', data: npy(npyHeader('<f8', new Array(20).fill(Number.MAX_SAFE_INTEGER)), one) }]),
    ', array "x": needs more than 8192 TiB',
  ],
  [
    'zeros.npy',
    array(noRows),
    `goes on after the ${npy(noRows, text('')).length} bytes that its header announces.\nA file must hold one array; save several arrays with numpy.savez.`,
  ],

  // safetensors
  [
    's.safetensors',
    Buffer.concat([u64(100), text('{}')]),
    'announces a header of 100 bytes but has 10 bytes.\nSave the file again with the safetensors library.',
  ],
  [
    'j.safetensors',
    safetensors('{"a": nope}', text('')),
    'has a header that is no valid JSON.\nSave the file again with the safetensors library.',
  ],
  [
    'd.safetensors',
    safetensors({ x: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, text('0')),
    'tensor "x" has dtype "F8_E4M3"; known are BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64.\nConvert it to float32 and save it again.',
  ],
  [
    'n.safetensors',
    safetensors({ x: null }, text('')),
    'tensor "x" has dtype none; known are BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64.\nConvert it to float32 and save it again.',
  ],
  [
    'shape.safetensors',
    safetensors({ x: f32([0, 4], [-1]) }, u32(0)),
    'tensor "x" has no valid shape.\nSave the file again with the safetensors library.',
  ],
  [
    'offsets.safetensors',
    safetensors({ x: f32([4, 0]) }, u32(0)),
    'tensor "x" has no valid data_offsets.\nSave the file again with the safetensors library.',
  ],
  [
    'product.safetensors',
    safetensors({ x: f32([0, 4], [2 ** 31, 2 ** 31]) }, u32(0)),
    'tensor "x" of shape [2147483648, 2147483648] and dtype float32 needs 18446744073709552000 bytes, found 4.\nSave the file again with the safetensors library.',
  ],
  [
    'overlap.safetensors',
    safetensors({ x: f32([0, 4]), y: f32([2, 6]) }, f64(0)),
    'tensor "y" overlaps the tensor before it: it begins at byte 2, expected 4.\nSave the file again with the safetensors library.',
  ],
  [
    'hole.safetensors',
    safetensors({ x: f32([0, 4]), y: f32([8, 12]) }, f64(0, 0)),
    'tensor "y" leaves a gap after the tensor before it: it begins at byte 8, expected 4.\nSave the file again with the safetensors library.',
  ],
  [
    'cut.safetensors',
    safetensors({ x: f32([0, 4]) }, text('abc')),
    'is truncated: its tensors need 4 bytes, found 3.\nSave the file again with the safetensors library.',
  ],
  [
    'more.safetensors',
    safetensors({ x: f32([0, 4]) }, text('abcde')),
    'holds too much: its tensors need 4 bytes, found 5.\nSave the file again with the safetensors library.',
  ],

  // IDX and CIFAR-10
  ['head-idx', Buffer.from([0, 0, 8, 2, 0, 0, 0, 1]), 'ends within its IDX header.\nDownload the file again.'],
  [
    'cut-idx',
    idx(8, [2, 2], text('abc')),
    'is truncated: shape [2, 2] of uint8 needs 4 bytes, found 3.\nDownload the file again.',
  ],
  [
    'more-idx',
    idx(8, [2], text('abc')),
    'goes on after the 10 bytes that its header announces.\nA file must hold one array; save several arrays with numpy.savez.',
  ],
  [
    'bomb-idx.gz',
    gzip(Buffer.concat([idx(8, [2], text('')), Buffer.alloc(2 ** 24)])),
    'goes on after the 10 bytes that its header announces.\nA file must hold one array; save several arrays with numpy.savez.',
  ],
  [
    'c.bin',
    Buffer.alloc(100),
    'is no CIFAR-10 file: 100 bytes are no whole number of records of 3073 bytes.\nSave other data as .npz with arrays x and y.',
  ],
  [
    'c100.bin',
    Buffer.alloc(3074),
    'is no CIFAR-10 file: 3074 bytes are no whole number of records of 3073 bytes. It may be CIFAR-100, whose records have 3074.\nSave other data as .npz with arrays x and y.',
  ],
  [
    'label.bin',
    Buffer.concat([Buffer.alloc(3073), Buffer.alloc(3073, 10)]),
    'is no CIFAR-10 file: the label of record 1 is 10, not 0 to 9.',
  ],

  // CSV
  ['utf16.csv', Buffer.from('\ufeffa,b\n1,2', 'utf16le'), 'is encoded as UTF-16.\nSave it as UTF-8.'],
  ['nul.csv', text('1,\0\n'), 'is no text: it contains NUL bytes.\nCheck the file name extension.'],
  ['blank.csv', text('\r\n\n'), 'holds no rows.'],
  ['header.csv', text('a,b\n'), 'holds a header but no rows.'],
  [
    'single.csv',
    text('a\n1\n'),
    'has 1 column; at least one feature and the label are needed.\nColumns are separated by comma, semicolon or tab.',
  ],
  [
    'ragged.csv',
    text('a,b,c\n1,2,0\n1,2\n'),
    'line 3 has 2 cells, expected 3, as the header has.\nEvery line needs the same columns.',
  ],
  [
    'wide.csv',
    text('1,2,0\n1,2,3,0\n'),
    'line 2 has 4 cells, expected 3, as the first line has.\nEvery line needs the same columns.',
  ],
  ['gap.csv', text('a,b,c\n1,,0\n'), 'line 2, column 2 ("b") is empty.\nFill in missing values or remove those rows.'],
  [
    'word.csv',
    text('a,b\n1,0\nNaN,0\n'),
    'line 3, column 1 ("a") is "NaN", not a number.\nEncode categories as numbers; fill in or remove missing values.',
  ],
  [
    'hex.csv',
    text('1,0\n0x10,0\n'),
    'line 2, column 1 is "0x10", not a number.\nEncode categories as numbers; fill in or remove missing values.',
  ],
  [
    'classes.csv',
    text('a,b,species\n1,2,setosa\n'),
    'line 2, column 3 ("species") is "setosa", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],
  [
    'iris.csv',
    text('5.1,3.5,setosa\n4.9,3.0,setosa\n'),
    'line 1, column 3 is "setosa", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],
  [
    'locale.csv',
    text('a;b\n1,5;0\n'),
    'line 2, column 1 ("a") is "1,5": a decimal comma.\nSave numbers with a decimal point; a comma may separate columns or thousands, so it is not guessed.',
  ],
  ['open.csv', text('a,b\n1,"2\n3,4\n'), 'line 2 opens a quote that is never closed.'],
  [
    'after.csv',
    text('a,b\n1,"2"3\n'),
    'line 2 has text after a closing quote.\nDouble the quotes within a quoted cell.',
  ],
  [
    'index.csv',
    text(',a,b\n0,1.5,0\n1,2.5,1\n'),
    'column 1 has no name and only counts the rows; it is no feature.\nSave it with DataFrame.to_csv(..., index=False).',
  ],
  [
    '\u202eevil\n.csv',
    text('a,b\n1,\u001b[2J\n'),
    'line 2, column 2 ("b") is "\\u001b[2J", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],

  // Parquet
  ['locked.parquet', text('PARE'), 'is an encrypted Parquet file, which is not read.\nSave it without encryption.'],
  [
    'cut.parquet',
    text('PAR1 nothing more'),
    'cannot be read as Parquet: parquet file invalid (footer != PAR1).\nSave it again, or as .npz.',
  ],
];

describe('bad files', () => {
  for (const [name, bytes, message] of table) {
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
      `"bomb.npz", array "x": goes on after the ${good.length} bytes that its header announces.\nA file must hold one array; save several arrays with numpy.savez.`,
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 24);
  });
});
