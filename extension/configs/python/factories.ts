import type { SyntaxNode } from '@lezer/common';
import { assembleGeneric } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { optimizerNamed, torchClass } from '../names.ts';
import { build, type Given, givenOf, targetsOf, textOf } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import { DATACLASS_PARSERS, timmSettings } from './libraryCalls.ts';
import type { Call } from './scope.ts';
import { type Evaluated, literal, rangeOf, readArguments, scalarOf, toFinding, unknownAt } from './values.ts';

/** Keywords that take a constructor, and those beside it that take its arguments. */
const CLASS_KEY =
  /^(?:\w+_)?(?:optimi[sz]er|optim|opt)(?:_(?:class|cls|type|fn|func|factory|builder|constructor|ctor))?$|^opt_func$/;
const ARGUMENTS_KEY = /^(?:\w+_)?(?:optimi[sz]er|optim|opt)_(?:kwargs|args|params|arguments|config|options|hparams)$/;
/** Libraries' functions that take an optimizer by its name. */
const BY_NAME =
  /^(?:timm\.optim(?:\.\w+)*\.create_optimizer|pytorch_optimizer(?:\.\w+)*\.(?:create_optimizer|load_optimizer)|torch_optimizer\.get|transformers(?:\.\w+)*\.create_optimizer)$/;

/** Constructors that are handed to something that calls them: `optimizer_class=torch.optim.Adam, optimizer_kwargs={…}`. */
export function fromClassArgument(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const written = readArguments(node.getChild('ArgList'), evaluator.index.text);
  if (![...written.keywords.keys()].some((key) => CLASS_KEY.test(key))) return [];
  return handedOver(evaluator, node, scope, givenOf(evaluator, written, scope));
}

/** The same in a dictionary: `{"optimizer_class": torch.optim.Adam, "optimizer_kwargs": {…}}`. */
export function fromClassEntry(evaluator: Evaluator, node: SyntaxNode, scope: Call['scope']): OptimizerConfig[] {
  if (!/optimi[sz]er|optim\b|opt_func/.test(evaluator.text(node))) return [];
  const { value } = evaluator.evaluate(node, scope);
  if (value.kind !== 'dict') return [];
  return handedOver(evaluator, node, scope, { positional: [], keywords: value.entries, open: value.open });
}

function handedOver(evaluator: Evaluator, node: SyntaxNode, scope: Call['scope'], given: Given): OptimizerConfig[] {
  return [...given.keywords].flatMap(([key, { keyRange, value }]) => {
    if (!CLASS_KEY.test(key) || !keyRange || keyRange.file !== undefined) return [];
    const name = nodeAt(evaluator, value.range);
    const targets = name ? targetsOf(evaluator, value.value) : [];
    if (!name || targets.length === 0 || name.name === 'CallExpression') return [];
    const keywords = new Map<string, { readonly value: Evaluated; readonly keyRange?: typeof keyRange }>();
    let open = true;
    let isNet = false;
    for (const [other, entry] of given.keywords) {
      const inner = entry.value.value;
      if (ARGUMENTS_KEY.test(other) && inner.kind === 'dict') {
        for (const [argument, each] of inner.entries) keywords.set(argument, each);
      } else if (/^(?:lr|learning_rate)$/.test(other)) keywords.set('lr', entry);
      // skorch: `optimizer__weight_decay=0.1`.
      else if (other.startsWith(`${key}__`)) {
        keywords.set(other.slice(key.length + 2), entry);
        isNet = true;
      }
    }
    // Such a net hands over these and its learning rate, and nothing else.
    if (isNet && keywords.has('lr')) open = given.open;
    // ZeRO and its like take the arguments of the optimizer as their own.
    const callee = node.firstChild && evaluator.text(node.firstChild);
    if (callee && /(?:ZeroRedundancyOptimizer|OSS|PostLocalSGDOptimizer|DistributedOptimizer)$/.test(callee)) {
      open = given.open;
      for (const [other, entry] of given.keywords) if (other !== key) keywords.set(other, entry);
    }
    // A registry of classes makes none of them.
    if (keywords.size === 0 && !/optimi[sz]er_(?:class|cls)$/.test(key)) return [];
    return targets.flatMap(
      (target) => build(evaluator, target, { name, call: node }, { positional: [], keywords, open }, scope) ?? [],
    );
  });
}

function nodeAt(evaluator: Evaluator, range: { from: number; to: number; file?: string }): SyntaxNode | undefined {
  if (range.file !== undefined) return undefined;
  let node: SyntaxNode | null = evaluator.index.tree.resolveInner(range.from, 1);
  while (node && (node.to < range.to || node.from > range.from)) node = node.parent;
  while (node?.parent && node.parent.from === range.from && node.parent.to === range.to) node = node.parent;
  return node ?? undefined;
}

/** `create_optimizer(model, "adamw", lr=1e-3)` and `load_optimizer("adamp")(params, lr=1e-3)`. */
export function fromNameArgument(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const callee = node.firstChild;
  if (!callee) return undefined;
  const made = callee.name === 'CallExpression' ? callee : node;
  const maker = made.firstChild && evaluator.evaluate(made.firstChild, scope).value;
  if (maker?.kind === 'function' ? maker.scope.name === 'create_optimizer' : isOwnCopy(maker ?? undefined))
    return timmFactory(evaluator, { node, scope });
  if (maker?.kind !== 'reference' || !BY_NAME.test(maker.name)) return undefined;
  if (maker.name.startsWith('timm.')) return timmFactory(evaluator, { node, scope });
  const isLoader = /\.(?:load_optimizer|get)$/.test(maker.name);
  if (isLoader !== (made === callee)) return undefined;
  const naming = givenOf(evaluator, readArguments(made.getChild('ArgList'), evaluator.index.text), scope);
  const name =
    textOf(naming, isLoader ? 'optimizer' : 'optimizer_name', isLoader ? 0 : 1) ??
    textOf(naming, 'optimizer', 1) ??
    textOf(naming, 'opt', 1);
  const optimizer = name === undefined ? undefined : optimizerNamed(name);
  if (name === undefined || optimizer === undefined) return undefined;
  const given = isLoader
    ? givenOf(evaluator, readArguments(node.getChild('ArgList'), evaluator.index.text), scope)
    : naming;
  const place = { name: made.firstChild!, call: node };
  const definition = maker.name.startsWith('torch_optimizer')
    ? undefined
    : constructorOf(`torch.optim.${torchClass(optimizer) ?? ''}`);
  if (definition) {
    const keywords = new Map([...given.keywords].filter(([key]) => !/^(?:optimizer_name|optimizer|opt)$/.test(key)));
    // What the library takes where nothing is given is its own affair.
    return build(
      evaluator,
      { definition, bind: (each) => each },
      place,
      { positional: [], keywords, open: true },
      scope,
    );
  }
  const bound = new Map(
    [...given.keywords].map(([key, { keyRange, value }]) => [
      key,
      { finding: toFinding(value), ...(keyRange && { keyRange }) },
    ]),
  );
  return assembleGeneric('other', optimizer, {
    constructorName: evaluator.text(place.name),
    range: rangeOf(place.name),
    callRange: rangeOf(node),
    arguments: bound,
  });
}

/** Projects have copies of timm's factory in modules of their own (`from optim_factory import create_optimizer`). */
const isOwnCopy = (maker: Evaluated['value'] | undefined): boolean =>
  maker?.kind === 'reference' &&
  /^(?!(?:transformers|pytorch_optimizer|timm)\b)\w+(?:\.\w+)*\.create_optimizer$/.test(maker.name);

/** timm's older `create_optimizer(args, model)`, which reads everything from the arguments of the script. */
function timmFactory(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const [settings] = readArguments(node.getChild('ArgList'), evaluator.index.text).positional;
  const definition = constructorOf('timm.optim.create_optimizer_v2');
  if (!settings || !definition || !node.firstChild) return undefined;
  const { value } = timmSettings(evaluator, evaluator.evaluate(settings, scope), settings);
  if (value.kind !== 'dict' || typeof scalarOf(value.entries.get('opt')?.value ?? unknownAt(node)) !== 'string')
    return undefined;
  const keywords = new Map([...value.entries].map(([key, entry]) => [key, { value: entry.value }]));
  const place = { name: node.firstChild, call: node };
  return build(
    evaluator,
    { definition, bind: (each) => each },
    place,
    { positional: [], keywords, open: false },
    scope,
  );
}

/**
 * `HfArgumentParser((ModelArguments, TrainingArguments))`: the trainer's arguments come from the command line, so that only what
 * the script's own class sets is known.
 */
export function fromParser(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const callee = node.firstChild;
  if (!callee || !/ArgumentParser$|TrlParser$/.test(evaluator.text(callee))) return [];
  const maker = evaluator.evaluate(callee, scope).value;
  if (maker.kind !== 'reference' || !DATACLASS_PARSERS.test(maker.name)) return [];
  const [first] = readArguments(node.getChild('ArgList'), evaluator.index.text).positional;
  const classes = first ? evaluator.evaluate(first, scope) : undefined;
  const items = classes?.value.kind === 'sequence' ? classes.value.items : classes ? [classes] : [];
  return items.flatMap((item) => {
    const name = nodeAt(evaluator, item.range);
    return targetsOf(evaluator, item.value).flatMap((target) => {
      const named = target.definition.parameters.find((each) => each.name === target.definition.namedBy);
      const [text] = named?.defaults ?? [];
      if (!name || text === undefined) return [];
      const bind = (given: Given): Given => {
        const bound = target.bind(given);
        const chosen = { value: literal(name, { kind: 'scalar', value: text }) };
        return { ...bound, open: true, keywords: new Map([[named!.name, chosen], ...bound.keywords]) };
      };
      const given = { positional: [], keywords: new Map(), open: false };
      return build(evaluator, { ...target, bind }, { name, call: name }, given, scope) ?? [];
    });
  });
}
