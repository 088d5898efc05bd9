import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { loadDataset } from '../../extension/datasets/dataset.ts';
import { checkFinite, checkLength } from '../../extension/datasets/samples.ts';
import { npy, npyHeader } from '../datasets/files.ts';
import type { ParquetThread } from './parquetThread.ts';
import { memory, mutateBytes, mutateText, oddNumbers, type Random, type Target } from './target.ts';

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const floats = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i / 3).buffer);

/** A zip file of stored members, without any compression. */
function zip(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(members)) {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt32LE(crc(content), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([ascii('PK\x03\x04'), fields, ascii(name), content]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.concat([ascii('PK\x01\x02\x14\0'), fields, tail, ascii(name)]));
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(parts.length, 4);
  end.writeUInt16LE(parts.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return new Uint8Array(Buffer.concat([...parts, directory, ascii('PK\x05\x06'), end]));
}

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  }
  return (value ^ 0xffffffff) >>> 0;
}

function safetensors(header: string): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return new Uint8Array(Buffer.concat([length, ascii(header), floats]));
}

const array = (header: string): Uint8Array => new Uint8Array(npy(header, floats));
const x = array(npyHeader('<f4', [3, 4]));
const y = new Uint8Array(npy(npyHeader('<i4', [3]), new Uint8Array(12)));
const idx = Uint8Array.from([0, 0, 8, 2, 0, 0, 0, 3, 0, 0, 0, 4, ...floats.subarray(0, 12)]);
const csv = 'a,b,label\n1,2.5,0\n"3",-4e2,1\n5,6,2\n';
const tensors =
  '{"x":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},"y":{"dtype":"I32","shape":[2],"data_offsets":[32,40]}}';
const parquets = readdirSync('test/fuzz/seeds')
  .filter((name) => name.endsWith('.parquet'))
  .map((name) => new Uint8Array(readFileSync(join('test/fuzz/seeds', name))));

/** Files whose headers are told by numbers that do not belong together. */
function structured(random: Random): Uint8Array {
  const dims = random.some(0, 4, () => (random.chance(0.2) ? random.pick(oddNumbers) : random.below(5)));
  const dtype = random.pick([
    '<f4',
    '>f8',
    '<f2',
    '|b1',
    '<i8',
    '<u2',
    '|O',
    '<U4',
    '<c8',
    '<M8[s]',
    '|V8',
    '',
    'f',
    '<f99',
    '=i4',
  ]);
  const header = mutateText(random, npyHeader(dtype, dims, random.chance(0.2)), [
    "'",
    '(',
    ')',
    ',',
    '1L',
    'None',
    '{',
    '[',
  ]);
  const numbers = () => random.pick([0, 8, 32, 40, ...oddNumbers]);
  const entry = () => ({
    dtype: random.pick(['F32', 'F64', 'BF16', 'I64', 'BOOL', 'F8_E4M3', '', 3]),
    shape: random.chance(0.9) ? dims : 'x',
    data_offsets: [numbers(), numbers()],
  });
  switch (random.below(4)) {
    case 0:
      return new Uint8Array(npy(random.chance(0.5) ? header : npyHeader(dtype, dims), floats, random.pick([1, 2, 3])));
    case 1:
      return zip({ [random.pick(['x.npy', 'x', '../x.npy', ''])]: random.chance(0.5) ? array(header) : x, 'y.npy': y });
    case 2:
      return safetensors(JSON.stringify({ x: entry(), [random.pick(['y', '__metadata__', '__proto__'])]: entry() }));
    default:
      return ascii(mutateText(random, csv, [',', '"', '\n', '\r\n', ';', '\t', '1e999', 'nan', '-', '\0', 'é']));
  }
}

const folder = mkdtempSync(join(memory(), 'fuzz-data-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const isParquet = (bytes: Uint8Array): boolean => Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PAR1';

/** `thread` reads Parquet files, where that is not to take a new thread for each, as in the product. */
export const dataTarget = (thread?: ParquetThread): Target => ({
  seeds: [
    x,
    zip({ 'x.npy': x, 'y.npy': y }),
    safetensors(tensors),
    idx,
    new Uint8Array(gzipSync(idx)),
    ascii(csv),
    ...parquets,
  ],
  make: (random, seed) => {
    // There are many kinds of Parquet files, and most of what is changed in them is told by their library.
    const share = isParquet(seed) ? 0.2 : 0.5;
    return random.chance(share) ? mutateBytes(random, seed) : structured(random);
  },
  run: async (bytes) => {
    // CSV is known by its name only; what is recognised by content may have any.
    const path = join(folder, 'data.csv');
    writeFileSync(path, bytes);
    if (thread && isParquet(bytes)) return thread.read(path);
    const { arrays } = await loadDataset({ data: path });
    const [samples, labels] = [arrays.get('x'), arrays.get('y')];
    if (samples) checkLength(samples, labels);
    for (const [name, tensor] of arrays) checkFinite(name, tensor);
  },
});

export const data = dataTarget();
