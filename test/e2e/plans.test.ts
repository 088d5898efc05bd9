import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { cli } from '../support/paths.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, Workbench } from './rig/workbench.ts';

describe('plans in the editor', { timeout: 600_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files: {},
      copies: Object.fromEntries(
        ['train.py', 'digits.onnx', 'digits.npz'].map((name) => [name, `media/sample/${name}`]),
      ),
    });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(() => workbench.dismiss());

  const run = (...argv: readonly string[]) => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...argv], { cwd: server.workspace, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  const plan = () => join(server.workspace, 'runs', 'of-others');
  const shown = (text: string): Locator => workbench.page.locator('.pane-body .monaco-list-row', { hasText: text });
  const act = (command: string) =>
    workbench.host((vscode, name, folder) => void vscode.commands.executeCommand(name, { folder }), command, plan());

  test('the Runs view follows a plan that others run, its result opens while it fills, and what is missing is run here', async () => {
    const data = ['--model', 'digits.onnx', '--data', 'digits.npz', '--limit', '80', '--steps', '6'];
    run('sweep', ...data, '--sweep', 'beta2=0.9,0.99,0.999', '--plan', plan());
    await workbench.host((vscode) => vscode.commands.executeCommand('optimizerBias.runs.focus'));
    await shown('sweep · 0 of 3 points').waitFor();
    run('--point', '2', '--in', plan());
    await shown('sweep · 1 of 3 points').waitFor();
    await shown('of-others').click();
    const frame = workbench.webview();
    await frame.getByText('2 of 3 points have not finished').waitFor();
    // The page fills while another process goes on.
    run('--point', '0', '--in', plan());
    await frame.getByText('1 of 3 points have not finished').waitFor();
    await act('optimizerBias.resumePlan');
    await shown('sweep · 3 of 3 points').waitFor({ timeout: 60_000 });
    await eventually(
      async () => JSON.parse(readFileSync(join(plan(), 'experiment.json'), 'utf8')).status,
      (status) => status === 'finished',
      60_000,
    );
    assert.equal(readdirSync(join(plan(), 'points')).length, 3);
  });

  test('Sweep… writes a plan and a batch script instead of running', async () => {
    const quickPick = (): Locator => workbench.page.locator('.quick-input-widget:visible');
    const row = (text: string): Locator => quickPick().locator('.monaco-list-row', { hasText: text }).first();
    await workbench.openFile('train.py');
    await workbench.command('Sweep…');
    await row('β₂:').click();
    await quickPick().locator('input').fill('0.9');
    await workbench.page.keyboard.press('Enter');
    await row('On this machine').click();
    await row('As a plan with a SLURM script').waitFor();
    await row('2 settings × 4').click();
    await workbench.page.locator('.notification-toast', { hasText: 'Wrote a plan of 8 points' }).waitFor();
    const folder = readdirSync(join(server.workspace, 'runs')).find((name) => name.endsWith('-compare'))!;
    const written = join(server.workspace, 'runs', folder);
    assert.match(readFileSync(join(written, 'submit.sh'), 'utf8'), /^#!.*\n[\s\S]*#SBATCH --array=0-7/);
    assert.equal(readFileSync(join(written, 'commands.txt'), 'utf8').trim().split('\n').length, 8);
    assert.ok(!existsSync(join(written, 'points')), 'nothing is run');
  });
});
