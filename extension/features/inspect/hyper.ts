import type { ConfiguredOptimizer } from '../../advice/configured.ts';
import { defaultsOf } from '../../optimizers/hyperparameters.ts';
import type { Framework, HyperparameterSpec } from '../../optimizers/optimizer.ts';
import { optimizers } from '../../optimizers/registry.ts';
import { setting } from '../../shared/format.ts';
import { groupText } from '../../shared/groupLabel.ts';
import type { InspectRequest } from '../../shared/protocol.ts';
import { type GroupRequest, inspectSettings, origins } from '../../shared/request.ts';
import { projectFile } from '../../shared/target.ts';

/** Adam with the defaults of PyTorch, for a model without a configuration. */
export const defaultOptimizer: ConfiguredOptimizer = {
  optimizer: inspectSettings.optimizer.default,
  framework: 'pytorch',
  hyper: {},
  origins: {},
  unknown: [],
};

type HyperRequest = Pick<InspectRequest, 'optimizer' | 'framework' | 'hyper' | 'origins'>;

/**
 * The optimizer of a request: what the text says holds; what it leaves open is as it was answered or seen before (`known`,
 * which counts for the same optimizer only). What nobody has said is marked as assumed.
 */
export function hyperOf(
  { optimizer, framework, hyper, origins: whence, unknown }: ConfiguredOptimizer,
  known: Partial<HyperRequest> = {},
): HyperRequest {
  const open = known.optimizer === undefined || known.optimizer === optimizer ? known.hyper : undefined;
  const taken = Object.fromEntries(Object.entries(open ?? {}).filter(([name]) => hyper[name] === undefined));
  const marks = Object.keys(taken).map((name) => [name, known.origins?.[name] ?? origins.remembered]);
  const assumed = unknown.filter((name) => taken[name] === undefined).map((name) => [name, origins.assumed]);
  return {
    ...{ optimizer, framework, hyper: { ...taken, ...hyper } },
    origins: { ...whence, ...Object.fromEntries([...marks, ...assumed]) },
  };
}

/** The optimizer for a model that no text belongs to: the one that the file of the workspace knows, else the default one. */
export function optimizerWithoutText({ optimizer, framework }: Partial<HyperRequest>): ConfiguredOptimizer {
  const found = optimizers.find(({ name }) => name === optimizer);
  if (!found) return { ...defaultOptimizer, unknown: numbersOf(defaultOptimizer.optimizer) };
  return { ...{ optimizer: found.name, framework: framework ?? 'pytorch' }, hyper: {}, origins: {}, unknown: numbersOf(found.name) }; // biome-ignore format: one line
}

const numbersOf = (optimizer: string): string[] =>
  (optimizers.find(({ name }) => name === optimizer)?.hyperparameters ?? [])
    .filter(({ kind }) => kind === 'number')
    .map(({ name }) => name);

/** How a hyper-parameter is called: β₁, β₂, ε, and the others by their names. */
export const hyperTitle = (name: string): string => titles[name] ?? name;
const titles: Readonly<Record<string, string>> = { beta1: 'β₁', beta2: 'β₂', eps: 'ε' };

/** `lr is now 3e-4`: what a configuration says other than a run that was made from it. */
export function hyperChanges(
  request: Pick<InspectRequest, 'optimizer' | 'hyper' | 'origins' | 'groups'>,
  now: ConfiguredOptimizer | undefined,
): string[] {
  if (!now) return ['its optimizer configuration is gone'];
  if (now.optimizer !== request.optimizer) return [`the optimizer is now ${now.optimizer}`];
  const names = new Set([...Object.keys(request.hyper), ...Object.keys(now.hyper)]);
  return [
    ...[...names]
      .filter((name) => request.hyper[name] !== now.hyper[name])
      // What was answered where the text leaves it open still holds.
      .filter((name) => now.hyper[name] !== undefined || !isAnswered(request.origins?.[name]))
      .map((name) =>
        now.hyper[name] === undefined ? `${name} is no longer known` : `${name} is now ${setting(now.hyper[name])}`,
      ),
    ...(sameGroups(request.groups, now.groups) ? [] : ['its parameter groups have changed']),
  ];
}

/** Whether groups that come from the code are as it has them now, wherever they stand in it; others are no matter of the code. */
function sameGroups(before: readonly GroupRequest[] | undefined, now: readonly GroupRequest[] = []): boolean {
  if (before && (before.length === 0 || before.some(({ place }) => place === undefined))) return true;
  const text = (groups: readonly GroupRequest[]) => groups.map(groupText).join('\n');
  return text(before ?? []) === text(now);
}

const isAnswered = (origin: string | undefined): boolean => origin === origins.asked || origin === origins.remembered;

/** `Adam lr 1e-3 (configs/base.yaml:10) · betas (0.9, 0.95) (asked)`, of what is given, with where it comes from. */
export function describeOptimizer({ optimizer, hyper, origins: whence = {} }: Omit<HyperRequest, 'framework'>): string {
  const title = optimizers.find(({ name }) => name === optimizer)?.title ?? optimizer;
  const { lr, beta1, beta2, weight_decay: decay } = hyper;
  const from = (name: string) => (whence[name] && whence[name] !== origins.default ? ` (${whence[name]})` : '');
  const parts = [
    lr !== undefined && `lr ${setting(lr)}${from('lr')}`,
    beta1 !== undefined && beta2 !== undefined && `betas (${beta1}, ${beta2})${from('beta2') || from('beta1')}`,
    decay !== undefined && decay !== 0 && `weight decay ${setting(decay)}${from('weight_decay')}`,
  ].filter(Boolean);
  return [title, parts.join(' · ')].filter(Boolean).join(' ');
}

/** A hyper-parameter that no text gives, as a row of the sheet. */
export interface OpenValue {
  readonly spec: HyperparameterSpec;
  /** Undefined where it is still to be asked. */
  readonly value: number | boolean | string | undefined;
  /** What the library has where nothing is said. */
  readonly standard: number | boolean | string | undefined;
  readonly description: string;
}

/**
 * The hyper-parameters that a text leaves open, or, without a text (`where` undefined), all numbers: with the value that was
 * answered or seen before. Only a text's are to be asked for; without one the library's defaults are proposed, and marked.
 */
export function openValues(
  { optimizer, framework, unknown }: ConfiguredOptimizer,
  { known, asked, where }: { known: Partial<HyperRequest>; asked: readonly string[]; where: string | undefined },
): OpenValue[] {
  const found = optimizers.find(({ name }) => name === optimizer)!;
  const defaults = defaultsOf(found, framework as Framework);
  const given = known.optimizer === undefined || known.optimizer === optimizer ? (known.hyper ?? {}) : {};
  return unknown.map((name) => {
    const spec = found.hyperparameters.find((each) => each.name === name)!;
    const value = given[name];
    const standard = defaults[name];
    const description = asked.includes(name)
      ? 'asked'
      : value !== undefined
        ? `from ${projectFile}`
        : where === undefined
          ? `assumed: the default of ${frameworkTitles[framework] ?? 'PyTorch'}`
          : `not known from ${where}, so it is asked`;
    return { spec, value, standard, description };
  });
}

const frameworkTitles: Readonly<Record<string, string>> = { keras: 'Keras', optax: 'Optax' };
