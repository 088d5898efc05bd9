import { dirname } from 'node:path';
import type { Finding } from '../assemble.ts';
import { composed } from '../data/compose.ts';
import { type DataNode, findingOf } from '../data/tree.ts';
import type { Evaluator } from './evaluate.ts';
import { moved } from './foreign.ts';
import { type DictEntry, type Evaluated, literal, scalarOf, unknownAt, type Value } from './values.ts';

type Node = { from: number; to: number };

/** The path that a value stands for. */
export function pathOf(value: Evaluated): string | undefined {
  if (value.value.kind === 'path') return value.value.path;
  const text = scalarOf(value);
  return typeof text === 'string' && !/[\n{]/.test(text) ? text : undefined;
}

/** The content of a data file that a script reads; entries are read as attributes where the reader makes them so. */
export function loadedFile(evaluator: Evaluator, node: Node, path: Evaluated, attributes: boolean): Evaluated {
  const written = pathOf(path);
  const file = written === undefined ? undefined : evaluator.imports.locate(written, evaluator.path);
  if (file === undefined) return unknownAt(node);
  if (file.endsWith('.py')) return unknownAt(node);
  const [document] = evaluator.imports.documents(file);
  return document ? fromData(document, node, file, evaluator.path, attributes) : unknownAt(node);
}

/** Hydra's configuration of a script: `@hydra.main(config_path=…, config_name=…)`. */
export function hydraConfig(evaluator: Evaluator, node: Node, folder: string, name: string): Evaluated {
  const from = evaluator.path;
  if (from === undefined) return unknownAt(node);
  const base = folder.startsWith('/') ? folder : `${dirname(from)}/${folder}`;
  const result = composed(base, name, (path) => evaluator.imports.documents(path));
  return result ? fromData(result, node, '', from, true) : unknownAt(node);
}

/** A document as a value. Ranges carry `file`, unless the nodes say their own. */
export function fromData(
  root: DataNode,
  node: Node,
  file: string,
  to: string | undefined,
  attributes: boolean,
): Evaluated {
  let count = 0;
  const convert = (data: DataNode, depth: number): Evaluated => {
    if (++count > 20_000 || depth > 40) return unknownAt(data.range);
    if (data.kind === 'map') {
      const entries = [...data.entries].map(([key, entry]): [string, DictEntry] => [
        key,
        { keyRange: entry.keyRange, value: convert(entry.value, depth + 1) },
      ]);
      return literal(data.range, {
        kind: 'dict',
        entries: new Map(entries),
        open: false,
        ...(attributes && { attributes }),
      });
    }
    if (data.kind === 'list') {
      const items = data.items.slice(0, 64).map((item) => convert(item, depth + 1));
      return literal(data.range, { kind: 'sequence', items });
    }
    return fromFinding(findingOf(data, root));
  };
  const value = moved(convert(root, 0), file === '' ? undefined : file, to);
  return { value: value.value, from: 'resolved', range: node, sourceRange: value.range };
}

function fromFinding({ value, range, from, sourceRange }: Finding): Evaluated {
  if (value === undefined || from === 'unknown') return unknownAt(range);
  const at = sourceRange ?? range;
  const found: Value = Array.isArray(value)
    ? { kind: 'sequence', items: value.map(fromFinding) }
    : { kind: 'scalar', value: value as never };
  return { value: found, from: 'literal', range: at };
}
