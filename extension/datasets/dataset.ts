import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { checkSize, fail, InputFile, memoryLimit } from '../files/files.ts';
import { gunzipped, peek, plain } from '../files/streams.ts';
import { allocate, type Shape, type Tensor } from '../onnx/tensor.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Where } from '../shared/where.ts';
import type { ArrayPlace } from './arrayPlace.ts';
import type { DataFormat } from './format.ts';
import { detectFormat, isGzip, joinedFormats } from './formats.ts';
import { checkLength } from './samples.ts';

/** Arrays by name: 'x' and 'y' where the roles are known, every other array of the file under its own name. */
export interface Dataset {
  readonly arrays: ReadonlyMap<string, Tensor>;
  /** Where they were found, for messages. */
  readonly places?: ReadonlyMap<string, ArrayPlace>;
  /** Absolute paths of the files that were read. */
  readonly files: readonly string[];
  /** What was read, e.g. "npz", "idx", "cifar10". */
  readonly format: string;
}

/** Where the data is: either `data`, or `x` and, where there are labels, `y`. */
export interface DatasetSpec {
  /** One file with samples and labels; several CIFAR-10, CSV or Parquet files separated by commas are joined. */
  data?: string;
  /** A file with the samples (one array). */
  x?: string;
  /** A file with the labels (one array). */
  y?: string;
  /** Names of the arrays within an npz or safetensors file; x and y where not given. */
  xKey?: string;
  yKey?: string;
  /** Label column of CSV or Parquet, by name or position from 0. */
  label?: string;
}

interface Content {
  readonly format: DataFormat;
  readonly arrays: Map<string, Tensor>;
}

/**
 * Reads the files that `spec` names, by content where that tells the format, else by extension.
 * Checks that x and y have as many rows, and at least one. Throws an InspectorError for anything that cannot be read.
 */
export async function loadDataset(spec: DatasetSpec): Promise<Dataset> {
  const dataset = spec.data === undefined ? await loadPair(spec) : await loadOne(spec.data, spec);
  const [x, y] = [dataset.arrays.get('x'), dataset.arrays.get('y')];
  if (x) checkLength(x, y, dataset.places);
  return dataset;
}

async function loadOne(data: string, spec: DatasetSpec): Promise<Dataset> {
  if (spec.x !== undefined || spec.y !== undefined) {
    throw new InspectorError(
      'One data file and separate files for x and y were given.',
      'Give either data, or x and y.',
    );
  }
  const paths = await splitPaths(data);
  const parts: Content[] = [];
  for (const path of paths) parts.push(await readContent(path, spec));
  const { format } = parts[0];
  if (spec.label !== undefined && format.holds !== 'samples and labels') {
    throw new InspectorError(
      `A label column was given, but ${quoteName(paths[0])} is no table.`,
      'Say which arrays are x and y instead.',
    );
  }
  const arrays = parts.length === 1 ? parts[0].arrays : joinParts(paths, parts);
  if (format.holds === 'named arrays') assignRoles(arrays, spec, paths[0]);
  else if (spec.xKey !== undefined || spec.yKey !== undefined) {
    throw new InspectorError(
      `Array names were given, but ${quoteName(paths[0])} has no named arrays.`,
      'Leave the names out.',
    );
  }
  const own = new Map([
    ['x', spec.xKey],
    ['y', spec.yKey],
  ]);
  const places = new Map([...arrays.keys()].map((name) => [name, { files: paths, name: own.get(name) ?? name }]));
  return { arrays, places, files: paths.map((path) => resolve(path)), format: format.name };
}

async function loadPair(spec: DatasetSpec): Promise<Dataset> {
  if (spec.x === undefined) throw new InspectorError('No data was given.', 'Give a data file, or files for x and y.');
  if (spec.label !== undefined)
    throw new InspectorError('A label column was given without a table.', 'Give the table as data.');
  const arrays = new Map<string, Tensor>();
  const places = new Map<string, ArrayPlace>();
  const kinds = new Set<string>();
  const files: string[] = [];
  const roles = [
    ['x', spec.x, spec.xKey],
    ['y', spec.y, spec.yKey],
  ] as const;
  for (const [role, path, key] of roles) {
    if (path === undefined) continue;
    const content = await readContent(path);
    arrays.set(role, onlyArray(content, path, key, role));
    places.set(role, { files: [path], name: key });
    kinds.add(content.format.name);
    files.push(resolve(path));
  }
  return { arrays, places, files, format: [...kinds].join(' + ') };
}

/** The path itself where such a file exists, else its parts between commas. */
async function splitPaths(data: string): Promise<string[]> {
  const parts = data.split(',').map((part) => part.trim());
  if (parts.length === 1) return [data];
  const exists = await stat(data).then(
    () => true,
    () => false,
  );
  return exists ? [data] : parts;
}

function onlyArray({ format, arrays }: Content, path: string, key: string | undefined, role: string): Tensor {
  const where: Where = { file: path };
  if (format.holds === 'samples and labels') {
    fail(where, `holds samples and labels together, so that it cannot be ${role} alone.`, 'Give it as data.');
  }
  const names = [...arrays.keys()];
  if (key !== undefined && format.holds === 'named arrays') return named(arrays, key, where);
  if (names.length === 1) return arrays.get(names[0])!;
  fail(where, `holds ${names.length} arrays: ${list(names)}.`, `Name the one that is ${role}.`);
}

const list = (names: readonly string[]): string =>
  names
    .slice(0, 12)
    .map((name) => quoteName(name, 60))
    .join(', ') + (names.length > 12 ? ', …' : '');

function named(arrays: ReadonlyMap<string, Tensor>, key: string, where: Where): Tensor {
  const tensor = arrays.get(key);
  if (!tensor) fail(where, `has no array ${quoteName(key)}; it has ${list([...arrays.keys()])}.`, 'Name one of these.');
  return tensor;
}

/** Renames the arrays that `xKey` and `yKey` name to x and y; all others keep their names. */
function assignRoles(arrays: Map<string, Tensor>, spec: DatasetSpec, path: string): void {
  const keys = [
    ['x', spec.xKey],
    ['y', spec.yKey],
  ] as const;
  const chosen = keys.flatMap(([role, key]) =>
    key === undefined ? [] : [{ role, key, tensor: named(arrays, key, { file: path }) }],
  );
  for (const { key } of chosen) arrays.delete(key);
  for (const { role, tensor } of chosen) arrays.set(role, tensor);
}

async function readContent(path: string, { label, xKey = 'x', yKey = 'y' }: DatasetSpec = {}): Promise<Content> {
  return InputFile.use(path, async (file) => {
    const compressed = isGzip(await file.read(0, Math.min(2, file.size)));
    const source = compressed ? gunzipped(file) : plain(file);
    const format = detectFormat(await peek(source), path, file.where);
    if (compressed && !format.gzip) {
      fail(
        file.where,
        `is compressed with gzip, which is not read for ${format.name}.`,
        'Decompress it with gunzip first.',
      );
    }
    const announced = (shapes: ReadonlyMap<string, Shape>) => {
      const [x, y] = [shapes.get(xKey), shapes.get(yKey)];
      const places = new Map([
        ['x', { files: [path], name: xKey }],
        ['y', { files: [path], name: yKey }],
      ]);
      if (x) checkLength({ shape: x }, y && { shape: y }, places);
    };
    return { format, arrays: await format.read({ file, source, label, announced }) };
  });
}

/** Joins x and y of several files along the first axis. */
function joinParts(paths: readonly string[], parts: readonly Content[]): Map<string, Tensor> {
  const single = parts.find(({ format }) => !format.joins)?.format;
  if (single) {
    fail(
      { file: paths[0] },
      `is one of several files; only ${joinedFormats} are joined, not ${single.name}.`,
      'Give one file.',
    );
  }
  const join = (role: string): Tensor => {
    const tensors = parts.map(({ arrays }) => arrays.get(role)!);
    const [{ type, shape }] = tensors;
    const describe = (tensor: Tensor) =>
      `${tensor.type} [N${tensor.shape
        .slice(1)
        .map((dim) => `, ${dim}`)
        .join('')}]`;
    const odd = tensors.findIndex((tensor) => describe(tensor) !== describe(tensors[0]));
    if (odd > 0) {
      const found = `${role} is ${describe(tensors[odd])}, but ${describe(tensors[0])} in ${quoteName(paths[0])}`;
      fail({ file: paths[odd] }, `${found}.`, 'Files that are joined need the same columns and kinds of numbers.');
    }
    const rows = tensors.reduce((sum, tensor) => sum + tensor.shape[0], 0);
    const length = tensors.reduce((sum, tensor) => sum + tensor.data.length, 0);
    checkSize(
      { file: paths.join(',') },
      tensors.reduce((sum, { data }) => sum + data.byteLength, 0),
      memoryLimit(),
    );
    const data = allocate(type, length);
    let at = 0;
    for (const tensor of tensors) {
      data.set(tensor.data as never, at);
      at += tensor.data.length;
    }
    return { type, shape: [rows, ...shape.slice(1)], data };
  };
  return new Map([
    ['x', join('x')],
    ['y', join('y')],
  ]);
}
