import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, Workbench } from './rig/workbench.ts';

const trainScript = `import torch
from torch import nn

model = nn.Sequential(
    nn.Linear(64, 32),
    nn.Tanh(),
    nn.Linear(32, 10),
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
`;

const isAlive = (id: number) => {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
};

describe('inspecting a model in the editor', { timeout: 900_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files: { 'train.py': trainScript },
      copies: { 'digits.onnx': 'media/sample/digits.onnx', 'digits.npz': 'media/sample/digits.npz' },
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(() => workbench.dismiss());

  const webview = () => workbench.webview();
  const quickPick = (): Locator => workbench.page.locator('.quick-input-widget:visible');
  const projectFile = () => JSON.parse(readFileSync(join(server.workspace, '.optimizer-bias.json'), 'utf8'));
  const runFolders = () => {
    const folder = join(server.workspace, 'runs');
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  };
  const runOf = (name: string) => JSON.parse(readFileSync(join(server.workspace, 'runs', name, 'run.json'), 'utf8'));

  /** Shows the script in the first column: in another one it would cover the panel. */
  const openScript = async () => {
    await workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.focusFirstEditorGroup'));
    return workbench.openFile('train.py');
  };

  /** Opens the sheet from the CodeLens and starts what it offers. */
  const inspect = async () => {
    const editor = await openScript();
    await workbench.click(editor, 'import torch');
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    await quickPick().locator('.monaco-list-row', { hasText: 'Inspect digits.onnx' }).first().waitFor();
    await picture(workbench.page, 'sheet');
    await workbench.page.keyboard.press('Enter');
  };

  /** Writes how many steps the next run takes. */
  const setSteps = (steps: number, more: object = {}) => {
    const file = projectFile();
    Object.assign(file.inspections[0], { steps, ...more });
    writeFileSync(join(server.workspace, '.optimizer-bias.json'), JSON.stringify(file));
  };

  test('from the CodeLens to the panel, with guesses shown and remembered', async () => {
    await inspect();
    const frame = webview();
    await frame.locator('.activity', { hasText: /Finished · 50 steps/ }).waitFor({ timeout: 60_000 });
    await frame.locator('.tile', { hasText: 'nti-regularizing 0.016' }).waitFor();
    await frame.locator('.tile', { hasText: 'small changes of the gradient' }).waitFor();
    assert.match(
      await frame.locator('.sentence').last().innerText(),
      /^In full-batch training .* Small batches can reverse this\.$/,
    );
    assert.deepEqual(await frame.locator('.bar-row .name').allInnerTexts(), [
      '0.weight',
      '0.bias',
      '2.weight',
      '2.bias',
    ]);
    assert.deepEqual(projectFile().inspections, [{ model: 'digits.onnx', data: 'digits.npz', source: 'train.py' }]);
    assert.equal(runFolders().length, 1);
    const { status, process: engine } = runOf(runFolders()[0]);
    assert.equal(status, 'finished');
    await eventually(
      async () => isAlive(engine),
      (alive) => !alive,
    );
    await picture(workbench.page, 'panel-dark');
  });

  test('the strength stands at the lines that create the parameters; rows and lines are one selection', async () => {
    const { page } = workbench;
    const decoration = page.locator('.view-line', { hasText: 'nn.Linear(64, 32)' });
    const text = () =>
      decoration.first().evaluate((line) => {
        const dom = line as unknown as { querySelectorAll(s: string): Iterable<object> };
        const style = (globalThis as unknown as { getComputedStyle(e: object, p: string): { content: string } })
          .getComputedStyle;
        return [...dom.querySelectorAll('span')].map((span) => style(span, '::after').content).join('');
      });
    await eventually(text, (content) => /◂ (anti-regularizing 0\.016|[+−]?\d)/.test(content.replaceAll('\u00a0', ' ')));
    const frame = webview();
    // A row that is drawn anew between two clicks has not been clicked twice.
    await eventually(
      async () => {
        await frame.locator('.bar-row', { hasText: '2.weight' }).dblclick();
        return workbench.host(
          (vscode) =>
            vscode.window.visibleTextEditors.find(({ document }) => document.fileName.endsWith('train.py'))?.selection
              .active.line,
        );
      },
      (line) => line === 6,
    );
    const editor = await openScript();
    await workbench.click(editor, 'nn.Linear(64');
    await frame.locator('.bar-row.at-cursor', { hasText: '0.weight' }).waitFor();
  });

  test('every tab shows something, in every theme', async () => {
    const frame = webview();
    for (const theme of ['Default Light Modern', 'Default High Contrast', 'Default Dark Modern']) {
      await workbench.configure({ 'workbench.colorTheme': theme });
      await frame
        .locator(
          `body[data-vscode-theme-kind="${{ 'Default Light Modern': 'vscode-light', 'Default High Contrast': 'vscode-high-contrast', 'Default Dark Modern': 'vscode-dark' }[theme]}"]`,
        )
        .waitFor();
      for (const [tab, content] of [
        ['Curves', '.chart canvas'],
        ['Regimes', '.regime-row'],
        ['Compare', '.grid tbody tr'],
        ['Table', '.grid tbody tr'],
        ['About the numbers', 'math'],
        ['Parameters', '.bar-row'],
      ]) {
        await frame.locator('vscode-panel-tab', { hasText: tab }).click();
        await frame.locator(`vscode-panel-view:not([hidden]) ${content}`).first().waitFor();
        await picture(
          workbench.page,
          `panel-${theme.replaceAll(' ', '-').toLowerCase()}-${tab.split(' ')[0].toLowerCase()}`,
        );
      }
    }
  });

  test('a change of the configuration makes the numbers stale', async () => {
    const frame = webview();
    const replace = (from: string, to: string) =>
      workbench.host(
        async (vscode, a, b) => {
          const editor = vscode.window.visibleTextEditors.find(({ document }) =>
            document.fileName.endsWith('train.py'),
          )!;
          const at = editor.document.getText().indexOf(a);
          await editor.edit((edit) =>
            edit.replace(
              new vscode.Range(editor.document.positionAt(at), editor.document.positionAt(at + a.length)),
              b,
            ),
          );
        },
        from,
        to,
      );
    await replace('lr=1e-3', 'lr=3e-4');
    await frame.locator('.notice', { hasText: 'lr is now 3e-4' }).waitFor();
    await picture(workbench.page, 'panel-stale');
    await replace('lr=3e-4', 'lr=1e-3');
    await frame.locator('.notice', { hasText: 'lr is now' }).waitFor({ state: 'detached' });
  });

  test('the window is reloaded: the panel comes back with its run', async () => {
    await workbench.page.reload({ waitUntil: 'domcontentloaded' });
    const frame = webview();
    await frame.locator('.tile', { hasText: 'nti-regularizing 0.016' }).waitFor({ timeout: 60_000 });
  });

  test('Stop ends a run promptly and keeps what was measured', async () => {
    setSteps(1_000_000);
    await inspect();
    const frame = webview();
    await frame.locator('.activity', { hasText: /step \d+/ }).waitFor({ timeout: 60_000 });
    await frame.locator('.tile', { hasText: 'small changes of the gradient' }).waitFor();
    await picture(workbench.page, 'panel-running');
    await frame.locator('vscode-button', { hasText: 'Stop' }).click();
    await frame.locator('.activity', { hasText: 'Stopped' }).waitFor({ timeout: 10_000 });
    assert.equal(runOf(runFolders().at(-1)!).status, 'cancelled');
  });

  test('the engine is killed in the middle of a run: one message, the log, and a retry on the CPU', async () => {
    await inspect();
    const frame = webview();
    await frame.locator('.activity', { hasText: /step \d+/ }).waitFor({ timeout: 60_000 });
    const { process: engine } = runOf(runFolders().at(-1)!);
    process.kill(engine, 'SIGKILL');
    const notice = frame.locator('.notice.error');
    await notice.filter({ hasText: 'The engine process was killed (SIGKILL)' }).waitFor({ timeout: 10_000 });
    assert.match(await notice.innerText(), /What was measured until then is kept/);
    await notice.locator('vscode-button', { hasText: 'Show Log' }).waitFor();
    await picture(workbench.page, 'panel-killed');
    assert.equal(await workbench.host(() => 1 + 1), 2, 'the extension host is not affected');
    setSteps(20);
    await notice.locator('vscode-button', { hasText: 'Retry on CPU' }).click();
    await frame.locator('.activity', { hasText: /step \d+/ }).waitFor({ timeout: 60_000 });
    await frame.locator('vscode-button', { hasText: 'Stop' }).click();
    await frame.locator('.activity', { hasText: 'Stopped' }).waitFor({ timeout: 10_000 });
    assert.equal(runOf(runFolders().at(-1)!).request.device, 'cpu');
  });

  test('an error of the user’s data: cause, remedy, and the way to the settings', async () => {
    setSteps(20, { loss: 'mse' });
    await inspect();
    const notice = webview().locator('.notice.error');
    await notice.filter({ hasText: /The loss mse needs labels/ }).waitFor({ timeout: 30_000 });
    assert.match(await notice.innerText(), /Choose another loss with “Loss”.*Change it in “Inspect…”/);
    await notice.locator('vscode-button', { hasText: 'Change Settings…' }).waitFor();
    setSteps(20, { loss: 'cross-entropy' });
  });

  test('the page of a model, and the runs in the side bar', async () => {
    const { page } = workbench;
    await workbench.host(
      async (vscode, path) => vscode.commands.executeCommand('vscode.open', vscode.Uri.file(path)),
      join(server.workspace, 'digits.onnx'),
    );
    const frame = webview();
    await frame.locator('.model .head-row', { hasText: 'digits.onnx' }).waitFor({ timeout: 30_000 });
    assert.match(await frame.locator('.model').innerText(), /2,410 trainable parameters/);
    assert.match(await frame.locator('.model').innerText(), /can be differentiated/);
    await workbench.host((vscode) => vscode.commands.executeCommand('optimizerBias.runs.focus'));
    const rows = page.locator('.pane-body .monaco-list-row', { hasText: 'digits-adam' });
    await eventually(
      () => rows.count(),
      (count) =>
        count === runFolders().filter((name) => existsSync(join(server.workspace, 'runs', name, 'run.json'))).length,
    );
    await picture(page, 'model-and-runs');
    await workbench.host(async (vscode) => {
      const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      await vscode.window.tabGroups.close(tabs.filter(({ input }) => input instanceof vscode.TabInputCustom));
    });
  });

  test('a file that is no model says so on its page, and a GPU is checked for', async () => {
    const path = join(server.workspace, 'broken.onnx');
    writeFileSync(path, '<!DOCTYPE html><title>404</title>');
    await workbench.host(
      async (vscode, file) => vscode.commands.executeCommand('vscode.open', vscode.Uri.file(file)),
      path,
    );
    const notice = webview().locator('.notice.error');
    await notice.locator('vscode-button', { hasText: 'Try Again' }).waitFor();
    assert.match(await notice.innerText(), /broken\.onnx/);
    rmSync(path);
    await notice.filter({ hasText: 'no such file' }).waitFor();
    await workbench.host(async (vscode) => {
      const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      await vscode.window.tabGroups.close(tabs.filter(({ input }) => input instanceof vscode.TabInputCustom));
      void vscode.commands.executeCommand('optimizerBias.setUpGpu');
    });
    const page = workbench.webview('markdown-language-features');
    await page.getByRole('heading', { name: 'GPU for Optimizer Bias' }).waitFor({ timeout: 60_000 });
    await page.locator('li', { hasText: /^[✓✗] NVIDIA driver: / }).waitFor();
    await page.locator('li', { hasText: /^[✓✗] WebGPU provider: / }).waitFor();
    await picture(workbench.page, 'gpu');
    await workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.closeActiveEditor'));
    await workbench.host((vscode) => vscode.commands.executeCommand('notifications.clearAll'));
  });

  test('runs are renamed, compared and deleted from the side bar', async () => {
    const { page } = workbench;
    const rows = page.locator('.pane-body .monaco-list-row', { hasText: 'digits-adam' });
    /** Chooses an entry of a row's menu until `effect` is seen: a menu is lost where the list is drawn anew beneath it. */
    const menu = async (row: Locator, entry: string, effect: Locator) => {
      const label = page.locator('.context-view .action-label', { hasText: entry }).first();
      for (let attempt = 0; ; attempt++) {
        await row.click({ button: 'right' });
        // A menu that has just opened does not take a click yet.
        await label.click({ delay: 50, timeout: 5000 }).catch(() => {});
        try {
          await effect.waitFor({ timeout: 2000 * (attempt + 1) });
          return;
        } catch (error) {
          if (attempt === 5) throw error;
          await workbench.dismiss();
        }
      }
    };
    await menu(rows.last(), 'Rename…', quickPick().locator('input'));
    await quickPick().locator('input').fill('baseline');
    await page.keyboard.press('Enter');
    const baseline = page.locator('.pane-body .monaco-list-row', { hasText: 'baseline' });
    await baseline.waitFor();
    assert.ok(runFolders().includes('baseline'));
    await baseline.click();
    await webview()
      .locator('.activity', { hasText: /Finished · 50 steps/ })
      .waitFor();
    await webview().locator('vscode-panel-tab', { hasText: 'Compare' }).click();
    const compared = webview().locator('vscode-panel-view:not([hidden]) .grid tbody tr');
    await menu(rows.first(), 'Compare Runs…', compared.nth(1));
    assert.equal(await compared.count(), 2);
    await picture(page, 'compare');
    const before = runFolders();
    const remove = page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Move to Trash' });
    await menu(rows.first(), 'Delete', remove);
    await remove.click();
    await eventually(
      async () => runFolders().length,
      (count) => count === before.length - 1,
    );
  });
});
