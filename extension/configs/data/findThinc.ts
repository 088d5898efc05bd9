import { type Argument, assemble } from '../assemble.ts';
import type { OptimizerConfig } from '../config.ts';
import { constructorOf } from '../frameworks.ts';
import { type DataEntry, type DataNode, findingOf, type MapNode, NODE_LIMIT, textAt } from './tree.ts';

/** Where the schedules of Thinc have their largest value. */
const PEAKS: Readonly<Record<string, string>> = {
  'warmup_linear.v1': 'initial_rate',
  'slanted_triangular.v1': 'max_rate',
  'cyclic_triangular.v1': 'max_lr',
  'constant.v1': 'rate',
  'constant_then.v1': 'rate',
  'decaying.v1': 'base_rate',
};

/** The optimizers of spaCy's and Thinc's files: `[training.optimizer]` with `@optimizers = "Adam.v1"`. */
export function findThinc(root: DataNode): OptimizerConfig[] {
  const found: OptimizerConfig[] = [];
  const stack: DataNode[] = [root];
  for (let visited = 0; stack.length > 0 && visited < NODE_LIMIT; visited++) {
    const node = stack.pop()!;
    if (node.kind !== 'map') continue;
    const config = fromMap(node);
    if (config) found.push(config);
    else stack.push(...[...node.entries.values()].map(({ value }) => value).reverse());
  }
  return found;
}

function fromMap(map: MapNode): OptimizerConfig | undefined {
  const written = textAt(map, '@optimizers');
  const name = /^(\w+)\.v\d+$/.exec(written ?? '')?.[1];
  const definition = name === undefined ? undefined : constructorOf(`thinc.optimizers.${name}`);
  if (!definition || written === undefined) return undefined;
  const { range } = map.entries.get('@optimizers')!.value;
  const bound = new Map<string, Argument>();
  for (const [key, { keyRange, value }] of map.entries)
    if (!key.startsWith('@')) bound.set(key, { finding: findingOf(value, value), keyRange });
  const rate = map.entries.get('learn_rate');
  const made = rate?.value.kind === 'map' ? peakOf(rate, rate.value) : undefined;
  if (made) bound.set('learn_rate', made);
  return assemble(definition, { constructorName: written, range, callRange: map.range, arguments: bound, open: false });
}

/** The peak of `[training.optimizer.learn_rate]`, a schedule by its name. */
function peakOf({ keyRange }: DataEntry, map: MapNode): Argument | undefined {
  const name = textAt(map, '@schedules');
  if (name === undefined) return undefined;
  const schedule = { name: name.replace(/\.v\d+$/, ''), range: map.entries.get('@schedules')!.value.range };
  const peak = Object.hasOwn(PEAKS, name) ? map.entries.get(PEAKS[name]) : undefined;
  if (!peak) return { finding: { value: undefined, from: 'unknown', range: map.range, schedule }, keyRange };
  return { finding: { ...findingOf(peak.value, peak.value), schedule }, keyRange };
}
