import type { InputFile } from '../files/files.ts';
import type { ByteSource } from '../files/streams.ts';
import type { Shape, Tensor } from '../onnx/tensor.ts';

/** A file that is open for reading. */
export interface OpenedFile {
  readonly file: InputFile;
  /** Its bytes, decompressed where the file is a gzip file. */
  readonly source: ByteSource;
  /** Label column of a table, by name or position from 0. */
  readonly label?: string;
  /** Called with the shapes that the file announces, before any of its data is read; throws where they do not fit. */
  announced?(shapes: ReadonlyMap<string, Shape>): void;
}

/** One format of data sets: a file of its own, and a row in `formats.ts`. */
export interface DataFormat {
  /** As it stands in `run.json`: `npz`, `cifar10`. */
  readonly name: string;
  /** What such a file is, for messages: "npz file (a zip archive of arrays)". */
  readonly description: string;
  /** Endings of file names, without the dot and without `.gz`. */
  readonly extensions: readonly string[];
  /** How help and messages name it, where the endings alone do not say enough. */
  readonly shown?: string;
  /** True where it is read as `.gz`, too. */
  readonly gzip: boolean;
  /** Arrays by name, one array without a name, or a table of samples with labels. */
  readonly holds: 'named arrays' | 'one array' | 'samples and labels';
  /** True where several files are joined along the first axis. */
  readonly joins: boolean;
  /** True where the first bytes (and the ending) say that it is this format; formats without it are told by their ending alone. */
  recognises?(prefix: Uint8Array, extension: string | undefined): boolean;
  /**
   * The arrays by name; one array is named x, samples and labels are named x and y.
   * Throws an InspectorError for what cannot be read.
   */
  read(opened: OpenedFile): Promise<Map<string, Tensor>>;
}

/** The arrays of a format that holds one. */
export const oneArray = (x: Tensor): Map<string, Tensor> => new Map([['x', x]]);

/** The arrays of a format that holds samples and labels. */
export const samplesAndLabels = ({ x, y }: { readonly x: Tensor; readonly y: Tensor }): Map<string, Tensor> =>
  new Map([
    ['x', x],
    ['y', y],
  ]);
