import { ModulePaths } from '../python/modulePaths.ts';
import type { Workspace } from '../workspace.ts';
import type { Module } from './module.ts';
import { type PythonModules, readModules } from './reader.ts';

/** Files that one model is followed through. */
const MOST = 40;

/** The classes of the files that a text imports from; ranges of theirs carry the file. */
export class ModuleFiles {
  private readonly paths: ModulePaths;
  private readonly read = new Map<string, PythonModules | undefined>();

  constructor(private readonly workspace: Workspace) {
    this.paths = new ModulePaths(workspace);
  }

  /** The class that a dotted name stands for in a file. */
  classNamed(name: string, from: string): Module | undefined {
    for (const { path, rest } of this.paths.of(name, from)) {
      const [last, ...more] = rest;
      if (last === undefined || more.length > 0) continue;
      const modules = this.modules(path);
      // A package hands on what it imports itself.
      const found = modules?.classes.get(last) ?? modules?.imported(last);
      if (found) return found;
    }
    return undefined;
  }

  private modules(path: string): PythonModules | undefined {
    if (!this.read.has(path)) {
      this.read.set(path, undefined);
      const text = this.read.size <= MOST ? this.workspace.read(path) : undefined;
      const modules = text === undefined ? undefined : readModules(text, { path, files: this });
      if (modules) locate(modules, path);
      this.read.set(path, modules);
    }
    return this.read.get(path);
  }
}

/** Puts the file at the ranges of all modules of a text. */
function locate({ classes, made }: PythonModules, file: string): void {
  const open: Module[] = [...classes.values(), ...made];
  const seen = new Set<Module>();
  for (let module = open.pop(); module; module = open.pop()) {
    if (seen.has(module)) continue;
    seen.add(module);
    const place = module as { at: Module['at'] };
    if (place.at.file === undefined) place.at = { ...place.at, file };
    open.push(...module.children.values(), ...(module.alternatives ?? []));
    for (const [, each] of module.patterns) open.push(each);
    for (const item of module.items ?? []) open.push(item.module);
  }
}
