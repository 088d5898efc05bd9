import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { FILES } from './files.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, Workbench } from './rig/workbench.ts';

describe('two windows on one folder', { timeout: 600_000 }, () => {
  let server: Server;
  let browser: Browser;
  let windows: Workbench[];

  before(async () => {
    server = await startServer({
      files: { 'train.py': FILES['train.py'] },
      copies: { 'digits.onnx': 'media/sample/digits.onnx', 'digits.npz': 'media/sample/digits.npz' },
    });
    browser = await launchBrowser();
    windows = [await openWindow(), await openWindow()];
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Opens a window with the script in it. The bridge leads into the window that was opened last. */
  const openWindow = async () => {
    const workbench = await Workbench.open(browser, server);
    await eventually(
      () => workbench.host((vscode) => vscode.window.visibleTextEditors.length),
      (count) => count === 0,
    );
    await workbench.openFile('train.py');
    return workbench;
  };
  const panel = ({ page }: Workbench) =>
    page.frameLocator('iframe.webview.ready[src*="optimizer-bias"]').frameLocator('iframe#active-frame');
  const inspect = async (workbench: Workbench) => {
    const { page } = workbench;
    const editor = page.locator('.editor-instance .monaco-editor[data-uri$="/train.py"]').first();
    await workbench.click(editor, 'import torch');
    await page.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    await page
      .locator('.quick-input-widget:visible .monaco-list-row', { hasText: 'Inspect digits.onnx' })
      .first()
      .waitFor();
    await page.keyboard.press('Enter');
  };
  const folders = () => readdirSync(join(server.workspace, 'runs')).sort();
  const read = (...path: string[]) => readFileSync(join(server.workspace, ...path), 'utf8');
  const headerOf = (name: string) => JSON.parse(read('runs', name, 'run.json'));

  test('both inspect at once: two runs, each whole, and both windows list both', async () => {
    await Promise.all(windows.map(inspect));
    await Promise.all(
      windows.map((workbench) =>
        panel(workbench)
          .locator('.activity', { hasText: /Finished · 50 steps/ })
          .waitFor({ timeout: 60_000 }),
      ),
    );
    const names = folders();
    assert.equal(names.length, 2);
    assert.notEqual(headerOf(names[0]).process, headerOf(names[1]).process);
    for (const name of names) {
      assert.equal(headerOf(name).status, 'finished');
      const lines = read('runs', name, 'steps.jsonl').trim().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).step),
        Array.from({ length: 51 }, (_, i) => i),
      );
    }
    assert.equal(JSON.parse(read('.optimizer-bias.json')).inspections.length, 1);
    for (const workbench of windows) {
      await workbench.command('View: Show Optimizer Bias');
      const rows = workbench.page.locator('.pane-body .monaco-list-row', { hasText: 'digits-adam' });
      await eventually(
        () => rows.count(),
        (count) => count === 2,
      );
    }
  });

  test('what one window renames and deletes, by keyboard, the other sees; its panel keeps what it shows', async () => {
    const [first, second] = windows;
    const { keyboard } = second.page;
    const shown = panel(first).locator('.tile', { hasText: 'small changes of the gradient' });
    await shown.waitFor();
    const rowsOf = ({ page }: Workbench, text: string) =>
      page.locator('.pane-body .monaco-list-row', { hasText: text });
    const gone = (workbench: Workbench) =>
      panel(workbench).locator('.notice', { hasText: 'has been renamed or deleted' });
    const remove = async (text: string) => {
      await rowsOf(second, text).click();
      await keyboard.press('Delete');
      await second.page.locator('.monaco-dialog-box .monaco-button', { hasText: 'Move to Trash' }).click();
      await rowsOf(first, text).waitFor({ state: 'detached' });
    };
    await rowsOf(second, 'digits-adam').first().click();
    await keyboard.press('F2');
    await second.page.locator('.quick-input-widget:visible input').fill('renamed');
    await keyboard.press('Enter');
    await rowsOf(first, 'renamed').waitFor();
    assert.ok(folders().includes('renamed'));
    await remove('renamed');
    assert.equal(folders().length, 1);
    assert.ok(await shown.isVisible());
    await gone(second).waitFor();
    // Whichever of the two runs the first window shows, both are gone now.
    await remove('digits-adam');
    assert.equal(folders().length, 0);
    await gone(first).waitFor();
    assert.ok(await shown.isVisible());
  });

  test('a run of one window is not deleted by the other while it goes on', async () => {
    const [first, second] = windows;
    const target = JSON.parse(read('.optimizer-bias.json'));
    Object.assign(target.inspections[0], { steps: 1_000_000 });
    writeFileSync(join(server.workspace, '.optimizer-bias.json'), JSON.stringify(target));
    await inspect(first);
    await panel(first)
      .locator('.activity', { hasText: /step \d+/ })
      .waitFor({ timeout: 60_000 });
    const running = second.page.locator('.pane-body .monaco-list-row:has(.codicon-sync)');
    await running.click();
    await second.page.keyboard.press('Delete');
    await second.page.locator('.notification-toast', { hasText: 'is still running. Stop it first' }).waitFor();
    assert.equal(folders().length, 1);
    await panel(first).locator('vscode-button', { hasText: 'Stop' }).click();
    await panel(first).locator('.activity', { hasText: 'Stopped' }).waitFor();
  });
});
