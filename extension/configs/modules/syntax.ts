import type { SyntaxNode } from '@lezer/common';
import { parseString } from '../python/literals.ts';
import type { SourceRange } from '../source.ts';

export interface Argument {
  readonly key: string | undefined;
  readonly value: SyntaxNode;
  readonly starred: boolean;
}

export const rangeOf = ({ from, to }: SyntaxNode): SourceRange => ({ from, to });

/** The parts of an expression between its brackets and commas. */
export function parts(node: SyntaxNode): SyntaxNode[] {
  const result: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling)
    if (child.name !== 'Comment' && !/^[()[\]{},]$/.test(child.name)) result.push(child);
  return result;
}

/** The loop that a node's statement is repeated by, within its function; undefined where there is none. */
export function loopOf(node: SyntaxNode): number | undefined {
  for (let parent = node.parent; parent && parent.name !== 'FunctionDefinition'; parent = parent.parent)
    if (parent.name === 'ForStatement' || parent.name === 'WhileStatement') return parent.from;
  return undefined;
}

/** Whether a node's statement may be left out, each time that what is around it is carried out. */
export function isConditional(node: SyntaxNode): boolean {
  for (let parent = node.parent; parent; parent = parent.parent) {
    if (parent.name === 'IfStatement' || parent.name === 'TryStatement' || parent.name === 'MatchStatement')
      return true;
    if (/^(?:FunctionDefinition|ForStatement|WhileStatement)$/.test(parent.name)) return false;
  }
  return false;
}

/** Reads pieces of one Python text. */
export class Syntax {
  constructor(readonly text: string) {}

  slice = ({ from, to }: { from: number; to: number }): string => this.text.slice(from, to);

  arguments(list: SyntaxNode): Argument[] {
    const result: Argument[] = [];
    let starred = false;
    for (let node = list.firstChild; node; node = node.nextSibling) {
      if (node.name === '*' || node.name === '**') starred = true;
      if (/^[()[\],*]+$/.test(node.name) || node.name === 'Comment') continue;
      const equals = node.nextSibling?.name === 'AssignOp' ? node.nextSibling : undefined;
      if (equals?.nextSibling) {
        result.push({ key: this.slice(node), value: equals.nextSibling, starred: false });
        node = equals.nextSibling;
      } else result.push({ key: undefined, value: node, starred });
      starred = false;
    }
    return result;
  }

  /** `name` of `self.name`. */
  selfAttribute(node: SyntaxNode): string | undefined {
    if (node.name !== 'MemberExpression') return undefined;
    const [object, property] = [node.firstChild, node.getChild('PropertyName')];
    return object?.name === 'VariableName' && this.slice(object) === 'self' && property
      ? this.slice(property)
      : undefined;
  }

  stringOf(node: SyntaxNode): string | undefined {
    return node.name === 'String' ? parseString(this.slice(node)) : undefined;
  }

  /** Whether an expression is a text, written or put together. */
  isText(node: SyntaxNode): boolean {
    if (node.name === 'BinaryExpression') return node.firstChild !== null && this.isText(node.firstChild);
    return node.name === 'FormatString' || this.stringOf(node) !== undefined;
  }

  /** A name that an expression stands for: its texts, between which the program puts others when it runs. */
  nameOf(node: SyntaxNode): NamePattern {
    const string = this.stringOf(node);
    if (string !== undefined) return [string];
    if (node.name === 'FormatString') return this.formatted(node);
    if (node.name === 'BinaryExpression') {
      const [left, operator, right] = parts(node);
      if (left && right && this.slice(operator) === '+') return joined(this.nameOf(left), this.nameOf(right));
      const format = left && this.slice(operator) === '%' ? this.stringOf(left) : undefined;
      return format?.split(/%[-\d.]*[a-z]/) ?? anything;
    }
    // `"conv{}".format(i)`.
    const callee = node.name === 'CallExpression' ? node.firstChild : undefined;
    const format =
      callee?.name === 'MemberExpression' && callee.firstChild ? this.stringOf(callee.firstChild) : undefined;
    return format?.split(/\{[^{}]*\}/) ?? anything;
  }

  /** Of `f"conv{i}"`: `conv` and nothing. */
  private formatted(node: SyntaxNode): NamePattern {
    const [opening, quote] = /^\w*("""|'''|"|')/.exec(this.slice(node)) ?? ['', ''];
    const texts: string[] = [];
    let from = node.from + opening.length;
    for (const replacement of node.getChildren('FormatReplacement')) {
      texts.push(this.slice({ from, to: replacement.from }));
      from = replacement.to;
    }
    return [...texts, this.slice({ from, to: Math.max(from, node.to - quote.length) })];
  }
}

/** One text is the name itself; of more, something stands between each and the next. */
export type NamePattern = readonly string[];

const anything: NamePattern = ['', ''];

const joined = (left: NamePattern, right: NamePattern): NamePattern => [
  ...left.slice(0, -1),
  (left.at(-1) ?? '') + (right[0] ?? ''),
  ...right.slice(1),
];

/** Whether a name is of a pattern. */
export function fits(name: string, [first, ...others]: NamePattern): boolean {
  const last = others.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  // The first place that is possible leaves most room for the rest.
  for (const text of others) {
    const found = name.indexOf(text, at + 1);
    if (found < 0) return false;
    at = found + text.length;
  }
  return name.length - last.length > at && name.endsWith(last);
}
