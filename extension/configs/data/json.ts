import { findNodeAtLocation, type Node, type ParseError, parseTree } from 'jsonc-parser/lib/esm/main.js';
import { type DataEntry, type DataNode, DEPTH_LIMIT } from './tree.ts';

/** JSON with comments and trailing commas; broken text yields what could be read of it. */
export function parseJson(text: string): DataNode[] {
  // The parser recurses; text nested deeper than the stack is nothing that a person wrote.
  if (tooDeep(text)) return [];
  const root = parseTree(text, [], { allowTrailingComma: true, disallowComments: false });
  return root ? [convert(root, 0)] : [];
}

function convert(node: Node, depth: number): DataNode {
  const range = { from: node.offset, to: node.offset + node.length };
  if (depth > DEPTH_LIMIT) return { kind: 'scalar', range, value: undefined };
  if (node.type === 'object') {
    const entries = new Map<string, DataEntry>();
    for (const property of node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (typeof key?.value !== 'string' || !value) continue;
      const keyRange = { from: key.offset, to: key.offset + key.length };
      entries.set(key.value, { keyRange, value: convert(value, depth + 1) });
    }
    return { kind: 'map', range, entries };
  }
  if (node.type === 'array') {
    return { kind: 'list', range, items: (node.children ?? []).map((item) => convert(item, depth + 1)) };
  }
  return { kind: 'scalar', range, value: node.value };
}

/** Whether brackets nest deeper than 500, counted outside strings; in languages with other strings, everywhere. */
export function tooDeep(text: string, hasOtherStrings = false): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 34 && !hasOtherStrings) {
      for (i++; i < text.length && text.charCodeAt(i) !== 34 && text.charCodeAt(i) !== 10; i++) {
        if (text.charCodeAt(i) === 92) i++;
      }
    } else if (c === 123 || c === 91) {
      if (++depth > 500) return true;
    } else if (c === 125 || c === 93) depth--;
  }
  return false;
}

/** The line of a text's first fault, from 1; undefined where there is none for a parser that allows comments. */
export function faultyLine(text: string): number | undefined {
  if (tooDeep(text)) return undefined;
  const faults: ParseError[] = [];
  parseTree(text, faults);
  return faults.length > 0 ? lineAt(text, faults[0].offset) : undefined;
}

/** The line at which a value begins, from 1; undefined where there is no such value. */
export function lineOf(text: string, path: (string | number)[]): number | undefined {
  const tree = tooDeep(text) ? undefined : parseTree(text);
  const node = tree && findNodeAtLocation(tree, path);
  return node && lineAt(text, node.offset);
}

const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;
