import { readSync } from 'node:fs';
import { useRegularFile } from '../files/regular.ts';
import { nth } from './checked.ts';

/** Fields of ONNX's messages that lead to the names of a model's outputs. */
const graphField = 7;
const outputField = 12;
const nameField = 1;

const largestFile = 2 ** 31 - 1;
/** A file with more records than any graph has is not looked through to its end. */
const mostRecords = 2_000_000;
const windowBytes = 1 << 16;
const longestName = 1000;

/**
 * The names of a model's outputs, in their order, without reading its weights: records are stepped over where they lie. Empty
 * for what is no model; whoever runs it says why.
 */
export function outputsOf(path: string): readonly string[] {
  try {
    return useRegularFile(path, largestFile, ({ descriptor, size }) => {
      const names: string[] = [];
      const records = new Records(descriptor);
      for (const graph of records.in(0, size))
        if (graph.field === graphField)
          for (const output of records.in(graph.from, graph.to))
            if (output.field === outputField)
              for (const part of records.in(output.from, output.to))
                if (part.field === nameField) names.push(records.text(part.from, Math.min(part.to, part.from + longestName))); // biome-ignore format: one line
      return names;
    });
  } catch {
    return [];
  }
}

interface Record {
  readonly field: number;
  readonly from: number;
  readonly to: number;
}

/** The records of protobuf messages in a file. */
class Records {
  private readonly window = Buffer.alloc(windowBytes);
  private start = 0;
  private filled = 0;
  private count = 0;

  constructor(private readonly descriptor: number) {}

  /** The records between two positions that have a length of their own; throws where they do not fit in between. */
  *in(from: number, to: number): Generator<Record> {
    let at = from;
    while (at < to) {
      if (++this.count > mostRecords) throw new Error('too many records');
      const [tag, afterTag] = this.varint(at);
      const [field, wire] = [Math.floor(tag / 8), tag % 8];
      const [length, begin] = wire === 2 ? this.varint(afterTag) : [wire === 1 ? 8 : wire === 5 ? 4 : 0, afterTag];
      if (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) throw new Error('no record');
      at = wire === 0 ? this.varint(afterTag)[1] : begin + length;
      if (at > to) throw new Error('a record is cut off');
      if (wire === 2) yield { field, from: begin, to: at };
    }
  }

  text(from: number, to: number): string {
    return Buffer.from(Array.from({ length: to - from }, (_, i) => this.byte(from + i))).toString('utf8');
  }

  private varint(at: number): [value: number, after: number] {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.byte(at + i);
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return [value, at + i + 1];
    }
    throw new Error('no number');
  }

  private byte(at: number): number {
    if (at < this.start || at >= this.start + this.filled) {
      this.filled = readSync(this.descriptor, this.window, 0, windowBytes, at);
      this.start = at;
      if (this.filled === 0) throw new Error('cut off');
    }
    return nth(this.window, at - this.start);
  }
}
