import type { Finding } from '../assemble.ts';
import type { Scalar } from '../config.ts';
import type { SourceRange } from '../source.ts';

/** Nodes of one document; beyond it the rest of a document is not looked at (alias bombs, generated files). */
export const NODE_LIMIT = 200_000;
export const DEPTH_LIMIT = 60;

/** YAML, JSON, TOML and literal Python dictionaries, reduced to what they have in common. */
export type DataNode = MapNode | ListNode | ScalarNode;

interface Located {
  readonly range: SourceRange;
  /** Where the value was written, if not here: YAML aliases and merge keys, Python names. */
  readonly sourceRange?: SourceRange;
}

export interface MapNode extends Located {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, DataEntry>;
}

export interface ListNode extends Located {
  readonly kind: 'list';
  readonly items: readonly DataNode[];
}

export interface ScalarNode extends Located {
  readonly kind: 'scalar';
  /** Undefined: present, but not decidable. */
  readonly value: Scalar | undefined;
}

export interface DataEntry {
  readonly keyRange: SourceRange;
  readonly value: DataNode;
}

/** The entry's text, if it is a string. */
export function textAt(map: MapNode, key: string): string | undefined {
  const node = map.entries.get(key)?.value;
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

const NUMBER = /^[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?$/;
const PAIR = /^[([]([^,]*),([^,]*?),?\s*[)\]]$/;
/** `${oc.env:WD,0.01}`: what holds where the environment says nothing. */
const ENVIRONMENT = /^\$\{\s*oc\.env:\s*\w+\s*,\s*([^{}]+?)\s*\}$/;
const INTERPOLATION = /^\$\{\s*(?:oc\.decode:)?([\w.]+)\s*\}$/;

const numberIn = (text: string): number | undefined =>
  NUMBER.test(text) ? Number(text.replaceAll('_', '')) : undefined;

/**
 * What a node says as an argument. Numbers in quotes count as numbers (PyYAML reads `1e-3` as text), and OmegaConf's
 * absolute interpolations `${a.b}` are followed in `root`.
 */
export function findingOf(node: DataNode, root: DataNode, hops = 0): Finding {
  const { range, sourceRange } = node;
  const origin = { range, from: sourceRange ? 'resolved' : 'literal', ...(sourceRange && { sourceRange }) } as const;
  if (node.kind === 'map') return { value: undefined, from: 'unknown', range };
  if (node.kind === 'list') {
    return { ...origin, value: node.items.slice(0, 16).map((item) => findingOf(item, root, hops)) };
  }
  const { value } = node;
  if (value === undefined) return { value: undefined, from: 'unknown', range };
  if (typeof value !== 'string') return { ...origin, value };
  const number = numberIn(value);
  if (number !== undefined) return { ...origin, value: number };
  // `(0.9, 0.98)`: Python's tuples are text in YAML.
  const pair = PAIR.exec(value)
    ?.slice(1)
    .map((part) => numberIn(part.trim()));
  if (pair?.every((item) => item !== undefined))
    return { ...origin, value: pair.map((item) => ({ ...origin, value: item })) };
  if (!value.includes('${')) return { ...origin, value };
  const fallback = numberIn(ENVIRONMENT.exec(value)?.[1] ?? '');
  if (fallback !== undefined) return { value: fallback, from: 'resolved', range, sourceRange: range };
  const path = INTERPOLATION.exec(value)?.[1];
  const target = path === undefined || hops > 4 ? undefined : lookUp(root, path.split('.'));
  if (!target) return { value: undefined, from: 'unknown', range };
  const found = findingOf(target, root, hops + 1);
  if (found.from === 'unknown') return { value: undefined, from: 'unknown', range };
  return { value: found.value, from: 'resolved', range, sourceRange: found.sourceRange ?? found.range };
}

function lookUp(root: DataNode, path: readonly string[]): DataNode | undefined {
  let node: DataNode | undefined = root;
  for (const key of path) node = node?.kind === 'map' ? node.entries.get(key)?.value : undefined;
  return node;
}
