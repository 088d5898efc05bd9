import { dataSetFormats } from '../datasets/formats.ts';
import type { HyperparameterSpec, Hyperparameters, Optimizer } from '../optimizers/optimizer.ts';
import { optimizerNamed, optimizers } from '../optimizers/registry.ts';
import { type InspectSetting, inspectSettings, optionOf } from '../shared/request.ts';
import type { Given, Option, OptionValue } from './options.ts';

/** The options of the command line that the table of settings of an inspection stands for. */

type Key = keyof typeof inspectSettings;
const settings: Readonly<Record<string, InspectSetting>> = inspectSettings;

const names = optimizers.map(({ name }) => name);
/** What the table cannot know, since it lies below the rooms that do. */
const known: Partial<Record<Key, Partial<Option>>> = {
  data: { help: `samples and labels: ${dataSetFormats}` },
  optimizer: { choices: names, help: `one of ${names.join(', ')} (default adam)` },
};

/** The options of some settings, in the order of the table. */
export function optionsFor(wanted: (key: Key) => boolean): Option[] {
  return (Object.keys(inspectSettings) as Key[]).filter(wanted).flatMap((key) => {
    const { fields, kind } = settings[key];
    if (kind === 'group') return Object.entries(fields!).map(([name, field]) => optionFor(name, field));
    return settings[key].option === false ? [] : [{ ...optionFor(key, settings[key]), ...known[key] }];
  });
}

const values = {
  number: 'number',
  count: 'count',
  numbers: 'numbers',
  text: 'text',
  texts: 'text',
  file: 'text',
  choice: 'text',
  stage: 'stage',
  list: 'text',
} as const satisfies Partial<Record<InspectSetting['kind'], Option['value']>>;

function optionFor(key: string, setting: InspectSetting): Option {
  const { kind, choices, placeholder, default: standard, help, min, max, minExclusive, maxExclusive } = setting;
  const isShown = ['string', 'number'].includes(typeof standard) && !help.includes('(default');
  return {
    ...{ flag: optionOf(key, setting), choices, placeholder, repeat: kind === 'texts' || kind === 'list' },
    ...{ min, max, minExclusive, maxExclusive },
    value: values[kind as keyof typeof values],
    help: isShown ? `${help} (default ${standard})` : help,
  };
}

/** The settings that were given, by key; groups of which nothing was given are left out. */
export function settingsFrom(given: Given['values']): Record<string, unknown> {
  const read = (table: Readonly<Record<string, InspectSetting>>): [string, unknown][] =>
    Object.entries(table).flatMap(([key, setting]): [string, unknown][] => {
      if (setting.kind !== 'group') {
        const value = given.get(optionOf(key, setting)) ?? setting.default;
        return value === undefined || setting.option === false ? [] : [[key, value]];
      }
      const fields = read(setting.fields as Readonly<Record<string, InspectSetting>>);
      return fields.length === 0 ? [] : [[key, Object.fromEntries(fields)]];
    });
  return Object.fromEntries(read(settings));
}

/** The options of hyper-parameters; switches get a `no-` form. */
const hyperOption = (spec: HyperparameterSpec): Option[] => {
  const { option: flag, kind, choices, description: help } = spec;
  if (kind === 'boolean')
    return [
      { flag, help },
      { flag: `no-${flag}`, help: `without: ${help}` },
    ];
  return [
    kind === 'choice' ? { flag, value: 'text', choices, help } : { flag, value: 'number', placeholder: 'X', help },
  ];
};

/** One option for each hyper-parameter of any optimizer, in the words of the first that has it. */
export const hyperOptions: readonly Option[] = optimizers
  .flatMap(({ hyperparameters }) => hyperparameters)
  .filter(({ option }, i, all) => all.findIndex((spec) => spec.option === option) === i)
  .flatMap(hyperOption);

/** The options of one optimizer's hyper-parameters, in its own words. */
export const hyperOptionsOf = ({ hyperparameters }: Optimizer): Option[] => hyperparameters.flatMap(hyperOption);

/** The hyper-parameters that were given, by canonical name. */
export function hyperFrom(given: Given['values'], optimizer: string): Partial<Hyperparameters> {
  const hyper: Record<string, OptionValue> = {};
  for (const { kind, name, option } of optimizerNamed(optimizer).hyperparameters) {
    if (given.has(option)) hyper[name] = given.get(option)!;
    if (kind === 'boolean' && given.has(`no-${option}`)) hyper[name] = false;
  }
  return hyper as Partial<Hyperparameters>;
}
