import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { DatasetSpec } from '../../extension/datasets/dataset.ts';
import { idx, npy, npyHeader, safetensors, text, utf8, type ZipPart, zip } from '../datasets/files.ts';
import { mutateBytes, mutateText, oddNumbers, type Random } from './target.ts';

/** Files with names, and what is asked for of them. */
export interface FileSet {
  readonly spec: DatasetSpec;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

const floats = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i / 3).buffer);
const array = (header: string, data = floats): Uint8Array => npy(header, data);
const x = array(npyHeader('<f4', [3, 4]));
const y = array(npyHeader('<i4', [3]), new Uint8Array(12));
const csv = 'a,b,label\n1,2.5,0\n"3",-4e2,1\n5,6,2\n';
const tensors = {
  x: { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] },
  y: { dtype: 'I32', shape: [2], data_offsets: [32, 40] },
};
const images = idx(8, [3, 2, 2], floats.subarray(0, 12));
const labels = idx(8, [3], Uint8Array.of(0, 1, 2));
const batch = new Uint8Array(2 * 3073);
const parquets = readdirSync('test/fuzz/seeds')
  .filter((name) => name.endsWith('.parquet'))
  .map((name) => new Uint8Array(readFileSync(`test/fuzz/seeds/${name}`)));

/** Single files, known by their content or as CSV. */
const plain: readonly Uint8Array[] = [
  x,
  array(npyHeader('>f8', [3, 2], true), new Uint8Array(48)),
  zip([
    { name: 'x.npy', data: x },
    { name: 'y.npy', data: y },
  ]),
  zip([
    { name: 'x.npy', data: x, deflated: true },
    { name: 'y.npy', data: y, zip64: true },
  ]),
  zip([{ name: 'x.npy', data: x, deflated: true, zip64: true }], { zip64End: true }),
  safetensors(tensors, floats),
  images,
  gzipSync(images),
  utf8(csv),
  gzipSync(utf8(csv)),
  utf8(`\ufeff${csv.replaceAll(',', ';').replaceAll('\n', '\r\n')}`),
];

export const singles: readonly Uint8Array[] = [...plain, ...parquets];

const sets: readonly FileSet[] = [
  { spec: { x: 'a.npy', y: 'b.npy' }, files: { 'a.npy': x, 'b.npy': y } },
  {
    spec: { data: 'a.npz', xKey: 'u', yKey: 'v' },
    files: {
      'a.npz': zip([
        { name: 'u.npy', data: x, deflated: true },
        { name: 'v.npy', data: y },
        { name: 'w.npy', data: y },
      ]),
    },
  },
  { spec: { data: 'a.csv,b.csv', label: 'b' }, files: { 'a.csv': utf8(csv), 'b.csv': utf8(csv) } },
  { spec: { data: 'a.tsv', label: '-1' }, files: { 'a.tsv': utf8(csv.replaceAll(',', '\t')) } },
  { spec: { x: 'a', y: 'b.gz' }, files: { a: images, 'b.gz': gzipSync(labels) } },
  { spec: { data: 'a.bin,b.bin' }, files: { 'a.bin': batch, 'b.bin': batch } },
  { spec: { x: 'a.safetensors', xKey: 'x' }, files: { 'a.safetensors': safetensors(tensors, floats) } },
];

/** A set as one input: its description on the first line, and then its files. */
export function packed({ spec, files }: FileSet): Uint8Array {
  const lengths = Object.entries(files).map(([name, content]) => [name, content.length]);
  return new Uint8Array(
    Buffer.concat([utf8(`${mark}${JSON.stringify({ spec, lengths })}\n`), ...Object.values(files)]),
  );
}
const mark = 'FILES ';

/** The set that an input describes; undefined where it is a file by itself. */
export function unpacked(bytes: Uint8Array): FileSet | undefined {
  const buffer = Buffer.from(bytes);
  const start = buffer.indexOf('\n') + 1;
  if (start === 0 || buffer.toString('latin1', 0, mark.length) !== mark) return undefined;
  try {
    const { spec, lengths } = JSON.parse(buffer.toString('utf8', mark.length, start));
    let at = start;
    const files = (lengths as [string, number][]).map(([name, length]) => {
      at += length;
      return [name, buffer.subarray(at - length, at)];
    });
    return { spec, files: Object.fromEntries(files) };
  } catch {
    return undefined;
  }
}
export const setSeeds = sets.map(packed);

const dtypes = '<f4 <f4 >f8 <f2 |b1 <i8 >i8 <u2 |i1 |O <U4 <c8 <M8[s] |V8 f <f99 =i4'.split(' ');
const headerWords = ["'", '(', ')', ',', '1L', 'None', '{', '['];
const csvWords = [',', '"', '\n', '\r\n', ';', '\t', '1e999', 'nan', '-', '\0', 'é', '1,5', '0\n1\n', ' '];

/** Files whose headers are told by numbers that do not belong together. */
export function structured(random: Random): Uint8Array {
  const dims = random.some(0, 4, () => (random.chance(0.2) ? random.pick(oddNumbers) : random.below(5)));
  const dtype = random.pick([...dtypes, '']);
  // What the shape wants, or what happens to be there.
  const size = dims.reduce((product, dim) => product * dim, Number(/\d+/.exec(dtype)?.[0] ?? 4));
  const data = size >= 0 && size <= 4096 && random.chance(0.7) ? new Uint8Array(size).fill(random.below(3)) : floats;
  const header = npyHeader(dtype, dims, random.chance(0.4));
  const numbers = () => random.pick([0, 8, 32, 40, ...oddNumbers]);
  const entry = () => ({
    dtype: random.pick(['F32', 'F64', 'BF16', 'I64', 'BOOL', 'F8_E4M3', '', 3]),
    shape: random.chance(0.9) ? dims : 'x',
    data_offsets: random.chance(0.9) ? [numbers(), numbers()] : random.pick([null, [], [1], 'x']),
  });
  const part = (name: string): ZipPart => ({
    ...{ name, data: random.chance(0.5) ? array(header, data) : x, deflated: random.chance(0.5) },
    ...(random.chance(0.2) && { zip64: true }),
    ...(random.chance(0.1) && { [random.pick(['method', 'flags'])]: random.below(100) }),
    ...(random.chance(0.2) && {
      [random.pick(['size', 'compressedSize', 'offset', 'crc'])]: Math.abs(numbers()) % 2 ** 32,
    }),
  });
  const memberName = () => random.pick(['x.npy', 'y.npy', 'x', '../x.npy', '', 'a/data.pkl', 'data.pkl', 'é.npy']);
  switch (random.below(6)) {
    case 0: {
      const shown = random.chance(0.4) ? mutateText(random, header, headerWords) : header;
      return npy(shown, data, random.pick([1, 1, 2, 3]));
    }
    case 1:
      return zip(
        random.some(0, 3, () => part(memberName())),
        { zip64End: random.chance(0.1), ...(random.chance(0.1) && { count: random.below(70_000) & 0xffff }) },
      );
    case 2: {
      const names = ['y', 'x', '__metadata__', '__proto__'];
      return safetensors({ x: entry(), [random.pick(names)]: entry() }, data);
    }
    case 3:
      return idx(
        random.pick([8, 9, 11, 12, 13, 14, 7]),
        dims.map((dim) => Math.abs(dim) % 2 ** 32),
        data,
      );
    case 4: {
      const magic = random.pick([
        '\x89HDF',
        'ARROW1',
        'BZh',
        'PARE',
        '\x80\x02',
        '<html',
        'version https://git-lfs',
        '\xff\xfe',
      ]);
      return Buffer.concat([text(magic), data]);
    }
    default:
      return utf8(mutateText(random, csv, csvWords));
  }
}

const specValues = [
  'x',
  'y',
  'u',
  '0',
  '-1',
  '7',
  '',
  'label',
  'a.npy',
  'a.csv',
  'b.csv',
  ',',
  'none',
  '.',
  'a.csv,a.csv',
];

/** A set with one of its files or one of its wishes changed. */
export function changedSet(random: Random, { spec, files }: FileSet): Uint8Array {
  const [names, wishes] = [Object.keys(files), ['data', 'x', 'y', 'xKey', 'yKey', 'label'] as const];
  const changed: Record<string, string | undefined> = { ...spec };
  const content: Record<string, Uint8Array> = { ...files };
  if (random.chance(0.4)) changed[random.pick(wishes)] = random.chance(0.3) ? undefined : random.pick(specValues);
  if (names.length > 0 && random.chance(0.8)) {
    const name = random.pick(names);
    content[name] = random.chance(0.4)
      ? // Each Parquet file takes a thread of its own here.
        random.pick(random.chance(0.02) ? parquets : [...plain, ...Object.values(files)])
      : random.chance(0.5)
        ? structured(random)
        : mutateBytes(random, content[name]!);
    if (random.chance(0.1)) content[name] = gzipSync(content[name]!);
  }
  return packed({ spec: changed, files: content });
}
