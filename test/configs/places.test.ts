import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { argumentMarkdown, settingsLine } from '../../extension/advice/hover.ts';
import { renderText } from '../../extension/advice/report.ts';
import { answer } from '../../extension/configs/answer.ts';
import { LineMap } from '../../extension/configs/source.ts';

const root = mkdtempSync(join(tmpdir(), 'places-'));
after(() => rmSync(root, { recursive: true, force: true }));

const script = `import torch, yaml
cfg = yaml.safe_load(open("configs/base.yaml"))
decay = 0.1

opt = torch.optim.AdamW(p, lr=cfg["optim"]["lr"], betas=tuple(cfg["optim"]["betas"]), weight_decay=decay)
`;
const files = { 'train.py': script, 'configs/base.yaml': 'data: x\noptim:\n  lr: 3.0e-4\n  betas: [0.9, 0.95]\n' };
for (const [name, text] of Object.entries(files)) {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
}
const place = { path: join(root, 'train.py'), root, open: [] };

test('values that are not written at the call carry the file and line that they come from', () => {
  const { configs } = answer({ kind: 'text', uri: 'a', language: 'python', text: script, place });
  assert.equal(
    settingsLine(configs[0]!).replaceAll('\\', ''),
    '**AdamW** — lr 3e-4 *from configs/base.yaml:3* · betas (0.9, 0.95) *from configs/base.yaml:4* · eps 1e-8 *default*, outside the root · weight_decay 0.1 *from line 3* (decoupled)',
  );
  assert.match(argumentMarkdown(configs[0]!, 'lr')!, /3e-4 \*from configs\/base\.yaml\\:3\*/);
  const finding = { file: 'train.py', config: configs[0]!, diagnostics: [], lines: new LineMap(script), text: script };
  assert.match(renderText([finding], 1), /lr 3e-4 \(configs\/base\.yaml:3\) .* weight_decay 0\.1\n/);
});

test('in a notebook a value comes from a cell', () => {
  const cells = ['import torch\nlr = 0.5', 'opt = torch.optim.Adam(p, lr=lr)'];
  const { configs } = answer({ kind: 'cells', cells });
  assert.equal(configs[0]!.hyperparameters.get('lr')!.place, 'cell 1, line 2');
  const text = JSON.stringify({ cells: cells.map((source) => ({ cell_type: 'code', source: [source] })), metadata: {}, nbformat: 4, nbformat_minor: 5 }); // biome-ignore format: one line
  const [config] = answer({ kind: 'text', uri: 'b', language: 'notebook', text }).configs;
  assert.deepEqual(
    [config!.hyperparameters.get('lr')!.value, config!.hyperparameters.get('lr')!.place],
    [0.5, undefined],
  );
});
