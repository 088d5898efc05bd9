import type { OptimizerConfig } from '../config.ts';
import { type Constructor, constructorOf } from '../frameworks.ts';
import { build, type Given } from './build.ts';
import type { Evaluator } from './evaluate.ts';
import type { Call, Index } from './scope.ts';
import { type DictEntry, type Evaluated, readArguments, scalarOf } from './values.ts';

/** MXNet's classes by the names that its trainers take. */
const CLASSES: ReadonlyMap<string, string> = new Map(
  'Adam AdamW SGD NAG RMSProp AdaGrad AdaDelta Adamax Nadam Ftrl FTML LAMB LARS SGLD Signum DCASGD LBSGD GroupAdaGrad AdaBelief'
    .split(' ')
    .map((name) => [name.toLowerCase(), name]),
);

/**
 * MXNet's optimizers by their names: `gluon.Trainer(params, 'adam', {'learning_rate': 1e-3})`, and a module's `fit` and
 * `init_optimizer` in files that import MXNet.
 */
export function fromTrainer(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig | undefined {
  const callee = node.firstChild;
  if (!callee) return undefined;
  const text = evaluator.text(callee);
  const isTrainer = /(?:^|\.)Trainer$/.test(text);
  const isModule = /\.(?:fit|init_optimizer)$/.test(text) && importsMxnet(evaluator.index);
  if (!isTrainer && !isModule) return undefined;
  const { value } = evaluator.evaluate(callee, scope);
  if (isTrainer && (value.kind !== 'reference' || !/^mxnet\.gluon(?:\.trainer)?\.Trainer$/.test(value.name)))
    return undefined;
  const { positional, keywords } = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const chosen = keywords.get('optimizer')?.value ?? (isTrainer ? positional[1] : undefined);
  const given = keywords.get('optimizer_params')?.value ?? (isTrainer ? positional[2] : undefined);
  const name = chosen && scalarOf(evaluator.evaluate(chosen, scope));
  const definition = typeof name === 'string' ? classOf(name) : undefined;
  if (!chosen || !definition || typeof name !== 'string') return undefined;
  const bound = given ? settings(evaluator.evaluate(given, scope)) : NOTHING;
  const config = build(evaluator, { definition, bind: (each) => each }, { name: chosen, call: node }, bound, scope);
  return config && named(evaluator, config, name);
}

/** A configuration under the name that the program has for it, with the schedule that its settings hold. */
function named(evaluator: Evaluator, config: OptimizerConfig, name: string): OptimizerConfig {
  const others = new Map(config.others);
  const range = others.get('lr_scheduler')?.range;
  others.delete('lr_scheduler');
  if (!range || config.schedule) return { ...config, constructorName: name };
  const written = /^([\w.]*?)(\w+)\(/.exec(evaluator.text(range))?.[2];
  return { ...config, constructorName: name, others, schedule: { name: written ?? 'lr_scheduler', range } };
}

const NOTHING: Given = { positional: [], keywords: new Map(), open: false };

function classOf(name: string): Constructor | undefined {
  const found = CLASSES.get(name.toLowerCase());
  return found === undefined ? undefined : constructorOf(`mxnet.optimizer.${found}`);
}

/** A dictionary of settings, or the pairs that make one. */
function settings({ value, range }: Evaluated): Given {
  if (value.kind === 'dict') return { positional: [], keywords: value.entries, open: value.open };
  const keywords = new Map<string, DictEntry>();
  const items = value.kind === 'sequence' ? value.items : [];
  let open = value.kind !== 'sequence';
  for (const item of items) {
    const [key, entry] = item.value.kind === 'sequence' ? item.value.items : [];
    const name = key && scalarOf(key);
    if (entry && typeof name === 'string') keywords.set(name, { keyRange: key.range ?? range, value: entry });
    else open = true;
  }
  return { positional: [], keywords, open };
}

function importsMxnet(index: Index): boolean {
  return [...index.module.bindings.values()].some((list) =>
    list.some((binding) => binding.kind === 'import' && /^mxnet(?:\.|$)/.test(binding.name)),
  );
}
