import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type Compressors, type FileMetaData, parquetMetadataAsync, parquetRead } from 'hyparquet';
import { compressors as allCompressors, decompressZstd } from 'hyparquet-compressors';
import { checkSize, fail, type InputFile, memoryLimit } from '../files/files.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import { labelColumn, labelTensor, type Table } from './table.ts';

/** Says that a column of a row group is read next, and how many bytes it holds once decompressed. */
export type ColumnProgress = (bytes: number) => void;

/** Messages of the library that name what it does not know; its others tell of its own variables. */
const told = /^parquet (file invalid \([\w !=]+\)|unsupported [a-z ]+: [A-Z][A-Z0-9_]+)$/;

/**
 * The flat columns of a Parquet file (numbers and booleans) as features and label; all codecs but LZO.
 * Nested columns, text, dates and missing values are refused with row (from 0) and column. A damaged file can keep the
 * library busy for ever: `readInThread` of `parquet.ts` bounds the time.
 */
export async function decodeParquet(
  file: InputFile,
  label: string | undefined,
  progress: ColumnProgress,
): Promise<Table> {
  try {
    return await readColumns(file, label, progress);
  } catch (error) {
    // The library trusts its input: a damaged file ends in any kind of error.
    if (error instanceof InspectorError) throw error;
    const reason = error instanceof Error && told.test(error.message) ? error.message : 'it is damaged';
    const remedy = 'Save it again, or as .npz.';
    throw new InspectorError(`cannot be read as Parquet: ${reason}.`, remedy, { cause: error, where: file.where });
  }
}

async function readColumns(file: InputFile, label: string | undefined, progress: ColumnProgress): Promise<Table> {
  const { where } = file;
  const slice = async (start: number, end = file.size) => {
    const from = start < 0 ? file.size + start : start;
    if (!(from >= 0 && end >= from && end <= file.size))
      fail(where, 'is damaged: it points beyond its end.', 'Save it again.');
    return (await file.read(from, end - from)).buffer as ArrayBuffer;
  };
  const buffer = {
    byteLength: file.size,
    slice(start: number, end?: number) {
      const bytes = slice(start, end);
      // The library may give up before it looks at what it asked for, which is then no unhandled rejection.
      bytes.catch(() => {});
      return bytes;
    },
  };
  const metadata = await parquetMetadataAsync(buffer);
  requireNamesAndCounts(metadata, where);
  const names = flatColumns(metadata, where);
  const rows = Number(metadata.num_rows);
  if (rows === 0) fail(where, 'holds no rows.');
  checkSize(where, rows * names.length * 8, memoryLimit());
  const labelAt = labelColumn(names, label, where);
  const compressors = boundedCompressors(where, metadata);
  const width = names.length - 1;
  const features = new Float64Array(rows * width);
  let labels: Float64Array = new Float64Array();
  for (const [column, name] of names.entries()) {
    const chunks: ArrayLike<unknown>[] = [];
    for (const part of columnParts(metadata, name, where)) {
      progress(Number(part.row_groups[0].columns[0].meta_data?.total_uncompressed_size ?? 0));
      await parquetRead({
        file: buffer,
        metadata: part,
        columns: [name],
        compressors,
        utf8: false,
        geoparquet: false,
        onChunk: ({ columnData }) => chunks.push(columnData),
      });
    }
    const numbers = columnNumbers(chunks, rows, where, name);
    if (column === labelAt) labels = numbers;
    else {
      const position = column < labelAt ? column : column - 1;
      for (let row = 0; row < rows; row++) features[row * width + position] = numbers[row];
    }
  }
  return { x: { type: 'float64', shape: [rows, width], data: features }, y: labelTensor(labels) };
}

/** The library reads what is missing or has another type as undefined. */
function requireNamesAndCounts({ schema, num_rows, row_groups }: FileMetaData, where: Where): void {
  const isCount = (value: unknown) => Number.isSafeInteger(Number(value)) && Number(value) >= 0;
  const isWhole =
    schema.every(({ name }) => typeof name === 'string') &&
    [num_rows, ...row_groups.map((group) => group.num_rows)].every(isCount) &&
    row_groups.every(({ columns }) =>
      columns.every(({ meta_data }) => isCount(meta_data?.total_uncompressed_size ?? 0)),
    );
  if (!isWhole)
    fail(where, 'is damaged: a column has no name, or a number of rows or bytes is missing.', 'Save it again.');
}

/** Names of the columns; refuses lists, structs and names that occur twice. */
function flatColumns(metadata: FileMetaData, where: Where): string[] {
  const names = new Set<string>();
  for (const { name, num_children: children, repetition_type: repetition } of metadata.schema.slice(1)) {
    if (children || repetition === 'REPEATED') {
      fail(
        { ...where, column: { name } },
        `is nested (a list or struct).`,
        'Save arrays as .npz, or one number for each column.',
      );
    }
    if (names.has(name))
      fail(where, `has two columns named ${quoteName(name)}.`, 'Give every column a name of its own.');
    names.add(name);
  }
  return [...names];
}

/**
 * The file's metadata once for each row group, cut down to one column: reads that run side by side in the library would
 * leave unhandled rejections behind where one of them fails.
 */
function columnParts(metadata: FileMetaData, name: string, where: Where): FileMetaData[] {
  return metadata.row_groups.map((group) => {
    const columns = group.columns.filter((column) => column.meta_data?.path_in_schema.join('.') === name);
    if (columns.length !== 1) fail(where, `is damaged: a row group lacks column ${quoteName(name)}.`, 'Save it again.');
    return { ...metadata, num_rows: group.num_rows, row_groups: [{ ...group, columns }] };
  });
}

/** The chunks of a column as numbers. */
function columnNumbers(chunks: readonly ArrayLike<unknown>[], rows: number, where: Where, name: string): Float64Array {
  const found = chunks.reduce((sum, { length }) => sum + length, 0);
  if (found !== rows) fail({ ...where, column: { name } }, `has ${found} rows, expected ${rows}.`, 'Save it again.');
  const numbers = new Float64Array(rows);
  let row = 0;
  for (const chunk of chunks) {
    for (let i = 0; i < chunk.length; i++, row++) numbers[row] = toNumber(chunk[i], where, name, row);
  }
  return numbers;
}

function toNumber(value: unknown, where: Where, name: string, row: number): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const at = { ...where, column: { name } };
  if (typeof value === 'bigint') {
    if (Number.isSafeInteger(Number(value))) return Number(value);
    fail(at, `row ${row} is ${value}, too large to be kept exactly.`, 'Use numbers below 2^53.');
  }
  if (value === null || value === undefined)
    fail(at, `row ${row} is missing.`, 'Fill in missing values or remove those rows.');
  const kind =
    value instanceof Date ? 'a date' : typeof value === 'string' || value instanceof Uint8Array ? 'text' : 'no number';
  fail(at, `row ${row} is ${kind}; only numbers are read.`, 'Encode categories and classes as integers 0, 1, 2, …');
}

/** Decompressors that never produce more than the file's own footer announces, nor more than fits in memory. */
function boundedCompressors(where: Where, metadata: FileMetaData): Compressors {
  let most = 0;
  for (const { columns } of metadata.row_groups) {
    for (const column of columns) most = Math.max(most, Number(column.meta_data?.total_uncompressed_size ?? 0));
  }
  checkSize(where, most, memoryLimit());
  const native: Compressors = {
    ...allCompressors,
    GZIP: (input, length) => gunzipSync(input, { maxOutputLength: Math.max(1, length) }),
    BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: Math.max(1, length) }),
    ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
  };
  const bounded = Object.entries(native).map(([codec, decompress]): [string, typeof decompress] => [
    codec,
    (input, length) => {
      if (!(length >= 0 && length <= most))
        fail(where, 'is damaged: a page is larger than its column.', 'Save it again.');
      return decompress(input, length);
    },
  ]);
  return Object.fromEntries(bounded);
}
