import { isFromTensorFlow } from '../exports/roles.ts';
import type { Blocker } from '../onnx/instantiate.ts';
import { isDefaultDomain, labelOf, type Model, type ModelNode } from '../onnx/model.ts';
import { discreteOps } from '../onnx/ops.ts';
import { namesCaptured, namesUsed, nodesBefore } from '../onnx/prune.ts';
import { quoteName } from '../shared/errors.ts';
import { at, joinWords, type Words, words } from '../shared/words.ts';

/**
 * One message for everything that stops a model from being differentiated: each node with operator, opset and reason, and
 * the parameters that lie behind them. Returns message and remedy, the arguments of an InspectorError.
 */
export function describeBlockers(
  model: Model,
  blockers: readonly Blocker[],
  parameters: readonly string[],
): [string, Words] {
  if (blockers.length === 0)
    return ['The model has no usable output.', 'Name a floating-point output, or export the model again.'];
  const unique = [
    ...new Map(blockers.map((blocker) => [`${blocker.label} ${blocker.opType} ${blocker.reason}`, blocker])).values(),
  ];
  const lines = unique.slice(0, 50).map(({ label, opType, domain, opset, reason }) => {
    const operator = isDefaultDomain(domain) ? `${opType}-${opset}` : `${domain}.${opType}-${opset}`;
    return `  ${quoteName(label)} (${operator}): ${reason}`;
  });
  if (unique.length > 50) lines.push(`  and ${unique.length - 50} more`);
  const behind = parametersBehind(model, new Set(unique.map(({ label }) => label)), parameters);
  const shown = behind
    .slice(0, 3)
    .map((name) => quoteName(name))
    .join(', ');
  const blocked = behind.length > 3 ? `${shown} and ${behind.length - 3} more` : shown;
  const count = unique.length === 1 ? '1 node' : `${unique.length} nodes`;
  return [
    `Cannot differentiate ${count}:\n${lines.join('\n')}${behind.length > 0 ? `\n${unique.length === 1 ? 'It blocks' : 'They block'} ${blocked}.` : ''}`,
    joinWords([...remedies(model, unique), ...freezing(unique, shown, behind.length)]),
  ];
}

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
