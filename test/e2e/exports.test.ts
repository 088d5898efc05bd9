import assert from 'node:assert/strict';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { FILES } from './files.ts';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, typedIn, Workbench } from './rig/workbench.ts';

/** The notebook of the other tests, with a cell that creates the model. */
const notebook = (() => {
  const content = JSON.parse(FILES['train.ipynb']);
  const source =
    'from torch import nn\nmodel = nn.Sequential(\n    nn.Linear(64, 32),\n    nn.Tanh(),\n    nn.Linear(32, 10),\n)\n';
  content.cells.push({ ...content.cells[0], source });
  return JSON.stringify(content);
})();

describe('from a cell of a notebook to the panel, and from there to files', { timeout: 600_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files: { 'train.ipynb': notebook, 'other.py': FILES['train.py'] },
      copies: { 'digits.onnx': 'media/sample/digits.onnx', 'digits.npz': 'media/sample/digits.npz' },
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const webview = () => workbench.webview();
  const inWorkspace = (...path: string[]) => join(server.workspace, ...path);
  const onlyRun = () => {
    const names = readdirSync(inWorkspace('runs'));
    assert.equal(names.length, 1);
    return names[0];
  };
  const json = (...path: string[]) => JSON.parse(readFileSync(inWorkspace(...path), 'utf8'));

  test('Inspect above the optimizer of a cell, with a value from another cell', async () => {
    const { page } = workbench;
    await workbench.host(async (vscode, path) => {
      await vscode.window.showNotebookDocument(await vscode.workspace.openNotebookDocument(vscode.Uri.file(path)));
    }, inWorkspace('train.ipynb'));
    const cell = page.locator('.notebookOverlay .cell.code .monaco-editor', { hasText: 'optim.Adam(' }).first();
    await workbench.click(cell, 'optim.Adam(');
    await cell.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    await page
      .locator('.quick-input-widget:visible .monaco-list-row', { hasText: 'Inspect digits.onnx' })
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
    await webview()
      .locator('.activity', { hasText: /Finished · 50 steps/ })
      .waitFor({ timeout: 60_000 });
    assert.deepEqual(json('runs', onlyRun(), 'source.json'), { path: 'train.ipynb', index: 0 });
    assert.equal(json('runs', onlyRun(), 'run.json').request.hyper.lr, 1e-4);
    assert.equal(json('.optimizer-bias.json').inspections[0].source, 'train.ipynb');
    await picture(page, 'notebook-inspected');
  });

  test('a tensor of the panel leads to its line in a cell', async () => {
    await webview().locator('.bar-row', { hasText: '2.weight' }).dblclick();
    const lines = () =>
      workbench.host((vscode) =>
        vscode.window.visibleTextEditors
          .filter(({ document }) => document.getText().includes('nn.Tanh'))
          .map(({ selection }) => selection.active.line),
      );
    await eventually(lines, ([line]) => line === 4);
  });

  test('the run is stale once the other cell says something else', async () => {
    const notice = webview().locator('.notice', { hasText: 'lr is now 1e-5' });
    writeFileSync(inWorkspace('train.ipynb'), notebook.replace('LR = 1e-4', 'LR = 1e-5'));
    await notice.waitFor();
    writeFileSync(inWorkspace('train.ipynb'), notebook);
    await notice.waitFor({ state: 'detached' });
  });

  test('another file: what was used last is offered, and marked as such', async () => {
    const { page } = workbench;
    await workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.focusFirstEditorGroup'));
    const editor = await workbench.openFile('other.py');
    await workbench.click(editor, 'import torch');
    await editor.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    const rows = page.locator('.quick-input-widget:visible .monaco-list-row');
    await rows.filter({ hasText: /Model: digits\.onnx\s*used last/ }).waitFor();
    await page.keyboard.press('Escape');
    await rows.first().waitFor({ state: 'hidden' });
    assert.equal(json('.optimizer-bias.json').inspections.length, 1);
    await workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.closeActiveEditor'));
  });

  /** Chooses an entry of the menu "Export", and waits for the dialog that follows. */
  const openDialog = async (entry: string) => {
    const frame = webview();
    await frame.locator('summary', { hasText: 'Export' }).click();
    await frame.locator('.menu-items vscode-button', { hasText: entry }).click();
    const dialog = workbench.page.locator('.quick-input-widget');
    // The dialog fills the input once it has read the folder.
    await eventually(
      () => typedIn(workbench.page.locator('.quick-input-widget:visible .quick-input-box input')),
      (value) => value.startsWith(server.workspace) && /\.(?:png|csv|json|md)$/.test(value),
    );
    await dialog.locator('.monaco-list-row').first().waitFor();
    return dialog;
  };

  /** Saves under a name of the workspace; resolves with the bytes of the file. */
  const save = async (entry: string, name: string): Promise<Buffer> => {
    const input = (await openDialog(entry)).locator('.quick-input-box input');
    await input.fill(inWorkspace(name));
    await workbench.page.keyboard.press('Enter');
    // Before it is said that the file is written, only a part may be.
    await workbench.page.locator('.notification-toast', { hasText: `Wrote ${name}` }).waitFor();
    return readFileSync(inWorkspace(name));
  };

  test('numbers: every step of every tensor as CSV, as they are on disk', async () => {
    const [head, ...rows] = (await save('Numbers (CSV)', 'numbers.csv')).toString().trim().split('\n');
    const columns = head.split(',');
    assert.deepEqual(columns.slice(0, 4), ['step', 'tensor', 'parameters', 'loss']);
    const lines = readFileSync(inWorkspace('runs', onlyRun(), 'steps.jsonl'), 'utf8')
      .trim()
      .split('\n');
    const steps = lines.map((line) => JSON.parse(line));
    assert.equal(rows.length, steps.length * 5);
    const loss = rows
      .map((row) => row.split(','))
      .filter(([, tensor]) => tensor === '"(all)"')
      .map((cells) => Number(cells[columns.indexOf('loss')]));
    assert.deepEqual(
      loss,
      steps.map((step) => step.loss),
    );
  });

  test('the run as JSON', async () => {
    const { name, run, steps } = JSON.parse((await save('Run (JSON)', 'run.json')).toString());
    assert.equal(name, onlyRun());
    assert.equal(steps.length, 51);
    assert.deepEqual(run, json('runs', onlyRun(), 'run.json'));
  });

  test('a summary as Markdown, which can be opened', async () => {
    const text = (await save('Summary (Markdown)', 'summary.md')).toString();
    assert.match(text, /^## digits\.onnx: Adam · lr 1e\\-4/);
    assert.match(text, /\n\| 0\.weight \| 2,048 \|/);
    const toast = workbench.page.locator('.notification-toast', { hasText: 'Wrote summary.md' });
    await toast.locator('.monaco-button', { hasText: 'Open' }).click();
    const tab = workbench.page.locator('.tab', { hasText: 'summary.md' }).first();
    await tab.waitFor();
    await workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.closeActiveEditor'));
    await tab.waitFor({ state: 'detached' });
  });

  test('a picture as PNG', async () => {
    const bytes = await save('Picture (PNG)', 'picture.png');
    assert.equal(bytes.subarray(1, 4).toString('latin1'), 'PNG');
    const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
    assert.ok(width >= 400 && height >= 100, `${width} × ${height}`);
    assert.equal(bytes.subarray(-8, -4).toString('latin1'), 'IEND');
  });

  test('a dialog that is left writes nothing; what cannot be written is said', async () => {
    const { page } = workbench;
    const before = readdirSync(server.workspace);
    const dialog = await openDialog('Numbers (CSV)');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.deepEqual(readdirSync(server.workspace), before);
    await openDialog('Run (JSON)');
    symlinkSync('/no such folder/run.json', inWorkspace('nowhere.json'));
    await dialog.locator('.quick-input-box input').fill(inWorkspace('nowhere.json'));
    await page.keyboard.press('Enter');
    await dialog.getByText('nowhere.json already exists').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.notification-toast', { hasText: /Cannot write .*nowhere\.json/ }).waitFor();
  });
});
