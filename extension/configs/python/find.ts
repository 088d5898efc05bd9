import type { SyntaxNode } from '@lezer/common';
import { part } from '../assemble.ts';
import type { HyperparameterValue, OptimizerConfig } from '../config.ts';
import { build, givenOf, targetsOf } from './build.ts';
import { decayBeside, fromChain, isChain } from './chains.ts';
import { fromConfigDicts } from './configDicts.ts';
import { fromDictionaries } from './dictionaries.ts';
import { fromElsewhere } from './elsewhere.ts';
import type { Evaluator } from './evaluate.ts';
import { fromClassArgument, fromClassEntry, fromNameArgument, fromParser } from './factories.ts';
import { fromLearner } from './fastai.ts';
import { addedGroups } from './groupMakers.ts';
import { groupsOf } from './groups.ts';
import { fromInBackward } from './inBackward.ts';
import { fromCompile } from './keras.ts';
import { auxiliaryAdam } from './muon.ts';
import { fromTrainer } from './mxnet.ts';
import { fromOverlay } from './overlaid.ts';
import { type Scheduled, schedulers } from './schedules.ts';
import type { Call, Scope } from './scope.ts';
import { literal, readArguments, toFinding } from './values.ts';

/** The optimizer configurations of a parsed Python text, in the order of the text. */
export function findInPython(evaluator: Evaluator): OptimizerConfig[] {
  const { index } = evaluator;
  const found: OptimizerConfig[] = [];
  const chained = new Set<number>();
  const decays = new Map<number, NonNullable<ReturnType<typeof decayBeside>>>();
  for (const call of index.calls) {
    const chain = fromChain(evaluator, call);
    const beside = chain || !isChain(evaluator, call.node, call.scope) ? undefined : decayBeside(evaluator, call);
    if (beside) decays.set(beside.call, beside);
    if (!chain) continue;
    found.push(chain);
    chained.add(chain.range.from);
  }
  for (const call of index.calls) {
    found.push(...fromLearner(evaluator, call), ...fromInBackward(evaluator, call));
    for (const config of fromCall(evaluator, call)) if (!chained.has(config.range.from)) found.push(config);
    const others = [fromCompile(evaluator, call), fromNameArgument(evaluator, call), fromTrainer(evaluator, call)];
    for (const config of others) if (config) found.push(config);
    found.push(...fromClassArgument(evaluator, call), ...fromParser(evaluator, call));
  }
  for (const call of index.calls) found.push(...fromElsewhere(evaluator, call));
  for (const [node, scope] of mappings(evaluator)) found.push(...fromClassEntry(evaluator, node, scope));
  found.push(...fromDictionaries(evaluator), ...fromConfigDicts(evaluator), ...fromOverlay(evaluator));
  const decaying = unique(found).map((config) => {
    const beside = decays.get(config.callRange.from);
    return beside ? withDecay(config, beside) : config;
  });
  return scheduled(evaluator, grouped(evaluator, decaying));
}

/** What a chain adds to the gradient is an ℓ₂ penalty; what it adds to the finished update is not scaled by the learning rate. */
function withDecay(
  config: OptimizerConfig,
  { decay, isBefore }: NonNullable<ReturnType<typeof decayBeside>>,
): OptimizerConfig {
  if (!isBefore)
    return {
      ...config,
      notes: [
        ...(config.notes ?? []),
        {
          text: 'The chain adds the weights after the step, which no learning rate scales: of that nothing is predicted.',
        },
      ],
    };
  if (config.hyperparameters.has('weight_decay') || !decay) return config;
  const value = part(decay, 'weight_decay', 0, 1);
  return {
    ...config,
    hyperparameters: new Map([...config.hyperparameters, ['weight_decay', value]]),
    weightDecayForm: 'l2',
  };
}

/** One configuration for each optimizer at a place; where the same is found in two ways, the first way counts. */
function unique(found: readonly OptimizerConfig[]): OptimizerConfig[] {
  const seen = new Map<number, OptimizerConfig>();
  return found
    .filter((config) => {
      const before = seen.get(config.range.from);
      // Of a choice, and of an optimizer that has two parts, both stay.
      const isPart = before?.callRange.from === config.callRange.from && before.notes !== undefined;
      if (before && (!(isPart || config.notes) || before.optimizer === config.optimizer)) return false;
      if (!before) seen.set(config.range.from, config);
      return true;
    })
    .sort((a, b) => a.range.from - b.range.from);
}

/** `torch.optim.Adam(…)`, `partial(torch.optim.Adam, …)`, and calls of names that stand for a definition. */
function fromCall(evaluator: Evaluator, { node, scope }: Call): OptimizerConfig[] {
  const callee = node.firstChild;
  if (!callee || isChain(evaluator, node, scope)) return [];
  const { value } = evaluator.evaluate(callee, scope);
  const isPartial = value.kind === 'reference' && PARTIAL.test(value.name);
  const written = readArguments(node.getChild('ArgList'), evaluator.index.text);
  const name = isPartial ? written.positional[0] : callee;
  if (!name) return [];
  const targets = targetsOf(evaluator, isPartial ? evaluator.evaluate(name, scope).value : value, node);
  if (targets.length === 0) return [];
  // The parameters of the model come with the later call of a partial.
  const given = givenOf(
    evaluator,
    isPartial ? { ...written, positional: written.positional.slice(1) } : written,
    scope,
  );
  return targets.flatMap((target) => {
    const config = build(evaluator, target, { name, call: node }, given, scope);
    return config ? [config, ...auxiliaryAdam(config, given)] : [];
  });
}

/** Calls that take a constructor and some of its arguments. */
const PARTIAL = /^(functools\.partial|hydra_zen\.p?builds)$/;

/** Dictionaries that may hold a constructor under a key. */
function mappings(evaluator: Evaluator): [SyntaxNode, Scope][] {
  const { index } = evaluator;
  const found: [SyntaxNode, Scope][] = [];
  for (const scope of new Set([index.module, ...index.calls.map((call) => call.scope)]))
    for (const list of scope.bindings.values())
      for (const binding of list)
        if (binding.kind === 'value' && binding.node.name === 'DictionaryExpression') found.push([binding.node, scope]);
  return found;
}

/**
 * Configurations with the groups that are added later. Where the first ones have no weight decay and a later one has, that
 * counts: whom it spares, the groups tell.
 */
function grouped(evaluator: Evaluator, found: readonly OptimizerConfig[]): OptimizerConfig[] {
  const added = found.length > 0 ? addedGroups(evaluator) : undefined;
  if (!added || added.size === 0) return [...found];
  return found.map((config) => {
    const more = (added.get(config.callRange.from) ?? []).flatMap(({ node, scope }) =>
      groupsOf(
        evaluator,
        literal(node, { kind: 'sequence', items: [evaluator.evaluate(node, scope)] }),
        scope,
        new Map(),
      ),
    );
    if (more.length === 0) return config;
    const first = config.groups ?? [{ range: config.range, hyperparameters: new Map() }];
    const hyperparameters = new Map(config.hyperparameters);
    const decaying = more
      .flatMap((group) => group.hyperparameters.get('weight_decay') ?? [])
      .filter(({ value }) => value !== 0);
    const [decay] = decaying;
    if (decay && hyperparameters.get('weight_decay')?.value === 0)
      hyperparameters.set(
        'weight_decay',
        decaying.every(({ value }) => value === decay.value) ? decay : { ...decay, value: null, from: 'unknown' },
      );
    return { ...config, hyperparameters, groups: [...first, ...more] };
  });
}

/** Configurations with the schedulers that act on them. */
function scheduled(evaluator: Evaluator, found: readonly OptimizerConfig[]): OptimizerConfig[] {
  if (found.length === 0) return [];
  const all = schedulers(evaluator, new Set(found.map(({ callRange }) => callRange.from)));
  if (all.size === 0) return [...found];
  return found.map((config) => {
    const own = all.get(config.callRange.from);
    return own && !config.schedule ? withSchedule(config, own) : config;
  });
}

function withSchedule(given: OptimizerConfig, { schedule, peak, replaced = [] }: Scheduled): OptimizerConfig {
  const isReplaced = (name: string, { from }: HyperparameterValue) => replaced.includes(name) && from === 'default';
  const known = [...given.hyperparameters].map(([name, each]): [string, HyperparameterValue] =>
    isReplaced(name, each) ? [name, { argument: each.argument, value: null, from: 'unknown' }] : [name, each],
  );
  const config = replaced.length > 0 ? { ...given, hyperparameters: new Map(known) } : given;
  const before = config.hyperparameters.get('lr');
  if (!peak || !before) return { ...config, schedule };
  const { value, from, range, sourceRange } = toFinding(peak);
  const isKnown = typeof value === 'number' && from !== 'unknown';
  const lr = isKnown
    ? { argument: 'max_lr', value, from, range, ...(sourceRange && { sourceRange }) }
    : { argument: 'max_lr', value: null, from: 'unknown' as const, range };
  return {
    ...config,
    schedule,
    hyperparameters: new Map([...config.hyperparameters].map(([name, each]) => [name, name === 'lr' ? lr : each])),
  };
}
