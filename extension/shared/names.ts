/** Names come from files that anyone may have written: control and bidirectional characters are made visible, length is bounded. */
export function quoteName(name: string, limit = 120): string {
  const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${visible.length > limit ? `${visible.slice(0, limit)}…` : visible}"`;
}

/** The name of an operator, which needs no quotes where it is one; a damaged file may hold any other. */
export const quoteUnusual = (name: string): string => (/^[\w.:-]{1,100}$/.test(name) ? name : quoteName(name));
