import { ModuleFiles } from './modules/files.ts';
import { kerasLayers, kerasLines } from './modules/keras.ts';
import type { Module } from './modules/module.ts';
import { explainedByRoot, follow, misfit } from './modules/names.ts';
import { type NameTree, nameTree } from './modules/nameTree.ts';
import { readModules } from './modules/reader.ts';
import { isNumbered } from './numbered.ts';
import type { Surroundings } from './python/analyse.ts';
import type { SourceRange } from './source.ts';

/**
 * Which expression of a Python text creates each parameter tensor of a model, by the tensor's name: `self.conv1 = nn.Conv2d`
 * creates `conv1.weight`; nested modules, indices of `Sequential` and `ModuleList`, keys of `ModuleDict`, and the names of
 * Keras layers are followed. `others` are further tensors of the model, which only help to count. Pure, and as tolerant of
 * broken code as the parser. `around` leads to the files that the text imports classes from: ranges in them carry the file.
 */
export function parameterLines(
  text: string,
  tensors: readonly string[],
  others: readonly string[] = [],
  around?: Surroundings,
): Map<string, SourceRange> {
  if (text.length > longestText || tensors.length === 0) return new Map();
  const location = around && { path: around.path, files: new ModuleFiles(around.workspace) };
  const modules = readModules(text, location);
  const roots = [...modules.classes.values(), ...modules.made];
  const layers = kerasLayers(modules);
  const all = [...tensors, ...others];
  const accounts: Account[] = [];
  for (let skipped = 0; skipped <= sharedStart(tensors); skipped++) {
    const names = nameTree(all, skipped);
    const counts = roots.map((root) => explainedByRoot(root, names));
    const most = counts.reduce((one, other) => Math.max(one, other), 1);
    const best = roots.filter((_, i) => counts[i] === most).slice(0, mostEqual);
    for (const root of best)
      accounts.push({ lines: explain(root, tensors, names, skipped), misfit: () => misfit(root, names) });
  }
  // Keras 3 builds a model once more to export it, so that every scope has another number behind its name.
  for (const ending of [undefined, /_\d+$/])
    accounts.push({ lines: assign(tensors, kerasLines(layers, all, ending)), misfit: () => 0 });
  const most = Math.max(...accounts.map(({ lines }) => lines.size));
  // Of equals the first is the model, since models stand above the code that uses them.
  const best = most > 0 ? accounts.filter(({ lines }) => lines.size === most) : [];
  const fits = best.map((account) => account.misfit());
  return best[fits.indexOf(Math.min(...fits))]?.lines ?? new Map();
}

/** How a class, a variable or the layers of Keras explain the tensors. */
interface Account {
  readonly lines: Map<string, SourceRange>;
  readonly misfit: () => number;
}

/** Of more roots that explain as many names the rest is not looked at. */
const mostEqual = 100;
const longestText = 2 * 1024 * 1024;
/** Wrappers around a model add so many parts to all of its names. */
const mostWrappers = 4;

function explain(root: Module, tensors: readonly string[], names: NameTree, skipped: number): Map<string, SourceRange> {
  const lines = assign(tensors, (name) => follow(root, names, name.split('.').slice(skipped)));
  // `model = resnet18()` with `model.fc = nn.Linear(…)`: what is not replaced comes from where the model does.
  const isInstance = root.hasMore && root.bases === undefined;
  return lines.size > 0 && isInstance ? assign(tensors, (name) => lines.get(name) ?? root.at) : lines;
}

function assign(tensors: readonly string[], find: (name: string) => SourceRange | undefined): Map<string, SourceRange> {
  const found = new Map<string, SourceRange>();
  for (const name of tensors) {
    const range = find(name);
    if (range) found.set(name, range);
  }
  return found;
}

/** How many parts all names begin with, as those of a model do that something wraps; a tensor's own name is none of them. */
function sharedStart(names: readonly string[]): number {
  const named = names.filter((name) => !isNumbered(name));
  const [first = [], ...rest] = named.map((name) => name.split('.').slice(0, -1));
  const different = first.findIndex((part, i) => rest.some((parts) => parts[i] !== part));
  return Math.min(different < 0 ? first.length : different, mostWrappers);
}
