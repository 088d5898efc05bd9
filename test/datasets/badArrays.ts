// Files of any kind, npy and npz that cannot be read.
import { f64, gzip, npy, npyHeader, text, u32, utf8, zip } from './files.ts';

const one = f64(1, 2, 3);
const good = npy(npyHeader('<f8', [3]), one);
const array = (header: string) => npy(header, one);
const member = { name: 'x.npy', data: good };
const noRows = npyHeader('<f8', [0, ...new Array(20).fill(Number.MAX_SAFE_INTEGER)]);
const damagedDirectory = good.length + 35;

/** name of the file, its bytes, and exactly what is said about it (after the quoted name). */
export const badArrays: readonly [name: string, bytes: Uint8Array, message: string][] = [
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
    'is no npz file (a zip archive of arrays): its first bytes are others.\nRead are .npz, .npy, .safetensors, .csv, .tsv, .parquet, IDX (MNIST) and CIFAR-10 .bin; .npy, .csv, .tsv, IDX (MNIST) and CIFAR-10 .bin also as .gz.',
  ],
  [
    'x.constructor',
    text('hello'),
    'has a format that is not known.\nRead are .npz, .npy, .safetensors, .csv, .tsv, .parquet, IDX (MNIST) and CIFAR-10 .bin; .npy, .csv, .tsv, IDX (MNIST) and CIFAR-10 .bin also as .gz.',
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
    '"x" in "zero.npy" of shape [0, 4] holds no samples.\nGive at least one sample.',
  ],

  // npz
  ['nothing.npz', zip([]), 'is an empty archive.\nSave at least one array with numpy.savez.'],
  [
    'model.pt',
    zip([{ name: 'model/data.pkl', data: one }]),
    'is a PyTorch file (torch.save); it holds a pickle, which is never loaded because a pickle can run any code.\nLoad it in Python with torch.load and save its tensors: numpy.savez("data.npz", x=x.numpy(), y=y.numpy()), or safetensors.torch.save_file.',
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
];
