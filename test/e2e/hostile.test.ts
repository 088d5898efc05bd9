import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, type ServerOptions, startServer } from './rig/server.ts';
import { launchBrowser, textOf, Workbench } from './rig/workbench.ts';

const skip = process.platform === 'win32';
const script = 'import torch\n\noptimizer = torch.optim.Adam(model.parameters(), lr=1e-3)\n';

/** An editor on a folder, and what is clicked in it. */
class Editor {
  private constructor(
    readonly server: Server,
    readonly browser: Browser,
    readonly workbench: Workbench,
  ) {}

  static async on(options: ServerOptions): Promise<Editor> {
    const server = await startServer(options);
    const browser = await launchBrowser();
    return new Editor(server, browser, await Workbench.open(browser, server));
  }

  readonly path = (...names: string[]) => join(this.server.workspace, ...names);
  readonly lens = (text: string): Locator =>
    this.workbench.page.locator('.codelens-decoration a', { hasText: text }).first();
  readonly toast = (text: string): Locator =>
    this.workbench.page.locator('.notification-toast', { hasText: text }).first();

  /** Opens a script and asks for its export, by the lens. */
  async exportFrom(path: string): Promise<void> {
    const editor = await this.workbench.openFile(path);
    await this.workbench.click(editor, 'import torch');
    await this.lens('Export from This Script…').click();
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.server.stop();
  }
}

describe('a workspace that means harm', { timeout: 600_000, skip }, () => {
  let editor: Editor;
  const outside = mkdtempSync(join(tmpdir(), 'outside-'));
  const precious = join(outside, 'precious.txt');
  const strange = '$(touch ran)\n--x; touch ran #.py';
  const folder = `it's "a" $(touch ran)`;

  before(async () => {
    writeFileSync(precious, 'of somebody else');
    const tool = '#!/bin/sh\necho "$@" > ran\n';
    editor = await Editor.on({
      files: {
        'tool.sh': tool,
        'train.py': script,
        [`${folder}/${strange}`]: script,
        '.vscode/settings.json': JSON.stringify({ 'optimizerBias.python.interpreter': './tool.sh' }),
        '.optimizer-bias.json': JSON.stringify({
          inspections: [{ model: '/etc/hostname', data: '../../secret.npz', source: 'train.py' }],
        }),
      },
    });
    symlinkSync(precious, editor.path('export_train.py'));
    symlinkSync(join(outside, 'nothing'), editor.path('export_train_2.py'));
    symlinkSync(precious, editor.path('optimizer_bias.py'));
  });
  after(async () => {
    await editor?.close();
    rmSync(outside, { recursive: true, force: true });
  });
  const hasRun = () =>
    [editor.path('ran'), editor.path(folder, 'ran'), join(outside, 'ran')].some((path) => existsSync(path));

  test('links in the places of what is written are left alone, and nothing runs', async () => {
    await editor.exportFrom('train.py');
    await editor.lens('Run in Terminal, Then Inspect').waitFor();
    assert.match(readFileSync(editor.path('export_train_3.py'), 'utf8'), /export_script\(here \/ "train\.py"/);
    assert.equal(readFileSync(precious, 'utf8'), 'of somebody else');
    assert.deepEqual(readdirSync(outside), ['precious.txt']);
    assert.ok(!hasRun());
  });

  test('what stands above the script names the program that the workspace wants to run it with', async () => {
    const note = editor.workbench.page.locator('.codelens-decoration', { hasText: 'It runs with ./tool.sh' });
    await note.first().waitFor();
    await picture(editor.workbench.page, 'hostile-interpreter');
  });

  test('names of scripts and folders are no commands', async () => {
    await editor.workbench.host(
      async (vscode, path) => {
        const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path));
        await vscode.commands.executeCommand('optimizerBias.exportFromScript', document.uri.toString());
      },
      editor.path(folder, strange),
    );
    const [written] = readdirSync(editor.path(folder)).filter((name) => name.startsWith('export_'));
    const text = readFileSync(editor.path(folder, written!), 'utf8');
    assert.ok(text.includes(`here / ${JSON.stringify(strange)}`));
    assert.doesNotMatch(text, /^--x/m);
    assert.ok(!hasRun());
  });

  test('paths that lead out of it are shown before anything is run', async () => {
    const { page } = editor.workbench;
    const train = await editor.workbench.openFile('train.py');
    await editor.workbench.click(train, 'import torch');
    await editor.lens('Inspect…').click();
    const row = page.locator('.quick-input-widget:visible .monaco-list-row', { hasText: '/etc/hostname' }).first();
    await row.waitFor();
    assert.match(await textOf(page.locator('.quick-input-widget:visible')), /\.\.\/\.\.\/secret\.npz/);
    await picture(page, 'hostile-paths');
    assert.ok(!existsSync(editor.path('runs')));
    await page.keyboard.press('Escape');
  });
});

test('in a folder that cannot be written to, export and run say so and what to do', {
  timeout: 300_000,
  skip,
}, async () => {
  const editor = await Editor.on({
    files: { 'train.py': script, 'measured/train.py': script },
    readOnly: true,
  });
  try {
    await editor.exportFrom('train.py');
    const toast = editor.toast('The export script cannot be written beside train.py');
    await toast.waitFor();
    assert.match(await textOf(toast), /there is no permission to write\. Check that the folder can be written to/);
    await picture(editor.workbench.page, 'read-only');
    assert.deepEqual(readdirSync(editor.server.workspace).sort(), ['measured', 'train.py']);
  } finally {
    await editor.close();
  }
});

describe('Pythons that cannot export', { timeout: 600_000, skip }, () => {
  let editor: Editor;
  const tools = mkdtempSync(join(tmpdir(), 'pythons-'));
  before(async () => {
    editor = await Editor.on({ files: { 'train.py': script } });
    await editor.exportFrom('train.py');
    await editor.lens('Run in Terminal, Then Inspect').waitFor();
  });
  after(async () => {
    await editor?.close();
    rmSync(tools, { recursive: true, force: true });
  });
  const cases: readonly (readonly [name: string, program: string | undefined, due: RegExp])[] = [
    ['none', undefined, /could not be started: there is no such program\. Choose the interpreter with which you train/],
    [
      'a script that fails',
      `#!/bin/sh\nprintf "train.py ended before its first step: ModuleNotFoundError" > "$OPTIMIZER_BIAS_REPORT"\nexit 1\n`,
      /Cannot export: train\.py ended before its first step: ModuleNotFoundError/,
    ],
    ['one that says nothing', '#!/bin/sh\nexit 3\n', /ended with exit code 3; the terminal says why/],
  ];
  for (const [name, program, due] of cases)
    test(`${name}: the message says why and what to do`, async () => {
      const path = resolve(tools, name.replaceAll(' ', '-'));
      if (program !== undefined) writeFileSync(path, program, { mode: 0o755 });
      await editor.workbench.configure({ 'optimizerBias.python.interpreter': path });
      await editor.lens('Run in Terminal, Then Inspect').click();
      const toast = editor.workbench.page.locator('.notification-toast', { hasText: due }).first();
      await toast.locator('.monaco-button', { hasText: 'Choose the Interpreter' }).waitFor();
      await picture(editor.workbench.page, `python-${name.replaceAll(' ', '-')}`);
      await editor.workbench.host((vscode) => vscode.commands.executeCommand('notifications.clearAll'));
      await toast.waitFor({ state: 'detached' });
    });
});
