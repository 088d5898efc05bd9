import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagnose } from '../../extension/advice/diagnostics.ts';
import { argumentMarkdown, codeLensText, hoverMarkdown } from '../../extension/advice/hover.ts';
import { analyse } from '../../extension/configs/analyse.ts';

const values = [
  '0',
  '-1',
  '1',
  '1.0',
  '2',
  '1e-320',
  '1e308',
  '1e400',
  'float("nan")',
  'float("inf")',
  '-0.0',
  'True',
  '"x"',
];
const calls: (readonly [call: string, names: readonly string[]])[] = [
  ['torch.optim.Adam(p, ', ['lr', 'eps', 'weight_decay']],
  ['torch.optim.AdamW(p, ', ['lr', 'eps', 'weight_decay']],
  ['torch.optim.NAdam(p, ', ['lr', 'eps', 'momentum_decay']],
  ['torch.optim.RMSprop(p, ', ['lr', 'alpha', 'eps', 'momentum']],
  ['torch.optim.SGD(p, ', ['lr', 'momentum', 'dampening', 'weight_decay']],
  ['torch.optim.Adagrad(p, ', ['lr', 'lr_decay', 'eps', 'initial_accumulator_value']],
];

test('no value that can be written makes a text with numbers that are none', () => {
  const wrong: string[] = [];
  for (const [call, names] of calls) {
    const settings = names.flatMap((name) => values.map((value) => `${name}=${value}`));
    const betas = values.flatMap((value) => [`betas=(${value}, 0.999)`, `betas=(0.9, ${value})`]);
    for (const setting of call.includes('Adam') ? [...settings, ...betas] : settings) {
      const text = `import torch\no = ${call}${setting})`;
      for (const config of analyse({ path: 'a.py', language: 'python', text })) {
        const shown = [
          hoverMarkdown(config),
          codeLensText(config),
          ...[...config.hyperparameters.keys()].map((name) => argumentMarkdown(config, name) ?? ''),
          ...diagnose(config, text).map(({ message }) => message),
        ];
        for (const said of shown) if (/NaN|undefined|Infinity|\[object/.test(said)) wrong.push(`${setting}: ${said}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});
