/** The least of an ELF library for Linux on x64 that names the libraries which it needs. */
export function elfLibrary(needed: readonly string[]): Uint8Array {
  const strings = Buffer.from(`\0${needed.join('\0')}\0`, 'latin1');
  const offsets = needed.map((name) => strings.indexOf(`\0${name}\0`) + 1);
  const entries: [number, number][] = [...offsets.map((at): [number, number] => [1, at]), [5, 0], [0, 0]];
  const [header, programs] = [64, 2 * 56];
  const dynamicAt = header + programs;
  const stringsAt = dynamicAt + 16 * entries.length;
  const file = Buffer.alloc(stringsAt + strings.length);
  // The whole file is mapped at this address.
  const base = 0x1000;
  entries[offsets.length][1] = base + stringsAt;
  file.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  file.writeBigUInt64LE(BigInt(header), 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const program = (i: number, type: number, offset: number, size: number) => {
    const at = header + 56 * i;
    file.writeUInt32LE(type, at);
    for (const [field, value] of [
      [8, offset],
      [16, base + offset],
      [24, base + offset],
      [32, size],
      [40, size],
    ])
      file.writeBigUInt64LE(BigInt(value), at + field);
  };
  program(0, 1, 0, file.length);
  program(1, 2, dynamicAt, 16 * entries.length);
  entries.forEach(([tag, value], i) => {
    file.writeBigUInt64LE(BigInt(tag), dynamicAt + 16 * i);
    file.writeBigUInt64LE(BigInt(value), dynamicAt + 16 * i + 8);
  });
  strings.copy(file, stringsAt);
  return file;
}
