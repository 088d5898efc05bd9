import { fail, type InputFile } from './files.ts';

const dynamicEntry = 16;
const programHeader = 56;
const types = { load: 1, dynamic: 2 };
const tags = { needed: 1, strings: 5 };
const x64 = 62;
const largestTable = 2 ** 20;

/**
 * The libraries that a library asks the loader for (DT_NEEDED of an ELF file). Throws an InspectorError where the file is no
 * library for Linux on x64.
 */
export async function neededLibraries(file: InputFile): Promise<string[]> {
  const refuse = (): never => fail(file.where, 'is no library for Linux on x64.', 'Download the file again.');
  if (file.size < 64) refuse();
  const header = viewOf(await file.read(0, 64));
  // 0x7f "ELF", 64 bits, little-endian.
  if (header.getUint32(0) !== 0x7f454c46 || header.getUint16(4) !== 0x0201 || header.getUint16(18, true) !== x64)
    refuse();
  const number = (view: DataView, at: number) => Number(view.getBigUint64(at, true));
  const count = header.getUint16(56, true);
  const from = number(header, 32);
  if (from + count * programHeader > file.size) refuse();
  const programs = viewOf(await file.read(from, count * programHeader));
  const segments = Array.from({ length: count }, (_, i) => i * programHeader).map((at) => ({
    type: programs.getUint32(at, true),
    offset: number(programs, at + 8),
    address: number(programs, at + 16),
    size: number(programs, at + 32),
  }));
  const dynamic = segments.find(({ type }) => type === types.dynamic);
  if (!dynamic) return [];
  if (dynamic.size > largestTable || dynamic.offset + dynamic.size > file.size) refuse();
  const table = viewOf(await file.read(dynamic.offset, dynamic.size));
  const needed: number[] = [];
  let strings: number | undefined;
  for (let at = 0; at + dynamicEntry <= dynamic.size; at += dynamicEntry) {
    const tag = number(table, at);
    if (tag === 0) break;
    if (tag === tags.needed) needed.push(number(table, at + 8));
    if (tag === tags.strings) strings = number(table, at + 8);
  }
  const home = segments.find(
    ({ type, address, size }) =>
      type === types.load && strings !== undefined && address <= strings && strings < address + size,
  );
  if (!home || strings === undefined) return [];
  const base = strings - home.address + home.offset;
  const names: string[] = [];
  for (const at of needed) {
    if (base + at >= file.size) refuse();
    const bytes = Buffer.from(await file.read(base + at, Math.min(256, file.size - base - at)));
    names.push(bytes.subarray(0, Math.max(0, bytes.indexOf(0))).toString('latin1'));
  }
  return names;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
