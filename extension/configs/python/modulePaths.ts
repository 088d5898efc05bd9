import { dirname, join } from 'node:path';
import type { Workspace } from '../workspace.ts';

/** Packages that are never part of a workspace's own code. */
const ELSEWHERE =
  /^(?:torch|numpy|np|tensorflow|keras|jax|flax|optax|transformers|os|sys|math|re|json|argparse|pathlib|typing|dataclasses|functools|collections|itertools|time|random|logging|copy|builtins|absl|yaml|omegaconf|hydra|wandb|click|typer|torchvision|pandas|sklearn|scipy|matplotlib|tqdm|datasets|accelerate|peft|einops|timm|lightning|pytorch_lightning)$/;

/** Where the modules of a workspace lie. */
export class ModulePaths {
  private readonly known = new Map<string, string | undefined>();

  constructor(private readonly workspace: Workspace) {}

  /** The files that a dotted name may lead to from a file, the likeliest first, with what is left of the name for each. */
  *of(name: string, from: string): Generator<{ readonly path: string; readonly rest: readonly string[] }> {
    const dots = /^\.*/.exec(name)![0].length;
    const parts = name.slice(dots).split('.');
    if (dots === 0 && ELSEWHERE.test(parts[0])) return;
    let folders = [dirname(from)];
    for (let i = 1; i < dots; i++) folders = [dirname(folders[0])];
    if (dots === 0) folders = this.workspace.foldersFor(from).flatMap((folder) => [folder, join(folder, 'src')]);
    for (const folder of folders) {
      if (dots === 0 && !this.isThere(join(folder, parts[0]))) continue;
      for (let count = parts.length; count > 0; count--) {
        const path = this.moduleAt(join(folder, ...parts.slice(0, count)));
        if (path !== undefined) yield { path, rest: parts.slice(count) };
      }
    }
  }

  private isThere(path: string): boolean {
    return this.workspace.exists(path) || this.workspace.exists(`${path}.py`);
  }

  private moduleAt(base: string): string | undefined {
    if (!this.known.has(base)) {
      const candidates = [`${base}.py`, join(base, '__init__.py')];
      this.known.set(
        base,
        candidates.find((path) => this.workspace.exists(path)),
      );
    }
    return this.known.get(base);
  }
}
