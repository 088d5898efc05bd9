import { dirname, join } from 'node:path';
import { parser } from '@lezer/python';
import { parseData } from '../data/parse.ts';
import type { DataNode } from '../data/tree.ts';
import { languageNamed } from '../languages.ts';
import type { Workspace } from '../workspace.ts';
import { Evaluator } from './evaluate.ts';
import { boundNesting } from './nesting.ts';
import type { Scope } from './scope.ts';
import { indexTree } from './scopes.ts';
import { withClosedNumbers } from './text.ts';

/** Modules that one analysis follows. */
const MOST_MODULES = 60;
/** Packages that are never part of a workspace's own code. */
const ELSEWHERE =
  /^(?:torch|numpy|np|tensorflow|keras|jax|flax|optax|transformers|os|sys|math|re|json|argparse|pathlib|typing|dataclasses|functools|collections|itertools|time|random|logging|copy|builtins|absl|yaml|omegaconf|hydra|wandb|click|typer|torchvision|pandas|sklearn|scipy|matplotlib|tqdm|datasets|accelerate|peft|einops|timm|lightning|pytorch_lightning)$/;

/** The modules and data files of a workspace that a text leads to. */
export class Imports {
  private readonly byPath = new Map<string, Evaluator | undefined>();
  private readonly byRoot = new Map<Scope, Evaluator>();
  private readonly data = new Map<string, readonly DataNode[]>();
  private readonly places = new Map<string, string | undefined>();
  /** What all evaluators of one analysis have done together. */
  readonly budget = { steps: 0 };

  constructor(private readonly workspace: Workspace | undefined) {}

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
    if (!this.workspace || from === undefined) return undefined;
    const dots = /^\.*/.exec(name)![0].length;
    const parts = name.slice(dots).split('.');
    if (dots === 0 && ELSEWHERE.test(parts[0])) return undefined;
    const folders =
      dots > 0
        ? [Array.from({ length: dots - 1 }).reduce<string>((at) => dirname(at), dirname(from))]
        : this.workspace.foldersFor(from).flatMap((folder) => [folder, join(folder, 'src')]);
    for (const folder of folders) {
      if (dots === 0 && !this.isThere(join(folder, parts[0]))) continue;
      for (let count = parts.length; count > 0; count--) {
        const path = this.moduleAt(join(folder, ...parts.slice(0, count)));
        const module = path === undefined ? undefined : this.module(path);
        if (module) return { module, rest: parts.slice(count) };
      }
    }
    return undefined;
  }

  private isThere(path: string): boolean {
    return this.workspace?.exists(path) === true || this.workspace?.exists(`${path}.py`) === true;
  }

  private moduleAt(base: string): string | undefined {
    if (!this.places.has(base)) {
      const candidates = [`${base}.py`, join(base, '__init__.py')];
      this.places.set(
        base,
        candidates.find((path) => this.workspace?.exists(path)),
      );
    }
    return this.places.get(base);
  }

  /** The evaluator of a Python file. */
  module(path: string): Evaluator | undefined {
    if (!this.byPath.has(path)) {
      // A module that imports itself in a circle finds nothing while it is read.
      this.byPath.set(path, undefined);
      const text = this.byRoot.size < MOST_MODULES ? this.workspace?.read(path) : undefined;
      if (text !== undefined) {
        const { text: bounded } = boundNesting(text);
        this.add(new Evaluator(indexTree(parser.parse(withClosedNumbers(bounded)), bounded), this, path));
      }
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
      language === undefined || language === 'python' || language === 'notebook'
        ? undefined
        : this.workspace?.read(path);
    const read = text === undefined ? [] : parseData(language as 'yaml', text);
    this.data.set(path, read);
    return read;
  }
}
