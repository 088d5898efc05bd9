import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { cli } from '../support/paths.ts';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, textOf, Workbench } from './rig/workbench.ts';

const script = `import os, torch, yaml
from torch import nn

cfg = yaml.safe_load(open("configs/base.yaml"))
net = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
loader = DataLoader(data, batch_size=32)
opt = torch.optim.AdamW(net.parameters(), lr=float(os.environ["LR"]), betas=tuple(cfg["optim"]["betas"]))
`;

describe('a project whose settings stand in other files', { timeout: 600_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      settings: { 'optimizerBias.inlayHints.enabled': true },
      files: {
        'train.py': script,
        'measured.py': 'import torch\n\nopt = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.95))\n',
        'configs/base.yaml': 'optim:\n  name: adamw\n  betas: [0.9, 0.9995]\n',
      },
      copies: { 'digits.onnx': 'media/sample/digits.onnx', 'digits.npz': 'media/sample/digits.npz' },
    });
    browser = await launchBrowser();
    // A run of a script's settings, from the command line.
    execFileSync(
      process.execPath,
      [cli, 'inspect', '--model', 'digits.onnx', '--data', 'digits.npz', '--lr', '0.001', '--beta2', '0.95'].concat([
        '--steps',
        '60',
        '--every',
        '10',
        '--limit',
        '300',
        '--out',
        'runs/before',
      ]),
      { cwd: server.workspace, stdio: 'ignore' },
    );
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(() => workbench.dismiss());

  const row = (text: string): Locator =>
    workbench.page.locator('.quick-input-widget:visible .monaco-list-row', { hasText: text }).first();

  test('the hover names the file and line, and a fix sets the value where it is written', async () => {
    const editor = await workbench.openFile('train.py');
    const hover = await workbench.hover(editor, 'AdamW(', /betas/);
    assert.match(await textOf(hover), /lr unknown · betas \(0\.9, 0\.9995\) from configs\/base\.yaml:3/);
    await workbench.dismiss();
    await workbench.quickFix(editor, 'cfg["optim"]["betas"]', /Set β₂ to 0\.95 \(configs\/base\.yaml\)/);
    await eventually(
      () => workbench.textOf('configs/base.yaml'),
      (text) => text.includes('betas: [0.9, 0.95]'),
    );
    await workbench.hover(editor, 'AdamW(', /betas \(0\.9, 0\.95\)/);
  });

  test('what the script leaves open is asked before the run, and the run says so', async () => {
    const { page } = workbench;
    const editor = await workbench.openFile('train.py');
    await workbench.click(editor, 'from torch');
    await page.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    await row('lr: ?').waitFor();
    await row('Differs from your training: full batch instead of 32').waitFor();
    await picture(page, 'sheet-open');
    await row('Samples: all').click();
    await row('As many as keep a step under two seconds').click();
    await row('a step of').waitFor({ timeout: 60_000 });
    for (const told of ['Parameters: 2,410 in 4 tensors', 'Arithmetic: about', 'Time: about', 'Memory: about'])
      await row(told).waitFor();
    await picture(page, 'sheet-timed');
    await row('Inspect digits.onnx').click();
    const input = page.locator('.quick-input-widget:visible .quick-input-box input');
    await page.locator('.quick-input-widget:visible', { hasText: 'Not known from train.py, line 7' }).waitFor();
    await input.fill('0.002');
    await page.keyboard.press('Enter');
    const frame = workbench.webview();
    await frame.locator('.subject', { hasText: 'lr 0.002 (asked)' }).waitFor({ timeout: 60_000 });
    await frame.locator('.differs', { hasText: 'full batch instead of 32' }).waitFor();
    await frame.locator('.activity', { hasText: /Finished/ }).waitFor({ timeout: 60_000 });
    await picture(page, 'panel-asked');
    const runs = join(server.workspace, 'runs');
    assert.ok(existsSync(runs));
    const { request } = JSON.parse(readFileSync(join(runs, readdirSync(runs)[0]!, 'run.json'), 'utf8'));
    assert.deepEqual(
      { ...request.origins, lr: 'asked', beta2: 'configs/base.yaml:3', eps: 'default' },
      request.origins,
    );
    assert.deepEqual([request.hyper.lr, request.hyper.beta2], [0.002, 0.95]);
  });

  test('an error is told with its place, to which its button leads', async () => {
    const { page } = workbench;
    const path = join(server.workspace, '.optimizer-bias.json');
    const before = readFileSync(path, 'utf8');
    const broken = before.replace('"model": "digits.onnx"', '"model": "digits.onnx",\n      "steps": -3');
    assert.notEqual(broken, before);
    writeFileSync(path, broken);
    const editor = await workbench.openFile('train.py');
    await workbench.click(editor, 'from torch');
    await page.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    const toast = page.locator('.notification-toast', { hasText: 'holds settings that are not possible' });
    await toast.waitFor();
    assert.match(await textOf(toast), /"\.optimizer-bias\.json": holds[^5]* line 5: [^5]*Correct the file/s);
    await picture(page, 'error-with-place');
    await toast.locator('.monaco-button', { hasText: 'Open .optimizer-bias.json' }).click();
    const line = await eventually(
      () =>
        workbench.host((vscode) => {
          const shown = vscode.window.activeTextEditor;
          return shown?.document.fileName.endsWith('.optimizer-bias.json') ? shown.selection.active.line : -1;
        }),
      (found) => found >= 0,
    );
    assert.equal(line, 4);
    await picture(page, 'error-place-opened');
    writeFileSync(path, before);
  });

  test('what was measured stands above the code and behind it, and comes first in the hover', async () => {
    const { page } = workbench;
    const editor = await workbench.openFile('measured.py');
    const lens = page.locator('.codelens-decoration', { hasText: /Measured \d{4}-\d\d-\d\d: [+−]/ });
    await lens.first().waitFor();
    const headline = /: ([+−][\d.]+ %)/.exec(await textOf(lens.first()))![1];
    // The editor writes hints with spaces that do not break.
    const hint = page.locator('.view-lines', {
      hasText: /measured\s[+−][\d.]+\s%\sto\sloss\s[\d.]+,\s\d{4}-\d\d-\d\d/,
    });
    await hint.first().waitFor();
    assert.ok((await textOf(hint.first())).replace(/\s/g, ' ').includes(`measured ${headline}`), headline);
    const hover = await workbench.hover(editor, 'Adam(', /Measured/);
    const text = await textOf(hover);
    assert.ok(text.indexOf('Measured') < text.indexOf('theory predicts'), text);
    await picture(page, 'measured-at-the-code');
  });
});
