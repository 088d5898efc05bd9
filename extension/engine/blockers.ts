import { isFromTensorFlow } from '../exports/roles.ts';
import type { Blocker } from '../onnx/instantiate.ts';
import { isDefaultDomain, labelOf, type Model, type ModelNode } from '../onnx/model.ts';
import { discreteOps } from '../onnx/ops.ts';
import { namesCaptured, namesUsed, nodesBefore } from '../onnx/prune.ts';
import { type ErrorWords, quoteName } from '../shared/errors.ts';
import { at, joinWords, type Words, words } from '../shared/words.ts';

/**
 * What stops a model from being differentiated: each node with operator, opset and reason, and the parameters that lie behind
 * them.
 */
export function describeBlockers(
  model: Model,
  blockers: readonly Blocker[],
  parameters: readonly string[],
): ErrorWords {
  if (blockers.length === 0)
    return {
      message: 'The model has no usable output.',
      remedy: 'Name a floating-point output, or export the model again.',
    };
  const unique = [
    ...new Map(blockers.map((blocker) => [`${blocker.label} ${blocker.opType} ${blocker.reason}`, blocker])).values(),
  ];
  const parts = unique.slice(0, mostShown).map(({ label, opType, domain, opset, reason }) => {
    const operator = isDefaultDomain(domain) ? `${opType}-${opset}` : `${domain}.${opType}-${opset}`;
    return { where: { node: label, operator }, message: reason };
  });
  const behind = parametersBehind(model, new Set(unique.map(({ label }) => label)), parameters);
  const shown = behind
    .slice(0, 3)
    .map((name) => quoteName(name))
    .join(', ');
  const blocked = behind.length > 3 ? `${shown} and ${behind.length - 3} more` : shown;
  const many = unique.length > 1;
  const count = many ? `${unique.length} nodes` : '1 node';
  const first = unique.length > mostShown ? `; the first ${mostShown} of them` : '';
  const blocks = behind.length > 0 ? `, which ${many ? 'block' : 'blocks'} ${blocked}` : '';
  return {
    message: `Cannot differentiate ${count}${blocks}${first}:`,
    parts,
    remedy: joinWords([...remedies(model, unique), ...freezing(unique, shown, behind.length)]),
  };
}

/** Most nodes that are listed. */
const mostShown = 50;

/** What to do, by the kinds of what blocks. */
function remedies(model: Model, blockers: readonly Blocker[]): string[] {
  const kinds = new Set(blockers.map(({ kind }) => kind));
  const unknown = isFromTensorFlow(model)
    ? 'tf2onnx leaves operations that it cannot convert under their TensorFlow names: build the model from other layers, or with Keras on the PyTorch backend, and export it again.'
    : 'Export the model with standard operators (torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False)), or replace these.';
  return [
    ...(kinds.has('unknown operator') ? [unknown] : []),
    ...(kinds.has('unsupported')
      ? ['Write what is not supported in another way, or leave it out, and export the model again.']
      : []),
    ...(kinds.has('misfit')
      ? [
          'Check that the data has the shapes that the model expects, and the file with onnx.checker.check_model(path, full_check=True).',
        ]
      : []),
    ...(kinds.has('unreadable') ? ['Export the model again with its weights as plain tensors.'] : []),
  ];
}

/** What is not trained needs no derivative, and is computed by the runtime. */
const freezing = (blockers: readonly Blocker[], shown: string, count: number): Words[] =>
  count === 0 || blockers.every(({ kind }) => kind === 'misfit' || kind === 'unreadable')
    ? []
    : [
        words`If ${count > 3 ? 'what lies before' : shown} does not train in your program, freeze it with ${at('freeze')}: what needs no derivative runs as it is.`,
      ];

/** Operators through which nothing flows back: what lies before them is not blocked. */
const ends: ReadonlySet<string> = new Set([
  ...discreteOps,
  'Shape',
  'Size',
  'ConstantOfShape',
  'NonZero',
  'StopGradient',
]);

/**
 * Parameters whose derivatives would have to pass a blocked node, what subgraphs take from around them included; where there are none,
 * those on which it depends in some other way.
 */
function parametersBehind({ graph }: Model, blocked: ReadonlySet<string>, parameters: readonly string[]): string[] {
  const starts = graph.nodes.flatMap((node) => blockedInside(node, '', blocked));
  const reached = (enter: (node: ModelNode) => boolean): string[] => {
    const before = nodesBefore(graph, starts, enter);
    const used = new Set([...starts, ...before.flatMap(namesUsed)]);
    return parameters.filter((name) => used.has(name));
  };
  const behind = reached(({ opType, domain }) => !(isDefaultDomain(domain) && ends.has(opType)));
  return behind.length > 0 ? behind : reached(() => true);
}

/** Names of the outermost graph on which a node depends through what is blocked in it. */
function blockedInside(node: ModelNode, path: string, blocked: ReadonlySet<string>): string[] {
  const label = path + labelOf(node);
  if (blocked.has(label)) {
    // The condition of an If has no derivative.
    const captured = namesCaptured(node);
    return node.opType === 'If' && captured.length > 0 ? captured : namesUsed(node);
  }
  if (![...blocked].some((inner) => inner.startsWith(`${label}/`))) return [];
  const bodies = [...node.attributes.values()].flatMap((attribute) =>
    attribute.kind === 'graph' ? [attribute.value] : [],
  );
  // A function's body stands elsewhere in the file; its arguments are what it depends on.
  if (bodies.length === 0) return node.inputs.filter((name) => name !== '');
  return bodies.flatMap((body) => {
    const starts = body.nodes.flatMap((inner) => blockedInside(inner, `${label}/`, blocked));
    const names = [...starts, ...nodesBefore(body, starts).flatMap(namesUsed)];
    const own = new Set([...body.initializers.keys(), ...body.nodes.flatMap(({ outputs }) => outputs)]);
    const given = new Set(body.inputs.map(({ name }) => name));
    // What the turns of a loop are given comes from its inputs.
    const arguments_ = names.some((name) => given.has(name)) ? node.inputs.filter((name) => name !== '') : [];
    return [...arguments_, ...names.filter((name) => !own.has(name) && !given.has(name))];
  });
}
