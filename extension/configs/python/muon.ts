import { type Argument, assemble, assembleGeneric } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { AUXILIARY, BUILT_IN, PREFIX } from '../libraries/muon.ts';
import { canonicalNames } from '../signature.ts';
import type { Given } from './build.ts';
import { type DictEntry, type Evaluated, scalarOf, toFinding } from './values.ts';

/** The part of a Muon that is Adam: its groups without Muon, its `adamw_…` arguments, or what the library always has. */
export function auxiliaryAdam(whole: OptimizerConfig, given: Given): OptimizerConfig[] {
  if (!/muon|^soap$|^kron|^psgd|shampoo/i.test(whole.optimizer)) return [];
  const groups =
    given.positional[0] ?? given.keywords.get('params')?.value ?? given.keywords.get('param_groups')?.value;
  const own = (groups?.value.kind === 'sequence' ? groups.value.items : []).flatMap((group) => fromGroup(whole, group));
  if (own.length > 0) return own;
  const prefixed = [...given.keywords].filter(([key]) => PREFIX.test(key));
  const { callRange, constructorName, range } = whole;
  const definition = Object.hasOwn(BUILT_IN, whole.framework) ? BUILT_IN[whole.framework] : undefined;
  if (definition && /muon/i.test(whole.optimizer)) {
    const first = given.positional[0];
    const bound = argumentsOf([...given.keywords].filter(([key]) => key !== 'eps' && !/^weight_decay$/.test(key)));
    if (first && !bound.has('learning_rate')) bound.set('learning_rate', { finding: toFinding(first) });
    const known = new Set(definition.parameters.map(({ name }) => name));
    for (const key of bound.keys()) if (!known.has(key)) bound.delete(key);
    const config = assemble(definition, { constructorName, range, callRange, arguments: bound, open: given.open });
    return config ? [{ ...config, notes: [{ text: 'The part for parameters that are no matrices.' }] }] : [];
  }
  const at = prefixed[0]?.[1].keyRange;
  if (!at) return [];
  const renamed = prefixed.map(([key, entry]) => [key.replace(PREFIX, ''), entry] as const);
  const rate = given.keywords.get('lr');
  const bound = argumentsOf(renamed);
  if (rate && !bound.has('lr') && !prefixed.some(([key]) => /lr/.test(key)))
    bound.set('lr', { finding: toFinding(rate.value) });
  return [assembleGeneric('other', AUXILIARY.optimizer, { constructorName, range: at, callRange, arguments: bound })];
}

function fromGroup(whole: OptimizerConfig, { value, range }: Evaluated): OptimizerConfig[] {
  const uses = value.kind === 'dict' ? value.entries.get('use_muon') : undefined;
  if (value.kind !== 'dict' || !uses || scalarOf(uses.value) !== false || range.file !== undefined) return [];
  const bound = argumentsOf([...value.entries].filter(([key]) => key !== 'params' && key !== 'use_muon'));
  const config = assemble(AUXILIARY, {
    constructorName: whole.constructorName,
    range: uses.keyRange,
    callRange: range,
    arguments: bound,
    open: value.open,
  });
  return config ? [config] : [];
}

function argumentsOf(
  entries: readonly (readonly [string, Pick<DictEntry, 'value'> & Partial<DictEntry>])[],
): Map<string, Argument> {
  return new Map(
    entries
      .filter(([key]) => canonicalNames(key).length > 0 || /^adam_|^learning_rate$/.test(key))
      .map(([key, { keyRange, value }]) => [key, { finding: toFinding(value), ...(keyRange && { keyRange }) }]),
  );
}
