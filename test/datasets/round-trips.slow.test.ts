import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loadDataset } from '../../extension/datasets/dataset.ts';
import { readNpz, writeNpz, writeNpzFile } from '../../extension/datasets/npz.ts';
import { readSafetensors } from '../../extension/datasets/safetensors.ts';
import {
  bytesPerElement,
  type ElementType,
  numbersOf,
  type Tensor,
  tensorOf,
  viewBytes,
} from '../../extension/onnx/tensor.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import { f64, gzip, idx, npy, npyHeader, safetensors, text, useTemporaryFolder, utf8, write, zip } from './files.ts';

useTemporaryFolder();

const codes: [ElementType, string][] = [
  ['bool', 'b1'], ['int8', 'i1'], ['int16', 'i2'], ['int32', 'i4'], ['int64', 'i8'], ['uint8', 'u1'],
  ['uint16', 'u2'], ['uint32', 'u4'], ['uint64', 'u8'], ['float16', 'f2'], ['float32', 'f4'], ['float64', 'f8'],
]; // biome-ignore format: a table
const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 });
const count = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1);

/** A tensor of any type with any bit patterns; a NaN may change its bits when JavaScript moves it, so all are one. */
const tensors = (types: readonly ElementType[] = codes.map(([type]) => type)): fc.Arbitrary<Tensor> =>
  fc.tuple(fc.constantFrom(...types), shapes).chain(([type, shape]) =>
    fc
      .uint8Array({ minLength: count(shape) * bytesPerElement(type), maxLength: count(shape) * bytesPerElement(type) })
      .map((raw) => ({
        type,
        shape,
        data: viewBytes(type, type === 'bool' ? raw.map((byte) => byte & 1) : raw.slice()),
      })),
  );

const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function assertSame(found: Tensor | undefined, expected: Tensor): void {
  assert.ok(found);
  assert.deepEqual([found.type, found.shape], [expected.type, expected.shape]);
  assert.deepEqual([...found.data], [...expected.data]);
}

function reversed(bytes: Buffer, size: number): Buffer {
  const result = Buffer.from(bytes);
  for (let at = 0; at < result.length; at += size) result.subarray(at, at + size).reverse();
  return result;
}

/** The elements in column-major order, by the definition of the index. */
function columnMajor(tensor: Tensor): Buffer {
  const { shape, type } = tensor;
  const size = bytesPerElement(type);
  const [from, to] = [bytesOf(tensor), Buffer.alloc(bytesOf(tensor).length)];
  for (let flat = 0; flat < count(shape); flat++) {
    let [rest, target] = [flat, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      target += (rest % shape[axis]) * count(shape.slice(0, axis));
      rest = Math.floor(rest / shape[axis]);
    }
    from.copy(to, target * size, flat * size, (flat + 1) * size);
  }
  return to;
}

const names = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((name) => !name.includes('\0') && !name.split(/[/\\]/).includes('..'));

describe('round trips', () => {
  it('npy: every type, order, version and byte order', async () => {
    const variants = fc.tuple(tensors(), fc.boolean(), fc.boolean(), fc.constantFrom(1, 2, 3), fc.boolean());
    await fc.assert(
      fc.asyncProperty(variants, async ([tensor, fortran, big, version, compressed]) => {
        const code = codes.find(([type]) => type === tensor.type)![1];
        const size = bytesPerElement(tensor.type);
        const elements = fortran ? columnMajor(tensor) : bytesOf(tensor);
        const order = size === 1 ? '|' : big ? '>' : '<';
        const file = npy(
          npyHeader(`${order}${code}`, tensor.shape, fortran),
          big ? reversed(elements, size) : elements,
          version,
        );
        write('a.npy', compressed ? gzip(file) : file);
        const load = loadDataset({ x: 'a.npy' });
        if (tensor.shape.length > 0) assertSame((await load).arrays.get('x'), tensor);
        else await assert.rejects(load, /"x" in "a\.npy" is a single number/);
      }),
      { numRuns: 150 },
    );
  });

  it('npz: what is written is read', async () => {
    const arrays = fc.array(fc.tuple(names, tensors()), { minLength: 1, maxLength: 4 }).map((pairs) => new Map(pairs));
    await fc.assert(
      fc.asyncProperty(arrays, async (written) => {
        await writeNpzFile('a.npz', written);
        const read = await readNpz('a.npz');
        assert.deepEqual([...read.keys()], [...written.keys()]);
        for (const [name, tensor] of written) assertSame(read.get(name), tensor);
        assert.ok(readFileSync('a.npz').equals(await writeNpz(written)));
      }),
      { numRuns: 100 },
    );
  });

  it('npz: stored, deflated and zip64 archives of others', async () => {
    const part = fc.record({ deflated: fc.boolean(), zip64: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(part, tensors(['float32', 'int64'])), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (parts, zip64End) => {
          const entries = parts.map(([options, tensor], i) => {
            const code = tensor.type === 'float32' ? '<f4' : '<i8';
            return {
              ...options,
              name: `/layer.${i}/weight.npy`,
              data: npy(npyHeader(code, tensor.shape), bytesOf(tensor)),
            };
          });
          write('b.npz', zip(entries, { zip64End }));
          const read = await readNpz('b.npz');
          for (const [i, [, tensor]] of parts.entries()) assertSame(read.get(`/layer.${i}/weight`), tensor);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('npz: bfloat16 is widened, names that no zip holds are refused, failed writing leaves nothing', async () => {
    const halves = tensorOf('bfloat16', [2], [0x3fc0, 0xc000]);
    await writeNpzFile('c.npz', new Map([['w', halves]]));
    assert.deepEqual((await readNpz('c.npz')).get('w'), tensorOf('float32', [2], [1.5, -2]));
    const before = readFileSync('c.npz');
    await assert.rejects(
      writeNpzFile(
        'c.npz',
        new Map([
          ['w', halves],
          ['a\0b', halves],
        ]),
      ),
      {
        message: 'Array "a\\u0000b" cannot be saved: its name contains a NUL character.',
      },
    );
    assert.ok(readFileSync('c.npz').equals(before));
    assert.deepEqual(
      readdirSync('.').filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('safetensors', async () => {
    const dtypes = new Map<ElementType, string>([
      ['bool', 'BOOL'], ['int8', 'I8'], ['int16', 'I16'], ['int32', 'I32'], ['int64', 'I64'], ['uint8', 'U8'], ['uint16', 'U16'],
      ['uint32', 'U32'], ['uint64', 'U64'], ['float16', 'F16'], ['bfloat16', 'BF16'], ['float32', 'F32'], ['float64', 'F64'],
    ]); // biome-ignore format: a table
    const list = fc.array(tensors([...dtypes.keys()]), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(list, async (written) => {
        let end = 0;
        const header = written.map((tensor, i): [string, unknown] => {
          const begin = end;
          end += tensor.data.byteLength;
          return [`t${i}`, { dtype: dtypes.get(tensor.type), shape: tensor.shape, data_offsets: [begin, end] }];
        });
        const json = Object.fromEntries([...header.reverse(), ['__metadata__', { format: 'pt' }]]);
        write('a.safetensors', safetensors(json, Buffer.concat(written.map(bytesOf))));
        const read = await readSafetensors('a.safetensors');
        assert.equal(read.size, written.length);
        for (const [i, tensor] of written.entries()) assertSame(read.get(`t${i}`), tensor);
      }),
      { numRuns: 100 },
    );
  });

  it('IDX', async () => {
    const kinds = new Map<ElementType, number>([
      ['uint8', 8],
      ['int8', 9],
      ['int16', 11],
      ['int32', 12],
      ['float32', 13],
      ['float64', 14],
    ]);
    const some = fc.tuple(
      tensors([...kinds.keys()]).filter(({ shape }) => shape.length > 0),
      fc.boolean(),
    );
    await fc.assert(
      fc.asyncProperty(some, async ([tensor, compressed]) => {
        const file = idx(
          kinds.get(tensor.type)!,
          tensor.shape,
          reversed(bytesOf(tensor), bytesPerElement(tensor.type)),
        );
        write('images-idx-ubyte', compressed ? gzip(file) : file);
        assertSame((await loadDataset({ x: 'images-idx-ubyte' })).arrays.get('x'), tensor);
      }),
      { numRuns: 100 },
    );
  });

  it('CSV: delimiters, line ends, quotes, byte-order mark', async () => {
    const rows = fc.integer({ min: 2, max: 5 }).chain((columns) =>
      fc.array(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: columns, maxLength: columns }),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
    );
    const style = fc.record({
      delimiter: fc.constantFrom(',', ';', '\t'),
      end: fc.constantFrom('\n', '\r\n', '\r', '\n\n'),
      last: fc.boolean(),
      quoted: fc.boolean(),
      mark: fc.boolean(),
      compressed: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(rows, style, async (values, { delimiter, end, last, quoted, mark, compressed }) => {
        const cell = (value: unknown) => (quoted ? `"${value}"` : ` ${Object.is(value, -0) ? '-0' : value}`);
        const header = values[0].map((_, column) => `"f${column}, ""a""\n; b"`);
        const lines = [header, ...values.map((row) => row.map(cell))].map((row) => row.join(delimiter));
        const file = utf8((mark ? '\ufeff' : '') + lines.join(end) + (last ? end : ''));
        write('a.csv', compressed ? gzip(file) : file);
        const { arrays } = await loadDataset({ data: 'a.csv', label: '-1' });
        const numbers = quoted ? values.map((row) => row.map((value) => value + 0)) : values;
        assert.deepEqual(
          [...numbersOf(arrays.get('x')!)],
          numbers.flatMap((row) => row.slice(0, -1)),
        );
        const labels = numbers.map((row) => row.at(-1)!);
        const whole = labels.every(Number.isSafeInteger);
        assert.equal(arrays.get('y')!.type, whole ? 'int64' : 'float64');
        assert.deepEqual([...numbersOf(arrays.get('y')!)], whole ? labels.map((value) => value + 0) : labels);
      }),
      { numRuns: 150 },
    );
  });
});

const small =
  'UEFSMRUEFTAVQkwVBhUAEgAAKLUv/SAYwQAAAAAAAAAA4D8AAAAAAAD4vwAAAAAAAAJAFQAVFBUmLBUGFRAVBhUGHAAAACi1L/0gClEAAAIAAAAGAQIDJAAVBBUwFTpMFQYVABIAACi1L/0gGKUAAGABAAIAAwAAAAAAAAACAGDgAWABFQAVFBUmLBUGFRAVBhUGHAAAACi1L/0gClEAAAIAAAAGAQIDJAAVBBUwFTpMFQYVABIAACi1L/0gGKUAAGAAAAEAAgAAAAAAAAACAGDgAWABFQAVFBUmLBUGFRAVBhUGHAAAACi1L/0gClEAAAIAAAAGAQIDJAAVBBlMNQAYBnNjaGVtYRUGABUKJQIYAWEAFQQlAhgBYgAVBCUCGAVsYWJlbAAWBhkcGTwmABwVChk1AAYQGRgBYRUMFgYWhgEWqgEmZiYIKSwVBBUAFQIAFQAVEBUCADwpBhkmAAYAAAAmABwVBBk1AAYQGRgBYhUMFgYWhgEWogEmiAImsgEpLBUEFQAVAgAVABUQFQIAPCkGGSYABgAAACYAHBUEGTUABhAZGAVsYWJlbBUMFgYWhgEWogEmqgMm1AIpLBUEFQAVAgAVABUQFQIAPCkGGSYABgAAABaSAxYGJggW7gMAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRk8HAAAHAAAHAAAABYBAABQQVIx';

/** Written by pyarrow: a = [0.5, −1.5, 2.25], b = [1, 2, 3], label = [0, 1, 2]; dictionary pages, zstd. */
const parquet = Buffer.from(small, 'base64');

describe('Parquet', () => {
  it('reads columns as features and label', async () => {
    write('a.parquet', parquet);
    const { arrays, format } = await loadDataset({ data: 'a.parquet' });
    assert.equal(format, 'parquet');
    assert.deepEqual(arrays.get('x'), tensorOf('float64', [3, 2], [0.5, 1, -1.5, 2, 2.25, 3]));
    assert.deepEqual(arrays.get('y'), tensorOf('int64', [3], [0, 1, 2]));
    const other = await loadDataset({ data: 'a.parquet', label: 'a' });
    assert.deepEqual(other.arrays.get('x'), tensorOf('float64', [3, 2], [1, 0, 2, 1, 3, 2]));
    assert.deepEqual(other.arrays.get('y'), tensorOf('float64', [3], [0.5, -1.5, 2.25]));
  });
});

describe('damaged files', () => {
  const array = npy(npyHeader('<f8', [2, 2], true), f64(1, 2, 3, 4));
  const samples: [string, Uint8Array][] = [
    ['a.npy', array],
    [
      'a.npz',
      zip(
        [
          { name: 'x.npy', data: array, deflated: true, zip64: true },
          { name: 'y.npy', data: array },
        ],
        { zip64End: true },
      ),
    ],
    ['a.safetensors', safetensors({ x: { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] } }, f64(0))],
    ['a-idx', idx(13, [2, 1], f64(0))],
    ['a.csv', text('a,b\r\n1,"2"\r\n3,4\r\n')],
    ['a.csv.gz', gzip(text('a;b\n1;2\n'))],
    ['a.bin', Buffer.alloc(3073)],
    ['a.parquet', parquet],
  ];
  for (const [name, bytes] of samples) {
    it(`${name}: read, or refused with a message`, async () => {
      const place = fc.integer({ min: 0, max: bytes.length - 1 });
      const edits = fc.array(fc.tuple(place, fc.integer({ min: 0, max: 255 })), { maxLength: 4 });
      const cut = fc.oneof({ weight: 3, arbitrary: fc.constant(bytes.length) }, { weight: 1, arbitrary: place });
      await fc.assert(
        fc.asyncProperty(edits, cut, async (changes, length) => {
          const damaged = Buffer.from(bytes);
          for (const [at, value] of changes) damaged[at] = value;
          write(`damaged-${name}`, damaged.subarray(0, length));
          await loadDataset({ data: `damaged-${name}` }).catch((error: unknown) => {
            if (!(error instanceof InspectorError)) throw error;
          });
        }),
        { numRuns: 300 },
      );
    });
  }

  it('random bytes under every name', async () => {
    const name = fc.constantFrom(
      'r.npy',
      'r.npz',
      'r.csv',
      'r.bin',
      'r.parquet',
      'r.safetensors',
      'r-idx',
      'r.csv.gz',
      'r',
    );
    const start = fc.constantFrom('', '\x93NUMPY\x01\0', 'PK\x03\x04', '\0\0\x08\x01', 'PAR1', '\x1f\x8b\x08\0');
    await fc.assert(
      fc.asyncProperty(name, start, fc.uint8Array({ maxLength: 200 }), async (file, magic, bytes) => {
        write(file, Buffer.concat([text(magic), bytes]));
        await loadDataset({ data: file }).catch((error: unknown) => {
          if (!(error instanceof InspectorError)) throw error;
        });
      }),
      { numRuns: 500 },
    );
  });
});
