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
    if (typeof value === 'function') listen(element, name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child): child is Node | string => Boolean(child)));
  return element;
}

/** Replaces what an element holds. */
export function set(element: Element, ...children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
}

/** The listeners of an element by the kind of event: `patch` hands them on. */
const listeners = new WeakMap<Element, Map<string, EventListener>>();

function listen(element: Element, kind: string, listener: EventListener): void {
  const known = listeners.get(element) ?? new Map<string, EventListener>();
  if (!known.has(kind)) element.addEventListener(kind, (event) => listeners.get(element)?.get(kind)?.(event));
  listeners.set(element, known.set(kind, listener));
}

/**
 * Makes `children` what an element holds, and keeps what is there already: a child with the same `data-key`, else of the same
 * kind at the same place, is changed instead of replaced. So the focus, scroll positions, open details and a click that has
 * begun survive redrawing.
 */
export function patch(parent: Element, ...children: readonly Child[]): void {
  const focused = document.activeElement;
  patchChildren(
    parent,
    children.flatMap((child) => (child ? [typeof child === 'string' ? document.createTextNode(child) : child] : [])),
  );
  // What is moved loses the focus.
  if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused)
    focused.focus({ preventScroll: true });
}

function patchChildren(parent: Element, wanted: readonly Node[]): void {
  const keyed = new Map([...parent.children].map((child) => [keyOf(child), child]));
  let at = parent.firstChild;
  for (const node of wanted) {
    const key = keyOf(node);
    const old =
      key !== null ? keyed.get(key) : at && keyOf(at) === null && at.nodeName === node.nodeName ? at : undefined;
    if (!old || old.nodeName !== node.nodeName) {
      parent.insertBefore(node, at);
      continue;
    }
    if (old === at) at = at.nextSibling;
    else parent.insertBefore(old, at);
    patchNode(old, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const keyOf = (node: Node): string | null => (node instanceof Element ? node.getAttribute('data-key') : null);

function patchNode(old: Node, node: Node): void {
  if (!(old instanceof Element && node instanceof Element)) {
    if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue;
    return;
  }
  for (const { name, value } of node.attributes)
    if (name !== 'style' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  // Components have attributes of their own, and details are open because the user opened them.
  if (!old.localName.includes('-'))
    for (const { name } of [...old.attributes])
      if (name !== 'style' && name !== 'open' && !node.hasAttribute(name)) old.removeAttribute(name);
  // The page's policy forbids the attribute, but not what it stands for.
  if (old instanceof HTMLElement && node instanceof HTMLElement && old.style.cssText !== node.style.cssText)
    old.style.cssText = node.style.cssText;
  for (const [kind, listener] of listeners.get(node) ?? []) listen(old, kind, listener);
  patchChildren(old, [...node.childNodes]);
}
