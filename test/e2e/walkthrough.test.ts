import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, Workbench } from './rig/workbench.ts';

const sample = ['train.py', 'config.yaml', 'digits.onnx', 'digits.npz'];

// What the steps of the walkthrough show: `npm run pictures` keeps the pictures that are taken here.
describe('the steps of the walkthrough', { timeout: 600_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files: {},
      copies: Object.fromEntries(sample.map((name) => [name, `media/sample/${name}`])),
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
    // As wide as a step of the walkthrough can show with its words still read.
    await workbench.page.setViewportSize({ width: 1100, height: 720 });
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const inBothThemes = async (name: string) => {
    for (const [theme, kind, ending] of [
      ['Light Modern', 1, 'light'],
      ['Dark Modern', 2, 'dark'],
    ] as const) {
      await workbench.configure({ 'workbench.colorTheme': theme });
      await eventually(
        () => workbench.host((vscode) => vscode.window.activeColorTheme.kind),
        (found) => found === kind,
      );
      await picture(workbench.page, `walkthrough-${name}-${ending}`);
    }
  };

  test('the sample: its files, and the lens above the optimizer', async () => {
    await workbench.openFile('train.py');
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().waitFor();
    await inBothThemes('sample');
  });

  test('the export: what will run, and the button above it', async () => {
    await workbench.host(
      (vscode, path) => {
        void vscode.commands.executeCommand('optimizerBias.exportFromScript', vscode.Uri.file(path).toString());
      },
      join(server.workspace, 'train.py'),
    );
    await workbench.page
      .locator('.codelens-decoration a', { hasText: 'Run in Terminal, Then Inspect' })
      .first()
      .waitFor();
    await inBothThemes('export');
  });
});
