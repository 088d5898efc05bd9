import { optimizers } from '../optimizers/registry.ts';
import type { Command } from './options.ts';
import { styles } from './text.ts';

/** `optimizer-bias optimizers`. */
export const optimizersCommand: Command = {
  name: 'optimizers',
  summary: 'list the optimizers: formula, what each penalises, defaults, source',
  usage: ['optimizer-bias optimizers [--json]'],
  options: [{ flag: 'json', help: 'print as JSON' }],
  async run({ values }) {
    const frameworks = ['pytorch', 'keras', 'optax', 'paper'] as const;
    const list = optimizers.map((optimizer) => ({
      name: optimizer.name,
      title: optimizer.title,
      ...optimizer.theory,
      hyperparameters: optimizer.hyperparameters,
      defaults: Object.fromEntries(
        frameworks.flatMap((framework) =>
          optimizer.defaults(framework) ? [[framework, optimizer.defaults(framework)]] : [],
        ),
      ),
    }));
    if (values.has('json')) {
      process.stdout.write(`${JSON.stringify(list, undefined, 2)}\n`);
      return 0;
    }
    const style = styles(process.stdout);
    for (const { name, title, formula, penalises, source, hyperparameters, defaults } of list) {
      process.stdout.write(`${style.bold(`${name}`)}  ${title}\n  ${formula}\n  ${penalises}\n`);
      for (const [framework, values_] of Object.entries(defaults)) {
        const settings = hyperparameters
          .map(({ name: key, option }) => `--${option} ${(values_ as Record<string, unknown>)[key]}`)
          .join(' ');
        process.stdout.write(`  ${framework.padEnd(8)} ${settings}\n`);
      }
      process.stdout.write(style.dim(`  Source: ${source}\n\n`));
    }
    return 0;
  },
};
