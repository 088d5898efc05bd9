import type { ModelNode } from '../onnx/model.ts';

/** A call of PyTorch's program that an ONNX node stands for, or is a part of. */
export interface ProgramCall {
  /** The name of its result in the program: `add`. */
  readonly name: string | undefined;
  /** The operator and its overload: `clamp.Tensor`, of `aten.clamp.Tensor`. */
  readonly target: string;
  /** Its positional arguments as the exporter writes them: values as `%name`, and literals. */
  readonly arguments: readonly string[];
}

/** The call that a node stands for, where PyTorch's newer exporter notes it. */
export function callOf({ program }: ModelNode): ProgramCall | undefined {
  const [, name, target] =
    /^%(\S+) : .*?= call_function\[target=(?:torch\.ops\.)?(?:aten|prims)\.([\w.]+)\]/s.exec(program?.call ?? '') ?? [];
  if (target !== undefined) return { name, target, arguments: argumentsOf(program!.call!) };
  const [, last] = /'(?:aten|prims)\.([\w.]+)'\]$/.exec(program?.hierarchy ?? '') ?? [];
  return last === undefined ? undefined : { name: undefined, target: last, arguments: [] };
}

/** `args = (%x, [1, 2], 0)` as texts, divided at its outermost commas. */
function argumentsOf(call: string): string[] {
  const from = call.indexOf('(args = (');
  if (from < 0) return [];
  const found: string[] = [];
  let [depth, current] = [0, ''];
  for (const letter of call.slice(from + '(args = ('.length)) {
    if (depth === 0 && (letter === ',' || letter === ')')) {
      if (current.trim() !== '') found.push(current.trim());
      current = '';
      if (letter === ')') return found;
      continue;
    }
    if ('([{'.includes(letter)) depth++;
    if (')]}'.includes(letter)) depth--;
    current += letter;
  }
  return found;
}

/** A line of a program that PyTorch wrote when it took a region out of the user's: where it is, and what it says. */
const generatedLine = /^\s*File "<eval_with_key>\.(\d+)", line \d+, in forward\n\s*(.*)/;

/** Nodes of regions that PyTorch traced apart. */
export interface Regions {
  /** Those that run under `torch.no_grad()`. */
  readonly withoutGradient: ReadonlySet<ModelNode>;
  /** Those that run under it or under `torch.autocast`, and the file does not tell which. */
  readonly unclear: ReadonlySet<ModelNode>;
}

/** Conversions of tensors to the type that they have, which leave no node behind. */
const vanishing = /^(to|_to_copy|contiguous|clone|alias)(_\d+)?$/;

/**
 * The nodes that the program runs under `torch.no_grad()`. PyTorch's newer exporter traces such a region as a program of its own,
 * which shows in the notes on lines. So it does with regions under `torch.autocast`, but these take their inputs by numbers
 * (`arg0_1`) and not by name; where all inputs are converted first, neither is left. A model in which every line is of that kind
 * tells nothing.
 */
export function tracedRegions(nodes: readonly ModelNode[]): Regions {
  const regions = new Map<string, Region>();
  let traced = 0;
  for (const node of nodes) {
    if (node.program?.trace) traced++;
    const [, key, line] = generatedLine.exec(node.program?.trace ?? '') ?? [];
    if (key === undefined || !line.includes('torch.ops.')) continue;
    // A region under no_grad within one under autocast says so itself.
    const inner = /wrap_with_set_grad_enabled\(False/.test(line);
    const place = inner ? `${key} ${line}` : key;
    const region: Region = regions.get(place) ?? { nodes: [], lines: new Map<ModelNode, string>(), inner };
    region.nodes.push(node);
    region.lines.set(node, line);
    regions.set(place, region);
  }
  const names = new Map(nodes.map((node) => [callOf(node)?.name, node] as const));
  const of = (wanted: ReturnType<typeof kindOf>): ReadonlySet<ModelNode> => {
    const found = [...regions.values()]
      .filter((region) => kindOf(region, names) === wanted)
      .flatMap((region) => region.nodes);
    return new Set(found.length === traced ? [] : found);
  };
  return { withoutGradient: of('no_grad'), unclear: of('unclear') };
}

interface Region {
  readonly nodes: ModelNode[];
  readonly lines: Map<ModelNode, string>;
  readonly inner: boolean;
}

function kindOf({ nodes, lines, inner }: Region, names: ReadonlyMap<string | undefined, ModelNode>) {
  if (inner) return 'no_grad';
  const texts = [...lines.values()];
  if (texts.some((line) => /\barg\d+_\d+\b/.test(line))) return 'autocast';
  const own = new Set(nodes);
  const made = new Set(texts.map((line) => /^(\w+)( =|:)/.exec(line)?.[1]));
  let converted = false;
  for (const [node, line] of lines) {
    const taken = new Set(
      callOf(node)?.arguments.flatMap((text) => Array.from(text.matchAll(/%(\w+)/g), ([, name]) => name)),
    );
    const [, call = ''] = /torch\.ops\.[\w.]+\(([^;]*)/.exec(line) ?? [];
    for (const [name] of call.matchAll(/\b[a-z_]\w*/gi)) {
      if (made.has(name)) continue;
      const maker = names.get(name);
      // What comes from outside under the name that it has there.
      if (taken.has(name) && (/^[pbc]_/.test(name) || (maker && !own.has(maker)))) return 'no_grad';
      if (!taken.has(name) && vanishing.test(name)) converted = true;
    }
  }
  return converted ? 'unclear' : 'no_grad';
}
