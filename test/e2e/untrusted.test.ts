import assert from 'node:assert/strict';
import { copyFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { FILES } from './files.ts';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { launchBrowser, Workbench } from './rig/workbench.ts';

const files = {
  'train.py': FILES['train.py']!,
  'short.py': 'import torch\n\noptimizer = torch.optim.Adam(model.parameters(), lr=1e-3)\n',
};
/** What could be run; while it is not there, an export is offered. */
const model = ['digits.onnx', 'digits.npz'];

describe('in a workspace that is not trusted', { timeout: 300_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files,
      trusted: false,
      settings: { 'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'never' },
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const toast = (text: string): Locator =>
    workbench.page.locator('.notifications-toasts .notification-toast', { hasText: text }).first();
  /** Waits for the message that says where trust is given, and takes it away for the next one. */
  const refused = async (text: string, ask: () => Promise<unknown>) => {
    const button = toast(text).locator('.monaco-button', { hasText: 'Manage Trust' });
    for (let attempt = 0; ; attempt++) {
      await ask();
      try {
        await button.waitFor({ timeout: 2000 * (attempt + 1) });
        break;
      } catch (error) {
        // The editor does not pop up more than three messages within a moment.
        if (attempt === 5) throw error;
      }
    }
    await workbench.host((vscode) => vscode.commands.executeCommand('notifications.clearAll'));
    await toast(text).waitFor({ state: 'detached' });
  };
  const nothingIsWritten = () =>
    assert.deepEqual(
      readdirSync(server.workspace)
        .filter((name) => !model.includes(name))
        .sort(),
      Object.keys(files).sort(),
    );

  test('configurations are still explained', async () => {
    assert.equal(await workbench.host((vscode) => vscode.workspace.isTrusted), false);
    const editor = await workbench.openFile('train.py');
    await workbench.hover(editor, 'Adam(', /anti-regularizing 0\.99/);
    await workbench.dismiss();
    await editor.locator('.codelens-decoration a', { hasText: 'Theory: β₂ 0.999' }).first().waitFor();
    await picture(workbench.page, 'untrusted');
  });

  test('no script is written that would export', async () => {
    const editor = await workbench.openFile('short.py');
    await workbench.click(editor, 'import torch');
    const lens = editor.locator('.codelens-decoration a', { hasText: 'Export from This Script…' }).first();
    await refused('workspaces that you trust', () => lens.click());
    nothingIsWritten();
  });

  for (const command of ['inspect', 'runExperiment', 'compareBeta2', 'sweep'])
    test(`${command} runs no model`, async () => {
      for (const name of model) copyFileSync(join('media/sample', name), join(server.workspace, name));
      await refused('Models are only run in workspaces that you trust', () =>
        workbench.host((vscode, name) => {
          void vscode.commands.executeCommand(`optimizerBias.${name}`);
        }, command),
      );
      assert.equal(await workbench.page.locator('.quick-input-widget:visible').count(), 0);
      nothingIsWritten();
    });
});
