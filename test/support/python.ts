import { spawnSync } from 'node:child_process';

/** The interpreter that programs in Python are tried with: PYTHON names one that has their packages. */
export const python = process.env.PYTHON ?? 'python3';

const lacking = `import importlib.util, sys
print(*(name for name in sys.argv[1:] if importlib.util.find_spec(name) is None))`;

/** Those of these modules that the interpreter lacks, without importing them, which takes seconds each; all where there is none. */
export function missing(modules: readonly string[]): string[] {
  const { status, stdout } = spawnSync(python, ['-c', lacking, ...modules], { encoding: 'utf8' });
  return status === 0 ? stdout.split(/\s+/).filter(Boolean) : [...modules];
}

/** The version of PyTorch, which must be there. */
export function torchVersion(): readonly [major: number, minor: number] {
  const program = 'import importlib.metadata; print(importlib.metadata.version("torch"))';
  const { stdout } = spawnSync(python, ['-c', program], { encoding: 'utf8' });
  const [major, minor] = stdout.split('.').map(Number) as [number, number];
  return [major, minor];
}
