// Builders of small files, valid and not, independent of the readers and writers that they test.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { deflateRawSync, gzipSync } from 'node:zlib';

/** Runs the tests of this process in an empty folder, so that messages show bare file names. */
export function useTemporaryFolder(): void {
  const folder = mkdtempSync(join(tmpdir(), 'datasets-'));
  process.chdir(folder);
  after(() => {
    process.chdir(tmpdir());
    rmSync(folder, { recursive: true, force: true });
  });
}

export const text = (value: string) => Buffer.from(value, 'latin1');
export const utf8 = (value: string) => Buffer.from(value);
export const gzip = (bytes: Uint8Array) => gzipSync(bytes);
export const write = (name: string, bytes: Uint8Array) => writeFileSync(name, bytes);

export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function f64(...values: number[]): Buffer {
  return Buffer.from(Float64Array.from(values).buffer);
}

/** An npy file with any header text. */
export function npy(header: string, data: Uint8Array, version = 1): Buffer {
  const body = text(`${header}\n`);
  const length = version === 1 ? u16(body.length) : u32(body.length);
  return Buffer.concat([text('\x93NUMPY'), Buffer.from([version, 0]), length, body, data]);
}

export const npyHeader = (descr: string, shape: readonly number[], fortran = false) =>
  `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.map((dim) => `${dim},`).join(' ')}), }`;

export interface ZipPart {
  name: string;
  data: Uint8Array;
  deflated?: boolean;
  /** Fields that lie. */
  method?: number;
  flags?: number;
  size?: number;
  crc?: number;
  compressedSize?: number;
  offset?: number;
  /** Writes sizes and offset as zip64 extra fields. */
  zip64?: boolean;
}

const crcOf = (data: Uint8Array) => {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
};

/** A zip archive; `count` overrides the number of entries that its end announces. */
export function zip(parts: readonly ZipPart[], { count = parts.length, zip64End = false } = {}): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const body = part.deflated ? deflateRawSync(part.data) : Buffer.from(part.data);
    const size = part.size ?? part.data.length;
    const compressedSize = part.compressedSize ?? body.length;
    const name = utf8(part.name);
    const head = [u16(45), u16(part.flags ?? 0x800), u16(part.method ?? (part.deflated ? 8 : 0)), u32(0)];
    const crc = u32(part.crc ?? crcOf(part.data));
    const at = part.offset ?? offset;
    const sizes = part.zip64 ? [u32(0xffffffff), u32(0xffffffff)] : [u32(compressedSize), u32(size)];
    const localExtra = part.zip64 ? Buffer.concat([u16(1), u16(16), u64(size), u64(compressedSize)]) : Buffer.alloc(0);
    const extra = part.zip64
      ? Buffer.concat([u16(1), u16(24), u64(size), u64(compressedSize), u64(at)])
      : Buffer.alloc(0);
    const local = Buffer.concat([
      text('PK\x03\x04'),
      ...head,
      crc,
      ...sizes,
      u16(name.length),
      u16(localExtra.length),
      name,
      localExtra,
      body,
    ]);
    const tail = [
      u16(name.length),
      u16(extra.length),
      Buffer.alloc(10),
      u32(part.zip64 ? 0xffffffff : at),
      name,
      extra,
    ];
    directory.push(Buffer.concat([text('PK\x01\x02'), u16(45), ...head, crc, ...sizes, ...tail]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const parts64 = zip64End
    ? [
        text('PK\x06\x06'),
        u64(44),
        u16(45),
        u16(45),
        u64(0),
        u64(count),
        u64(count),
        u64(central.length),
        u64(offset),
        text('PK\x06\x07'),
        u32(0),
        u64(offset + central.length),
        u32(1),
      ]
    : [];
  const short = (value: number) => (zip64End ? u32(0xffffffff) : u32(value));
  const counts = zip64End ? [u16(0xffff), u16(0xffff)] : [u16(count), u16(count)];
  const end = [text('PK\x05\x06'), u32(0), ...counts, short(central.length), short(offset), u16(0)];
  return Buffer.concat([...locals, central, ...parts64, ...end]);
}

/** An IDX file: type code, dimensions, big-endian elements. */
export function idx(code: number, shape: readonly number[], data: Uint8Array): Buffer {
  const dims = shape.map((dim) => u32(dim).reverse());
  return Buffer.concat([Buffer.from([0, 0, code, shape.length]), ...dims, data]);
}

/** A safetensors file with any header. */
export function safetensors(header: unknown, data: Uint8Array): Buffer {
  const json = utf8(typeof header === 'string' ? header : JSON.stringify(header));
  return Buffer.concat([u64(json.length), json, data]);
}
