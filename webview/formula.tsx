import type { ComponentChild } from 'preact';

/**
 * A formula as MathML. Notation: `a_b`, `a^b`, `a_{b c}`, `√ ( … )`, and `x / y` as a fraction, in which a group in
 * parentheses loses them; everything else is shown as it stands.
 */
export function Formula({ text }: { readonly text: string }) {
  const parser = new Parser(text.match(/[{}()/√_^]|[^\s{}()/√_^]+/g) ?? []);
  return (
    <math display="block">
      <mrow>{parser.sequence()}</mrow>
    </math>
  );
}

interface Atom {
  readonly node: ComponentChild;
  /** Without the parentheses around it. */
  readonly inner: ComponentChild;
}

class Parser {
  private at = 0;
  constructor(private readonly tokens: readonly string[]) {}

  sequence(end?: string): ComponentChild[] {
    const nodes: ComponentChild[] = [];
    while (this.at < this.tokens.length && this.tokens[this.at] !== end) {
      const left = this.scripted();
      if (this.tokens[this.at] === '/') {
        this.at++;
        nodes.push(
          <mfrac>
            {left.inner}
            {this.scripted().inner}
          </mfrac>,
        );
      } else nodes.push(left.node);
    }
    this.at++;
    return nodes;
  }

  /** An atom with its subscript and superscript. */
  private scripted(): Atom {
    const base = this.atom();
    const scripts = new Map<string, ComponentChild>();
    while (this.tokens[this.at] === '_' || this.tokens[this.at] === '^')
      scripts.set(this.tokens[this.at++], this.atom().inner);
    const [sub, sup] = [scripts.get('_'), scripts.get('^')];
    if (!sub && !sup) return base;
    const Tag = sub && sup ? 'msubsup' : sub ? 'msub' : 'msup';
    const node = (
      <Tag>
        {base.node}
        {sub}
        {sup}
      </Tag>
    );
    return { node, inner: node };
  }

  private atom(): Atom {
    const token = this.tokens[this.at++] ?? '';
    if (token === '√') {
      const node = <msqrt>{this.atom().inner}</msqrt>;
      return { node, inner: node };
    }
    if (token === '(' || token === '{') {
      const inner = <mrow>{this.sequence(token === '(' ? ')' : '}')}</mrow>;
      if (token === '{') return { node: inner, inner };
      const node = (
        <mrow>
          <mo>(</mo>
          {inner}
          <mo>)</mo>
        </mrow>
      );
      return { node, inner };
    }
    const Tag = /^[\d.]+$/.test(token) ? 'mn' : /^[\p{L}\d]+$/u.test(token) ? 'mi' : 'mo';
    const node = <Tag>{token}</Tag>;
    return { node, inner: node };
  }
}
