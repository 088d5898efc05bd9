import type { SyntaxNode } from '@lezer/common';
import type { Finding } from '../assemble.ts';
import type { Scalar } from '../config.ts';
import type { SourceRange } from '../source.ts';
import type { Call, Scope } from './scope.ts';

/** What an expression is known to be. */
export type Value =
  | { readonly kind: 'scalar'; readonly value: Scalar }
  | { readonly kind: 'sequence'; readonly items: readonly Evaluated[] }
  /** `open`: there may be further keys. `attributes`: entries are read as attributes (SimpleNamespace and its like). */
  | {
      readonly kind: 'dict';
      readonly entries: ReadonlyMap<string, DictEntry>;
      readonly open: boolean;
      readonly attributes?: boolean;
    }
  /** Something imported, by its full name. */
  | { readonly kind: 'reference'; readonly name: string }
  /** What `parse_args` returns; `scope` is the module whose options they are. */
  | { readonly kind: 'namespace'; readonly scope: Scope }
  | { readonly kind: 'class' | 'function'; readonly scope: Scope }
  /** An object of a class of this file; `call` is the call that made it. */
  | { readonly kind: 'instance'; readonly scope: Scope; readonly call?: Call }
  /** Lightning's `self.hparams`: the parameters of the class's `__init__`. */
  | { readonly kind: 'hparams'; readonly scope: Scope }
  /** `functools.partial(callee, …)`. */
  | { readonly kind: 'partial' }
  /** Constructors of which one is chosen when the program runs. */
  | { readonly kind: 'choice'; readonly options: readonly Evaluated[] }
  /** An option that is None unless the command line gives it. */
  | { readonly kind: 'unset' }
  /** A file by its path, open or not, or its text. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'schedule'; readonly name: string; readonly peak?: Evaluated }
  /** A run of Weights & Biases, whose `config` is known. */
  | { readonly kind: 'tracker'; readonly config: Evaluated }
  /** A parser of dataclasses: what it returns. */
  | { readonly kind: 'parser'; readonly result: Evaluated }
  | { readonly kind: 'unknown' };

export interface DictEntry {
  readonly keyRange: SourceRange;
  readonly value: Evaluated;
}

export interface Evaluated {
  readonly value: Value;
  readonly from: 'literal' | 'resolved' | 'unknown';
  readonly range: SourceRange;
  readonly sourceRange?: SourceRange;
}

export function rangeOf(node: { from: number; to: number }): SourceRange {
  return { from: node.from, to: node.to };
}

export function unknownAt(node: { from: number; to: number }): Evaluated {
  return { value: { kind: 'unknown' }, from: 'unknown', range: rangeOf(node) };
}

export function literal(node: { from: number; to: number }, value: Value): Evaluated {
  return { value, from: 'literal', range: rangeOf(node) };
}

/** The same value seen from where its name is used. Constructors and their like are as good as written there. */
export function resolvedAt(node: { from: number; to: number }, source: Evaluated, isName = false): Evaluated {
  if (source.from === 'unknown') return unknownAt(node);
  const { kind } = source.value;
  if (isName && (kind === 'class' || kind === 'function' || kind === 'reference')) return literal(node, source.value);
  return {
    value: source.value,
    from: 'resolved',
    range: rangeOf(node),
    sourceRange: source.sourceRange ?? source.range,
  };
}

/** A value computed from others: literal if they all are. */
export function computed(node: { from: number; to: number }, value: Scalar, parts: readonly Evaluated[]): Evaluated {
  const source = parts.find((part) => part.from === 'resolved');
  const result: Value = { kind: 'scalar', value };
  return source
    ? { value: result, from: 'resolved', range: rangeOf(node), sourceRange: source.sourceRange ?? source.range }
    : literal(node, result);
}

export function scalarOf(evaluated: Evaluated): Scalar | undefined {
  return evaluated.value.kind === 'scalar' ? evaluated.value.value : undefined;
}

/** An evaluated expression as an argument. */
export function toFinding(evaluated: Evaluated): Finding {
  const { value, from, range, sourceRange } = evaluated;
  const origin = { from, range, ...(sourceRange && { sourceRange }) };
  if (value.kind === 'scalar') return { ...origin, value: value.value };
  if (value.kind === 'sequence') return { ...origin, value: value.items.map(toFinding) };
  if (value.kind === 'schedule') {
    const schedule = { name: value.name, range };
    if (!value.peak) return { value: undefined, from: 'unknown', range, schedule };
    const peak = toFinding(value.peak);
    if (from !== 'resolved' || peak.from === 'unknown') return { ...peak, schedule };
    return { value: peak.value, from, range, sourceRange: peak.sourceRange ?? peak.range, schedule };
  }
  return { value: undefined, from: 'unknown', range };
}

/** The arguments of a call, sorted out. */
export interface Arguments {
  readonly positional: readonly SyntaxNode[];
  readonly keywords: ReadonlyMap<string, { readonly key: SyntaxNode; readonly value: SyntaxNode | undefined }>;
  /** The expressions after `**`. */
  readonly unpacked: readonly SyntaxNode[];
  /** `*args` occurs: positional arguments after it are not known. */
  readonly starred: boolean;
}

/** Reads an argument list; half-typed arguments have no value. */
export function readArguments(list: SyntaxNode | null | undefined, text: string): Arguments {
  const positional: SyntaxNode[] = [];
  const keywords = new Map<string, { key: SyntaxNode; value: SyntaxNode | undefined }>();
  const unpacked: SyntaxNode[] = [];
  let starred = false;
  for (let child = list?.firstChild ?? null; child; child = child.nextSibling) {
    const next: SyntaxNode | null = child.nextSibling;
    if (child.name === '*') {
      starred = true;
      if (next) child = next;
    } else if (child.name === '**') {
      if (next && next.name !== ',' && next.name !== ')') {
        unpacked.push(next);
        child = next;
      }
    } else if (child.name === 'VariableName' && next?.name === 'AssignOp') {
      const value: SyntaxNode | null = next.nextSibling;
      const present = value && value.name !== ',' && value.name !== ')' && !value.type.isError;
      const name = text.slice(child.from, child.to);
      keywords.set(name, { key: child, value: present ? value : undefined });
      child = present ? value : next;
    } else if (child.name === 'for' || child.name === 'async') break;
    else if (!/^[(),]$|^Comment$/.test(child.name) && !child.type.isError && !starred) positional.push(child);
  }
  return { positional, keywords, unpacked, starred };
}
