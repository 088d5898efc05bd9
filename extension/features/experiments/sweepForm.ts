import * as vscode from 'vscode';
import type { Framework, Hyperparameters } from '../../optimizers/optimizer.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import type { SweepRequest } from '../../shared/experiments.ts';
import type { InspectRequest } from '../../shared/protocol.ts';
import type { ConfiguredOptimizer } from '../inspect/hyper.ts';
import { findFiles, pickData } from '../inspect/pickFile.ts';
import type { Purpose } from '../inspect/sheet.ts';
import { readAxis, readSeeds, valueText } from './form.ts';

/** Steps of a sweep where none are remembered: enough for the norm to fall and to rise again on small models. */
const sweepSteps = 200;

/** The names of the hyper-parameters as they are spoken of. */
const symbols: Readonly<Record<string, string>> = { beta1: 'β₁', beta2: 'β₂', eps: 'ε' };
const symbolOf = (name: string) => symbols[name] ?? name.replaceAll('_', ' ');

/** What is swept: the lines of the sheet, and the request that they stand for. */
export class SweepForm implements Purpose {
  readonly steps = sweepSteps;
  private readonly lists = new Map<string, readonly (number | boolean | string)[]>();
  private seeds: readonly number[] = [0];
  private together = false;
  private test: NonNullable<SweepRequest['test']> | undefined;

  /** @param only the hyper-parameters that are offered; all where not given */
  constructor(
    readonly title: string,
    private readonly optimizer: ConfiguredOptimizer,
    private readonly folder: string,
    initial: Readonly<Record<string, readonly number[]>> = {},
    private readonly only?: readonly string[],
  ) {
    for (const [name, values] of Object.entries(initial)) this.lists.set(name, values);
  }

  action(model: string): string {
    return `${this.title} on ${model}`;
  }

  summary(): string {
    return `${this.points()} points`;
  }

  problem(): string | undefined {
    const lengths = new Set(this.axes().map(({ values }) => values.length));
    if (this.together && lengths.size > 1) return 'Lists that go together need the same length';
    return this.points() < 2 ? 'Give a hyper-parameter several values' : undefined;
  }

  lines(): { readonly id: string; readonly label: string; readonly description?: string }[] {
    const all = this.only === undefined;
    return [
      ...this.specs().map(({ name, description }) => ({
        id: name,
        label: `${symbolOf(name)}: ${this.textOf(name)}`,
        description: this.lists.has(name) ? `${description} · changed here` : description,
      })),
      { id: ':seeds', label: `Seeds: ${this.seeds.join(', ')}`, description: seedHelp() },
      ...(all && this.axes().length > 1
        ? [
            {
              id: ':together',
              label: this.together ? 'Values go together' : 'All combinations',
            },
          ]
        : []),
      {
        id: ':test',
        label: `Test set: ${this.test ? (this.test.data ?? `${this.test.x} + ${this.test.y}`) : '–'}`,
        description: 'its accuracy is measured on the way',
      },
    ];
  }

  async change(id: string): Promise<void> {
    if (id === ':together') this.together = !this.together;
    else if (id === ':seeds') await this.changeSeeds();
    else if (id === ':test') await this.changeTest();
    else await this.changeValues(id);
  }

  /** The sweep on the model and data of an inspection. */
  request(base: InspectRequest): SweepRequest {
    const axes = this.axes();
    const swept = new Set(axes.map(({ name }) => name));
    const single = [...this.lists].filter(([, values]) => values.length === 1).map(([name, [value]]) => [name, value]);
    const hyper = Object.fromEntries(Object.entries(base.hyper).filter(([name]) => !swept.has(name)));
    return {
      base: { ...base, stage: 'step', arrays: false, hyper: { ...hyper, ...Object.fromEntries(single) } },
      axes,
      together: this.together,
      seeds: this.seeds,
      ...(this.test && { test: this.test }),
    };
  }

  private specs() {
    const { hyperparameters } = optimizerNamed(this.optimizer.optimizer);
    return hyperparameters.filter(({ name }) => this.only?.includes(name) ?? true);
  }

  private axes() {
    return [...this.lists].flatMap(([name, values]) => (values.length > 1 ? [{ name, values }] : []));
  }

  private points(): number {
    const lengths = this.axes().map(({ values }) => values.length);
    const combined = this.together ? (lengths[0] ?? 1) : lengths.reduce((product, length) => product * length, 1);
    return combined * this.seeds.length;
  }

  /** The values, or the one that the configuration or its framework gives. */
  private textOf(name: string): string {
    const { optimizer, framework, hyper } = this.optimizer;
    const defaults: Hyperparameters | undefined = optimizerNamed(optimizer).defaults(framework as Framework);
    const list = this.lists.get(name) as readonly number[] | undefined;
    return valueText(list ?? hyper[name] ?? defaults?.[name]);
  }

  private async changeValues(name: string): Promise<void> {
    const spec = this.specs().find((each) => each.name === name);
    if (!spec) return;
    const text = await vscode.window.showInputBox({
      title: `Values of ${symbolOf(name)}`,
      prompt: 'Several separated by commas; empty: what the configuration says',
      value: this.textOf(name).replace('–', ''),
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

  private async changeSeeds(): Promise<void> {
    const text = await vscode.window.showInputBox({
      title: 'Seeds',
      prompt: seedHelp(),
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

const seedHelp = (): string => '0: the model’s own weights; others: drawn anew';
