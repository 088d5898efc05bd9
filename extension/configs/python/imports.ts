import { join } from 'node:path';
import { type DataLanguage, parseData } from '../data/parse.ts';
import type { DataNode } from '../data/tree.ts';
import { languageNamed } from '../languages.ts';
import type { Workspace } from '../workspace.ts';
import { Evaluator } from './evaluate.ts';
import { moduleIndexes } from './moduleIndexes.ts';
import { ModulePaths } from './modulePaths.ts';
import type { Scope } from './scope.ts';

/** Modules that one analysis follows. */
const MOST_MODULES = 60;
/** The modules and data files of a workspace that a text leads to. */
export class Imports {
  private readonly byPath = new Map<string, Evaluator | undefined>();
  private readonly byRoot = new Map<Scope, Evaluator>();
  private readonly data = new Map<string, readonly DataNode[]>();
  private readonly paths: ModulePaths | undefined;
  /** What all evaluators of one analysis have done together. */
  readonly budget = { steps: 0 };

  constructor(private readonly workspace: Workspace | undefined) {
    this.paths = workspace && new ModulePaths(workspace);
  }

  add(evaluator: Evaluator): void {
    this.byRoot.set(evaluator.index.module, evaluator);
    if (evaluator.path !== undefined) this.byPath.set(evaluator.path, evaluator);
  }

  /** The evaluator of the module that a scope is part of. */
  owner(scope: Scope): Evaluator | undefined {
    return this.byRoot.get(scope.root);
  }

  /** The module that a dotted name leads to from a file, and what is left of the name: `configs.base.lr` → configs/base.py, lr. */
  find(
    name: string,
    from: string | undefined,
  ): { readonly module: Evaluator; readonly rest: readonly string[] } | undefined {
    if (from === undefined) return undefined;
    for (const { path, rest } of this.paths?.of(name, from) ?? []) {
      const module = this.module(path);
      if (module) return { module, rest };
    }
    return undefined;
  }

  /** The evaluator of a Python file. */
  module(path: string): Evaluator | undefined {
    if (!this.byPath.has(path)) {
      // A module that imports itself in a circle finds nothing while it is read.
      this.byPath.set(path, undefined);
      const text = this.byRoot.size < MOST_MODULES ? this.workspace?.read(path) : undefined;
      if (text !== undefined) this.add(new Evaluator(moduleIndexes.of(path, text), this, path));
    }
    return this.byPath.get(path);
  }

  /** A path of a script as an absolute one: what exists counts, from the script's folder upwards. */
  locate(path: string, from: string | undefined): string | undefined {
    if (!this.workspace || from === undefined || path === '') return undefined;
    if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)) return path;
    return this.workspace
      .foldersFor(from)
      .map((folder) => join(folder, path))
      .find((candidate) => this.workspace?.exists(candidate));
  }

  /** The documents of a YAML, JSON or TOML file. */
  documents(path: string): readonly DataNode[] {
    const before = this.data.get(path);
    if (before) return before;
    const language = languageNamed(path);
    const text =
      language === undefined || language === 'python' || language === 'notebook' || language === 'gin'
        ? undefined
        : this.workspace?.read(path);
    const read = text === undefined ? [] : parseData(language as DataLanguage, text);
    this.data.set(path, read);
    return read;
  }
}
