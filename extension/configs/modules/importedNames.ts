const FROM = /^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^()]*\)|[^\n#;()]+)/gm;
const IMPORT = /^[ \t]*import[ \t]+([^\n#;]+)/gm;

/** What the names that a Python text imports stand for, by their full names. */
export function importedNames(text: string): Map<string, string> {
  const names = new Map<string, string>();
  const each = (list: string, add: (name: string, alias: string | undefined) => void) => {
    for (const part of list.replace(/[()\\]|#.*/g, ' ').split(',')) {
      const [, name, alias] = /^\s*([\w.]+)(?:\s+as\s+(\w+))?\s*$/.exec(part) ?? [];
      if (name !== undefined) add(name, alias);
    }
  };
  for (const [, module, list] of text.matchAll(FROM))
    each(list, (name, alias) => names.set(alias ?? name, `${module}${module.endsWith('.') ? '' : '.'}${name}`));
  for (const [, list] of text.matchAll(IMPORT))
    each(list, (name, alias) =>
      names.set(alias ?? name.split('.')[0], alias === undefined ? name.split('.')[0] : name),
    );
  return names;
}
