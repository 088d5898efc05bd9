import { relative, sep } from 'node:path';
import type { HyperparameterValue, OptimizerConfig } from './config.ts';
import { LineMap, type SourceRange } from './source.ts';

/** The texts that ranges of a configuration count in. */
export interface Texts {
  /** The analysed text; absent where its lines are nobody's, as those of a notebook's file. */
  readonly own?: string;
  /** The cells of an open notebook. */
  readonly cells?: readonly string[];
  /** Another file by its absolute path; undefined where it cannot be read. */
  file(path: string): string | undefined;
  /** Names of other files are relative to this folder. */
  readonly root: string;
}

/**
 * The configurations with the place that each value was found at, as people name it: `configs/base.yaml:12`, `line 8`,
 * `cell 3, line 2`. Values that stand at the call itself have none.
 */
export function withPlaces(configs: readonly OptimizerConfig[], texts: Texts): OptimizerConfig[] {
  const maps = new Map<string, LineMap | undefined>();
  const mapOf = (name: string, read: () => string | undefined): LineMap | undefined => {
    if (!maps.has(name)) {
      const text = read();
      maps.set(name, text === undefined ? undefined : new LineMap(text));
    }
    return maps.get(name);
  };
  const lineOf = (map: LineMap | undefined, { from }: SourceRange) => map && map.position(from).line + 1;
  const placeOf = (range: SourceRange): string | undefined => {
    const { file, cell } = range;
    if (file !== undefined) {
      const line = lineOf(mapOf(file, () => texts.file(file)), range); // biome-ignore format: one line
      const name = relative(texts.root, file).split(sep).join('/');
      return line === undefined ? name : `${name}:${line}`;
    }
    const line = lineOf(mapOf(`cell ${cell}`, () => (cell === undefined ? texts.own : texts.cells?.[cell])), range); // biome-ignore format: one line
    if (line === undefined) return undefined;
    return cell === undefined ? `line ${line}` : `cell ${cell + 1}, line ${line}`;
  };
  const placed = (values: ReadonlyMap<string, HyperparameterValue>) =>
    new Map(
      [...values].map(([name, value]) => {
        const place = value.from === 'resolved' && value.sourceRange ? placeOf(value.sourceRange) : undefined;
        return [name, place === undefined ? value : { ...value, place }];
      }),
    );
  return configs.map((config) => ({
    ...config,
    hyperparameters: placed(config.hyperparameters),
    others: placed(config.others),
    ...(config.groups && { groups: config.groups.map((group) => ({ ...group, place: placeOf(group.range) })) }),
  }));
}
