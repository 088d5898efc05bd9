import { getHeapStatistics } from 'node:v8';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { InspectorError } from '../shared/errors.ts';
import { byteCount } from '../shared/format.ts';
import type { Where } from '../shared/where.ts';

/** Protobuf's own limit on messages inside messages. Each subgraph takes three (graph, node, attribute). */
const deepestMessage = 100;

type WireType = 0 | 1 | 2 | 5;

interface Field {
  readonly name: string;
  readonly wire: WireType;
  /** Schema of the submessage. */
  readonly message: DescMessage | undefined;
  /** Numbers of a repeated field, which may also be packed into one record of wire type 2. */
  readonly packable: boolean;
  /** Memory that one decoded element takes, bytes; measured for protobuf-es on V8, rounded up. */
  readonly cost: number;
}

const fixed64: ReadonlySet<ScalarType> = new Set([ScalarType.DOUBLE, ScalarType.FIXED64, ScalarType.SFIXED64]);
const fixed32: ReadonlySet<ScalarType> = new Set([ScalarType.FLOAT, ScalarType.FIXED32, ScalarType.SFIXED32]);
const big: ReadonlySet<ScalarType> = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64]);
const costs = { message: 450, bytes: 110, text: 24, bigint: 40, number: 28 };

function fieldOf(field: DescField): Field {
  const message = field.message;
  const scalar = field.scalar;
  const chars = scalar === ScalarType.STRING || scalar === ScalarType.BYTES;
  const wire = message || chars ? 2 : scalar && fixed64.has(scalar) ? 1 : scalar && fixed32.has(scalar) ? 5 : 0;
  const cost = message
    ? costs.message
    : scalar === ScalarType.BYTES
      ? costs.bytes
      : scalar === ScalarType.STRING
        ? costs.text
        : scalar && big.has(scalar)
          ? costs.bigint
          : costs.number;
  return { name: field.name, wire, message, packable: field.fieldKind === 'list' && wire !== 2, cost };
}

const tables = new WeakMap<DescMessage, ReadonlyMap<number, Field>>();

function fieldsOf(message: DescMessage): ReadonlyMap<number, Field> {
  let table = tables.get(message);
  if (!table) {
    table = new Map(message.fields.map((field) => [field.number, fieldOf(field)]));
    tables.set(message, table);
  }
  return table;
}

/**
 * Walks the records of an encoded message before it is decoded: every length lies inside its message, every number is
 * whole, every field has the wire type of its schema, messages nest at most 100 deep, and what is decoded will fit the
 * memory. Data of tensors is stepped over, so the time does not depend on its size.
 * Throws an InspectorError with the position of the first fault; `where` is its place.
 */
export function checkWire(schema: DescMessage, bytes: Uint8Array, where: Where): void {
  new Walker(bytes, where).message(schema, bytes.length, 1);
}

class Walker {
  private at = 0;
  private memory = 0;
  private readonly path: string[] = [];
  private readonly bytes: Uint8Array;
  private readonly where: Where;
  private readonly memoryLimit = getHeapStatistics().heap_size_limit / 2;

  constructor(bytes: Uint8Array, where: Where) {
    this.bytes = bytes;
    this.where = where;
  }

  message(schema: DescMessage, end: number, depth: number): void {
    if (depth > deepestMessage)
      this.fail(this.at, `messages nest deeper than ${deepestMessage} (subgraphs deeper than 32)`);
    const fields = fieldsOf(schema);
    while (this.at < end) {
      const start = this.at;
      const tag = this.number(end);
      const wire = tag % 8;
      const field = fields.get(Math.floor(tag / 8));
      if (tag < 8 || tag > 0xffffffff) this.fail(start, 'a record has an impossible field number');
      this.path.push(field?.name ?? `field ${Math.floor(tag / 8)}`);
      if (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)
        this.fail(start, `a record has wire type ${wire}, which ONNX does not use`);
      if (field && wire !== field.wire && !(field.packable && wire === 2))
        this.fail(start, `a record has wire type ${wire} where ${field.wire} is expected`);
      this.record(field, wire, start, end, depth);
      this.path.pop();
    }
  }

  private record(field: Field | undefined, wire: WireType, start: number, end: number, depth: number): void {
    if (wire !== 2) {
      if (wire === 0) this.number(end);
      else this.skip(wire === 1 ? 8 : 4, start, end);
      this.count(field?.packable ? field.cost : 0);
      return;
    }
    const length = this.number(end);
    const stop = this.at + length;
    if (stop > end) this.fail(start, `a record announces ${length} bytes where ${end - this.at} remain`);
    if (field?.message) {
      this.count(field.cost);
      this.message(field.message, stop, depth + 1);
    } else if (field?.packable) {
      this.packed(field, length, start, stop);
    } else if (field) {
      this.count(field.cost + (field.cost === costs.text ? length : 0));
    }
    this.at = stop;
  }

  /** Numbers without tags between them. */
  private packed(field: Field, length: number, start: number, stop: number): void {
    if (field.wire === 0) {
      for (; this.at < stop; this.count(field.cost)) this.number(stop);
      return;
    }
    const size = field.wire === 1 ? 8 : 4;
    if (length % size !== 0) this.fail(start, `${length} bytes are no whole number of values of ${size} bytes`);
    this.count((length / size) * field.cost);
  }

  private skip(length: number, start: number, end: number): void {
    this.at += length;
    if (this.at > end) this.fail(start, `a number of ${length} bytes is cut off`);
  }

  /** A varint; exact below 2^53, which is all that lengths and tags may be. */
  private number(end: number): number {
    const start = this.at;
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (this.at >= end) this.fail(start, 'a number is cut off');
      if (this.at - start >= 10) this.fail(start, 'a number is longer than 10 bytes');
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  private count(cost: number): void {
    this.memory += cost;
    if (this.memory > this.memoryLimit) {
      throw new InspectorError(
        `decoding it would take more than the ${byteCount(this.memoryLimit)} of memory that are set aside for this.`,
        'Store tensors as raw data (onnx.save does so) or beside the model as external data.',
        { where: this.where },
      );
    }
  }

  private fail(at: number, problem: string): never {
    const field = this.path.length > 0 ? ` in ${this.path.slice(-6).join('.')}` : '';
    throw new InspectorError(
      `is not a readable ONNX model: at byte ${at}${field}, ${problem}.`,
      'The file is truncated, damaged or of another format; copy, download or export it again.',
      { where: this.where },
    );
  }
}
