import * as vscode from 'vscode';
import type { ConfiguredOptimizer } from '../../advice/configured.ts';
import { completeHyperparameters } from '../../optimizers/hyperparameters.ts';
import type { Framework, Hyperparameters } from '../../optimizers/optimizer.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import type { CompareRequest } from '../../shared/experiments.ts';
import type { InspectRequest } from '../../shared/protocol.ts';
import type { Target } from '../../shared/target.ts';
import { findFiles, pickData } from '../inspect/pickFile.ts';
import type { Purpose } from '../inspect/sheet.ts';
import { readAxis, readSeeds, valueText } from './form.ts';
import { type Lists, settingsToTry } from './settingsToTry.ts';

/** Steps where none are remembered: enough for the norm to fall and to rise again on small models. */
const compareSteps = 200;

/** The names of the hyper-parameters as they are spoken of. */
const symbols: Readonly<Record<string, string>> = { beta1: 'β₁', beta2: 'β₂', eps: 'ε' };
const symbolOf = (name: string) => symbols[name] ?? name.replaceAll('_', ' ');

/** What is held against the user's own setting: the lines of the sheet, and the request that they stand for. */
export class CompareForm implements Purpose {
  readonly steps = compareSteps;
  private readonly lists: Lists;
  /** As far as the configuration says, before the sheet has asked. */
  private readonly own: Hyperparameters;
  private seeds: readonly number[] = [0, 1, 2, 3];
  private combined = false;
  /** It is to be written as a plan, and not run. */
  planned = false;
  private test: NonNullable<CompareRequest['test']> | undefined;

  /** @param only the hyper-parameters that are offered; all where not given */
  constructor(
    readonly title: string,
    private readonly optimizer: ConfiguredOptimizer,
    private readonly folder: string,
    initial: Readonly<Record<string, readonly number[]>> = {},
    private readonly only?: readonly string[],
  ) {
    this.lists = new Map(Object.entries(initial));
    this.own = ownOf(optimizer);
  }

  action(model: string): string {
    return `${this.title} on ${model}`;
  }

  summary(target: Partial<Target>): string {
    const settings = this.settings().length + 1;
    const seeds = this.seeds.length;
    return `${settings} settings × ${seeds} ${pairsOf(target)} = ${settings * seeds} runs`;
  }

  problem(): string | undefined {
    if (this.settings().length === 0) return 'Give a hyper-parameter another value than your own';
    return this.seeds.length < 2 ? 'Give at least two seeds: an interval needs pairs of runs' : undefined;
  }

  lines(target: Partial<Target>): { readonly id: string; readonly label: string; readonly description?: string }[] {
    const { test } = this;
    return [
      ...this.specs().map(({ name, description }) => ({
        id: name,
        label: `${symbolOf(name)}: ${this.textOf(name)}`,
        description: this.lists.has(name) ? `held against your ${this.ownText(name)}` : description,
      })),
      {
        id: ':seeds',
        label: `${pairsOf(target) === 'orders' ? 'Orders' : 'Initial weights'}: ${this.seeds.join(', ')}`,
        description: seedHelp(target),
      },
      ...(this.lists.size > 1
        ? [{ id: ':combined', label: this.combined ? 'All combinations' : 'One change at a time' }]
        : []),
      {
        id: ':test',
        label: `Test set: ${test ? (test.data ?? `${test.x} + ${test.y}`) : '–'}`,
        description: 'its loss and accuracy are compared, too',
      },
      {
        id: ':planned',
        label: this.planned ? 'As a plan with a SLURM script' : 'On this machine',
        description: this.planned
          ? 'nothing is run; see “On a cluster” of the documentation'
          : 'or as a plan for a cluster',
      },
    ];
  }

  async change(id: string, target: Partial<Target>): Promise<void> {
    if (id === ':combined') this.combined = !this.combined;
    else if (id === ':seeds') await this.changeSeeds(target);
    else if (id === ':test') await this.changeTest();
    else if (id === ':planned') this.planned = !this.planned;
    else await this.changeValues(id);
  }

  /** The comparison on the model and data of an inspection. */
  request(base: InspectRequest): CompareRequest {
    // The order is the pair's; edge and correction of single runs are not compared.
    const { seed: _seed, state: _state, saveState: _saved, ...rest } = base;
    return {
      base: { ...rest, stage: 'step', arrays: false },
      settings: this.settings(ownOf(base)),
      seeds: this.seeds,
      ...(this.test && { test: this.test }),
    };
  }

  private settings(own = this.own): CompareRequest['settings'] {
    return settingsToTry(this.lists, own, this.combined);
  }

  private specs() {
    const { hyperparameters } = optimizerNamed(this.optimizer.optimizer);
    return hyperparameters.filter(({ name }) => this.only?.includes(name) ?? true);
  }

  private ownText = (name: string): string => valueText(this.own[name]);

  private textOf(name: string): string {
    const list = this.lists.get(name) as readonly number[] | undefined;
    return list ? valueText(list) : this.ownText(name);
  }

  private async changeValues(name: string): Promise<void> {
    const spec = this.specs().find((each) => each.name === name);
    if (!spec) return;
    const text = await vscode.window.showInputBox({
      title: `${symbolOf(name)} to hold against your ${this.ownText(name)}`,
      prompt: 'One value or several, separated by commas; empty: none',
      value: this.lists.has(name) ? this.textOf(name) : '',
      ignoreFocusOut: true,
      validateInput: (typed) => {
        const read = readAxis(spec, typed);
        return 'problem' in read ? read.problem : undefined;
      },
    });
    const read = text === undefined ? undefined : readAxis(spec, text);
    if (!read || 'problem' in read) return;
    if (read.values.length === 0) this.lists.delete(name);
    else this.lists.set(name, read.values);
  }

  private async changeSeeds(target: Partial<Target>): Promise<void> {
    const text = await vscode.window.showInputBox({
      title: 'Seeds',
      prompt: seedHelp(target),
      value: this.seeds.join(', '),
      ignoreFocusOut: true,
      validateInput: (typed) => {
        const read = readSeeds(typed);
        return 'problem' in read ? read.problem : undefined;
      },
    });
    const read = text === undefined ? undefined : readSeeds(text);
    if (read && 'values' in read) this.seeds = read.values;
  }

  private async changeTest(): Promise<void> {
    if (this.test) {
      this.test = undefined;
      return;
    }
    const { data } = await findFiles(this.folder);
    this.test = await pickData('Test set with samples and labels', data, this.folder);
  }
}

const ownOf = ({ optimizer, framework, hyper }: Pick<ConfiguredOptimizer, 'optimizer' | 'framework' | 'hyper'>) =>
  completeHyperparameters(optimizerNamed(optimizer), framework as Framework, hyper);

/** What the settings are compared on, pair by pair. */
const pairsOf = ({ batchSize, order }: Partial<Target>): 'orders' | 'initial weights' =>
  batchSize === undefined && order === undefined ? 'initial weights' : 'orders';

const seedHelp = (target: Partial<Target>): string =>
  pairsOf(target) === 'orders'
    ? 'of the mini-batches: every setting sees the same'
    : '0: the model’s own; others: drawn anew, with the same scale. Every setting begins at the same';
