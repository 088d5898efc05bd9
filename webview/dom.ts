/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

export type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, unknown>>;

/**
 * An element with attributes and children. Strings become text nodes, never markup: names come from files that anyone may
 * have written. Attributes that begin with "on" are listeners.
 */
export function h(tag: string, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElement {
  return fill(document.createElement(tag), attributes, children);
}

export const svg = (tag: string, attributes: Attributes = {}, ...children: readonly Child[]): SVGElement =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children) as SVGElement;

export const mathml = (tag: string, attributes: Attributes = {}, ...children: readonly Child[]): MathMLElement =>
  fill(document.createElementNS('http://www.w3.org/1998/Math/MathML', tag), attributes, children) as MathMLElement;

function fill<T extends Element>(element: T, attributes: Attributes, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Replaces what an element holds. */
export function set(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}
