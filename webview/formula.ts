import { type Child, mathml } from './dom.ts';

/**
 * A formula as MathML. Notation: `a_b`, `a^b`, `a_{b c}`, `√ ( … )`, and `x / y` as a fraction, in which a group in
 * parentheses loses them; everything else is shown as it stands.
 */
export function formula(text: string): MathMLElement {
  const parser = new Parser(text.match(/[{}()/√_^]|[^\s{}()/√_^]+/g) ?? []);
  return mathml('math', { display: 'block' }, mathml('mrow', {}, ...parser.sequence()));
}

interface Atom {
  readonly node: MathMLElement;
  /** Without the parentheses around it. */
  readonly inner: MathMLElement;
}

class Parser {
  private at = 0;
  constructor(private readonly tokens: readonly string[]) {}

  sequence(end?: string): MathMLElement[] {
    const nodes: MathMLElement[] = [];
    while (this.at < this.tokens.length && this.tokens[this.at] !== end) {
      const left = this.scripted();
      if (this.tokens[this.at] === '/') {
        this.at++;
        nodes.push(mathml('mfrac', {}, left.inner, this.scripted().inner));
      } else nodes.push(left.node);
    }
    this.at++;
    return nodes;
  }

  /** An atom with its subscript and superscript. */
  private scripted(): Atom {
    const base = this.atom();
    const scripts = new Map<string, MathMLElement>();
    while (this.tokens[this.at] === '_' || this.tokens[this.at] === '^')
      scripts.set(this.tokens[this.at++], this.atom().inner);
    const [sub, sup] = [scripts.get('_'), scripts.get('^')];
    if (!sub && !sup) return base;
    const tag = sub && sup ? 'msubsup' : sub ? 'msub' : 'msup';
    const node = mathml(tag, {}, base.node, sub, sup);
    return { node, inner: node };
  }

  private atom(): Atom {
    const token = this.tokens[this.at++] ?? '';
    if (token === '√') {
      const node = mathml('msqrt', {}, this.atom().inner);
      return { node, inner: node };
    }
    if (token === '(' || token === '{') {
      const content: Child[] = this.sequence(token === '(' ? ')' : '}');
      const inner = mathml('mrow', {}, ...content);
      if (token === '{') return { node: inner, inner };
      return {
        node: mathml('mrow', {}, mathml('mo', {}, '('), inner.cloneNode(true), mathml('mo', {}, ')')),
        inner,
      };
    }
    const kind = /^[\d.]+$/.test(token) ? 'mn' : /^[\p{L}\d]+$/u.test(token) ? 'mi' : 'mo';
    const node = mathml(kind, {}, token);
    return { node, inner: node };
  }
}
