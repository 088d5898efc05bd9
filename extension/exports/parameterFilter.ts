/** Which initializers train, by name. */
export interface ParameterFilter {
  /** Glob patterns for names in the file or in the original module; `*` matches anything. */
  readonly freeze?: readonly string[];
  readonly trainable?: readonly string[];
}

/** A glob in which only `*` is special, and matches anything at all. */
export function globToRegExp(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .split('*')
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );
}
