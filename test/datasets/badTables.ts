// safetensors, IDX, CIFAR-10, CSV and Parquet files that cannot be read.
import { f64, gzip, idx, safetensors, text, u32, u64 } from './files.ts';

const f32 = (offsets: [number, number], shape = [1]) => ({ dtype: 'F32', shape, data_offsets: offsets });

/** Name of the file, its bytes, and exactly what is said about it (after the quoted name). */
export const badTables: readonly [name: string, bytes: Uint8Array, message: string][] = [
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
    ', tensor "x": has dtype "F8_E4M3"; known are BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64.\nConvert it to float32 and save it again.',
  ],
  [
    'n.safetensors',
    safetensors({ x: null }, text('')),
    ', tensor "x": has dtype none; known are BOOL, U8, I8, I16, U16, F16, BF16, I32, U32, F32, F64, I64, U64.\nConvert it to float32 and save it again.',
  ],
  [
    'shape.safetensors',
    safetensors({ x: f32([0, 4], [-1]) }, u32(0)),
    ', tensor "x": has no valid shape.\nSave the file again with the safetensors library.',
  ],
  [
    'offsets.safetensors',
    safetensors({ x: f32([4, 0]) }, u32(0)),
    ', tensor "x": has no valid data_offsets.\nSave the file again with the safetensors library.',
  ],
  [
    'product.safetensors',
    safetensors({ x: f32([0, 4], [2 ** 31, 2 ** 31]) }, u32(0)),
    ', tensor "x": its shape [2147483648, 2147483648] and dtype float32 need 18446744073709552000 bytes, found 4.\nSave the file again with the safetensors library.',
  ],
  [
    'overlap.safetensors',
    safetensors({ x: f32([0, 4]), y: f32([2, 6]) }, f64(0)),
    ', tensor "y": overlaps the tensor before it: it begins at byte 2, expected 4.\nSave the file again with the safetensors library.',
  ],
  [
    'hole.safetensors',
    safetensors({ x: f32([0, 4]), y: f32([8, 12]) }, f64(0, 0)),
    ', tensor "y": leaves a gap after the tensor before it: it begins at byte 8, expected 4.\nSave the file again with the safetensors library.',
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
  // A first line with a hole is no header.
  ...(
    [
      ['nan', '1,2,NaN,0', ', line 1, column 3: is "NaN", not a number.'],
      ['word', '1,2,foo,0', ', line 1, column 3: is "foo", not a number.'],
      ['hexadecimal', '0x10,2,4,0', ', line 1, column 1: is "0x10", not a number.'],
    ] as const
  ).map(([name, line, message]): [string, Uint8Array, string] => [
    `${name}.csv`,
    text(`${line}\n1,2,3,1\n`),
    `${message}\nEncode categories as numbers; fill in or remove missing values.`,
  ]),
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
    ', line 3: has 2 cells, expected 3, as the header has.\nEvery line needs the same columns.',
  ],
  [
    'wide.csv',
    text('1,2,0\n1,2,3,0\n'),
    ', line 2: has 4 cells, expected 3, as the first line has.\nEvery line needs the same columns.',
  ],
  [
    'gap.csv',
    text('a,b,c\n1,,0\n'),
    ', line 2, column 2 ("b"): is empty.\nFill in missing values or remove those rows.',
  ],
  [
    'word.csv',
    text('a,b\n1,0\nNaN,0\n'),
    ', line 3, column 1 ("a"): is "NaN", not a number.\nEncode categories as numbers; fill in or remove missing values.',
  ],
  [
    'hex.csv',
    text('1,0\n0x10,0\n'),
    ', line 2, column 1: is "0x10", not a number.\nEncode categories as numbers; fill in or remove missing values.',
  ],
  [
    'classes.csv',
    text('a,b,species\n1,2,setosa\n'),
    ', line 2, column 3 ("species"): is "setosa", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],
  [
    'iris.csv',
    text('5.1,3.5,setosa\n4.9,3.0,setosa\n'),
    ', line 1, column 3: is "setosa", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],
  [
    'locale.csv',
    text('a;b\n1,5;0\n'),
    ', line 2, column 1 ("a"): is "1,5": a decimal comma.\nSave numbers with a decimal point; a comma may separate columns or thousands, so it is not guessed.',
  ],
  ['open.csv', text('a,b\n1,"2\n3,4\n'), ', line 2: opens a quote that is never closed.'],
  [
    'after.csv',
    text('a,b\n1,"2"3\n'),
    ', line 2: has text after a closing quote.\nDouble the quotes within a quoted cell.',
  ],
  [
    'index.csv',
    text(',a,b\n0,1.5,0\n1,2.5,1\n'),
    ', column 1: has no name and only counts the rows; it is no feature.\nSave it with DataFrame.to_csv(..., index=False).',
  ],
  [
    '\u202eevil\n.csv',
    text('a,b\n1,\u001b[2J\n'),
    ', line 2, column 2 ("b"): is "\\u001b[2J", not a number.\nEncode the classes as integers 0, 1, 2, …',
  ],

  // Parquet
  ['locked.parquet', text('PARE'), 'is an encrypted Parquet file, which is not read.\nSave it without encryption.'],
  [
    'cut.parquet',
    text('PAR1 nothing more'),
    'cannot be read as Parquet: parquet file invalid (footer != PAR1).\nSave it again, or as .npz.',
  ],
];
