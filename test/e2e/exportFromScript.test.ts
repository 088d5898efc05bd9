import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { launchBrowser, Workbench } from './rig/workbench.ts';

const script = `import torch
from model import Net

model = Net()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99))
`;

const commandLine = `from lightning.pytorch.cli import LightningCLI

if __name__ == "__main__":
    LightningCLI()
`;
const configuration = `optimizer:
  class_path: torch.optim.AdamW
  init_args:
    lr: 0.002
    betas: [0.9, 0.95]
`;

const target = {
  model: 'optimizer-bias/model.onnx',
  data: 'optimizer-bias/data.npz',
  loss: 'cross-entropy',
  source: 'train.py',
  steps: 3,
};

/** Stands in for a Python with PyTorch: it writes what the helper writes. The helper itself is tried with the real one. */
const standIn = `#!/bin/sh
set -e
if [ -f fail ]; then echo "ModuleNotFoundError: No module named 'torch'" >&2; exit 1; fi
grep -q export_script "$1"
mkdir -p optimizer-bias
cp "${resolve('media/sample/digits.onnx')}" optimizer-bias/model.onnx
cp "${resolve('media/sample/digits.npz')}" optimizer-bias/data.npz
cat > "$OPTIMIZER_BIAS_PROJECT/.optimizer-bias.json" <<'END'
${JSON.stringify({ inspections: [target] })}
END
`;

describe('from the training script to the panel', { timeout: 600_000, skip: process.platform === 'win32' }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;
  const tools = mkdtempSync(join(tmpdir(), 'interpreter-'));
  const interpreter = join(tools, 'python');

  before(async () => {
    writeFileSync(interpreter, standIn);
    chmodSync(interpreter, 0o755);
    server = await startServer({
      files: { 'train.py': script, 'lightning/main.py': commandLine, 'lightning/configs/fit.yaml': configuration },
      settings: { 'optimizerBias.python.interpreter': interpreter },
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(tools, { recursive: true, force: true });
  });
  beforeEach(() => workbench.dismiss());

  const button = (text: string): Locator =>
    workbench.page.locator('.notification-toast .monaco-button', { hasText: text }).first();
  const runLens = () =>
    workbench.page.locator('.codelens-decoration a', { hasText: 'Run in Terminal, Then Inspect' }).first();
  const files = () => readdirSync(server.workspace).filter((name) => name.endsWith('.py'));
  const exportLens = () =>
    workbench.page.locator('.codelens-decoration a', { hasText: 'Export from This Script…' }).first();

  test('without a model the CodeLens offers the export; the script is shown and nothing runs before a click', async () => {
    const editor = await workbench.openFile('train.py');
    await workbench.click(editor, 'import torch');
    await exportLens().click();
    await runLens().waitFor();
    assert.deepEqual(files().sort(), ['export_train.py', 'optimizer_bias.py', 'train.py']);
    assert.match(readFileSync(join(server.workspace, 'export_train.py'), 'utf8'), /line 5: AdamW/);
    assert.equal(
      readFileSync(join(server.workspace, 'optimizer_bias.py'), 'utf8'),
      readFileSync('media/helper/optimizer_bias.py', 'utf8'),
    );
    assert.ok(!existsSync(join(server.workspace, 'optimizer-bias')));
    await picture(workbench.page, 'export-script');
  });

  test('from a configuration file the script that reads it is exported, with its command line', async () => {
    const editor = await workbench.openFile('lightning/configs/fit.yaml');
    await workbench.click(editor, 'optimizer');
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Export from Its Script…' }).first().click();
    await runLens().waitFor();
    const written = readFileSync(join(server.workspace, 'lightning', 'export_main.py'), 'utf8');
    assert.match(written, /^ARGUMENTS = \["fit", "--config", "configs\/fit\.yaml"\]$/m);
    await picture(workbench.page, 'export-configuration');
    const script = await workbench.openFile('train.py');
    await workbench.click(script, 'import torch');
    await exportLens().click();
    await runLens().waitFor();
  });

  test('an export that fails says where to look, and its terminal stays', async () => {
    writeFileSync(join(server.workspace, 'fail'), '');
    await runLens().click();
    await button('Choose the Interpreter').waitFor();
    await workbench.page.locator('.notification-toast', { hasText: 'exit code 1' }).first().waitFor();
    rmSync(join(server.workspace, 'fail'));
    await workbench.host((vscode) => vscode.commands.executeCommand('notifications.clearAll'));
  });

  test('when model and data are there, the sheet opens filled in, and Enter runs it', async () => {
    writeFileSync(join(server.workspace, 'optimizer_bias.py'), '# own version\n');
    const editor = await workbench.openFile('train.py');
    await workbench.click(editor, 'import torch');
    await exportLens().click();
    await runLens().click();
    const sheet = workbench.page.locator('.quick-input-widget:visible');
    await sheet.locator('.monaco-list-row', { hasText: 'Inspect optimizer-bias/model.onnx' }).first().waitFor();
    await picture(workbench.page, 'export-sheet');
    await workbench.page.keyboard.press('Enter');
    const frame = workbench.page
      .frameLocator('iframe.webview.ready[src*="optimizer-bias"]')
      .last()
      .frameLocator('iframe#active-frame');
    await frame.locator('.tile').first().waitFor({ timeout: 60_000 });
    // Neither the user's version of the helper nor an earlier script is overwritten.
    assert.equal(readFileSync(join(server.workspace, 'optimizer_bias.py'), 'utf8'), '# own version\n');
    assert.deepEqual(files().sort(), ['export_train.py', 'optimizer_bias.py', 'train.py']);
    await picture(workbench.page, 'export-panel');
  });
});
