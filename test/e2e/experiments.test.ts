import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Locator } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, typedIn, Workbench } from './rig/workbench.ts';

const themes = [
  ['Default Light Modern', 'vscode-light'],
  ['Default High Contrast', 'vscode-high-contrast'],
  ['Default Dark Modern', 'vscode-dark'],
] as const;

describe('experiments and comparisons in the editor', { timeout: 900_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    server = await startServer({
      files: {},
      copies: {
        ...Object.fromEntries(['train.py', 'digits.onnx', 'digits.npz'].map((name) => [name, `media/sample/${name}`])),
        'test/held-out.npz': 'media/sample/digits.npz',
      },
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
  const row = (text: string): Locator => quickPick().locator('.monaco-list-row', { hasText: text }).first();
  const folders = (part: string) => {
    const runs = join(server.workspace, 'runs');
    return existsSync(runs)
      ? readdirSync(runs)
          .filter((name) => name.includes(part))
          .sort()
          .map((name) => join(runs, name))
      : [];
  };
  const read = (folder: string, file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const closeEditors = () =>
    workbench.host((vscode) => vscode.commands.executeCommand('workbench.action.closeAllEditors'));
  const lens = async () => {
    await workbench.openFile('train.py');
    await workbench.page.locator('.codelens-decoration a', { hasText: 'Compare β₂' }).first().click();
  };

  test('an experiment from the palette, with a parameter changed, to its page', async () => {
    await workbench.command('Run Experiment…');
    await row('Figure 2 of').click();
    await row('Run').waitFor();
    await picture(workbench.page, 'experiment-form');
    await row('tolerance:').click();
    const input = quickPick().locator('input');
    await input.fill('-1');
    await quickPick()
      .getByText(/Give a finite number above 0/)
      .waitFor();
    await input.fill('0.04');
    await workbench.page.keyboard.press('Enter');
    await row('tolerance: 0.04').waitFor();
    await row('1 changed').click();
    const frame = webview();
    await frame.locator('.verdict').waitFor({ timeout: 60_000 });
    const [folder] = folders('bilinear');
    const { result, parameters } = read(folder, 'experiment.json');
    assert.equal(parameters.tolerance, 0.04);
    assert.equal(await frame.locator('h1').innerText(), result.sentence);
    await frame.locator('.verdict.agrees', { hasText: 'Agrees with the theory' }).waitFor();
    assert.equal(await frame.locator('canvas').count(), result.charts.length);
    assert.equal(await frame.locator('table.grid').count(), result.tables.length);
    await workbench.page.locator('.tab', { hasText: 'Experiment: Which minimum' }).waitFor();
    for (const [theme, kind] of themes) {
      await workbench.configure({ 'workbench.colorTheme': theme });
      await frame.locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
      await picture(workbench.page, `experiment-${kind}`);
    }
  });

  test('the window is reloaded: the page comes back with its result', async () => {
    // The workbench in a browser writes what is open every five seconds, and cannot when its page goes away.
    await sleep(6000);
    await workbench.page.reload({ waitUntil: 'domcontentloaded' });
    await webview().locator('.verdict.agrees').waitFor({ timeout: 60_000 });
    await closeEditors();
  });

  test('Compare β₂ from the CodeLens: cancelled in the middle, resumed, and its page', async () => {
    const { page } = workbench;
    await lens();
    await row('Compare β₂ on digits.onnx').waitFor();
    await row('β₂: 0.9, 0.95, 0.99, 0.999').waitFor();
    await row('held against your 0.999').waitFor();
    await row('Initial weights: 0, 1, 2, 3').click();
    await quickPick().locator('input').fill('0, 1, 2, 3, 4, 5');
    await page.keyboard.press('Enter');
    await row('200 steps · 4 settings × 6 initial weights = 24 runs').click();
    const toast = page.locator('.notification-toast', { hasText: 'Compare β₂ on digits.onnx' });
    await toast.filter({ hasText: /\d+ of 24 runs · \d+ s left/ }).waitFor({ timeout: 120_000 });
    const [folder] = folders('-compare');
    const parts = () => (existsSync(join(folder, 'parts')) ? readdirSync(join(folder, 'parts')) : []);
    await eventually(
      async () => parts().length,
      (count) => count >= 1,
      120_000,
    );
    await picture(page, 'compare-running');
    await toast.locator('.monaco-button', { hasText: 'Cancel' }).click();
    const frame = webview();
    await frame.locator('.notice', { hasText: 'Some runs of this comparison have not been taken yet' }).waitFor();
    const kept = parts().map((name) => [name, statSync(join(folder, 'parts', name)).mtimeMs] as const);
    assert.ok(kept.length >= 1 && kept.length < 6, `${kept.length} seeds are done`);
    // What is half-finished is offered again, beside a new one.
    await lens();
    await row('New comparison').waitFor();
    await picture(page, 'compare-resume');
    await row('Resume').click();
    await eventually(
      async () => read(folder, 'experiment.json').status,
      (status) => status === 'finished',
      300_000,
    );
    await frame.locator('.notice').waitFor({ state: 'detached' });
    for (const [name, time] of kept)
      assert.equal(statSync(join(folder, 'parts', name)).mtimeMs, time, 'what is finished is not run again');
    const { result } = read(folder, 'experiment.json');
    assert.equal(await frame.locator('h1').innerText(), result.sentence);
    assert.match(result.sentence, /^At equal loss .* the gradient’s one-norm .* your setting \(beta2 0\.999\)/);
    assert.equal(await frame.locator('.differences tbody tr').count(), 3);
    assert.equal(await frame.locator('.differences .interval').count(), 3 * result.differences.quantities.length);
    assert.equal(await frame.locator('.verdict').count(), 0, 'what was measured is judged by no theory');
    assert.doesNotMatch(await frame.locator('main').innerText(), /theory/i);
    assert.equal(folders('-compare').length, 1);
    assert.equal(folders('sweep').length, 0);
    // How far a comparison goes is not remembered for inspections.
    assert.deepEqual(read(server.workspace, '.optimizer-bias.json').inspections, [
      { model: 'digits.onnx', data: 'digits.npz', source: 'train.py' },
    ]);
    for (const [theme, kind] of themes) {
      await workbench.configure({ 'workbench.colorTheme': theme });
      await frame.locator(`body[data-vscode-theme-kind="${kind}"]`).waitFor();
      await picture(page, `compare-${kind}`);
    }
    await closeEditors();
  });

  test('Sweep… from the palette: any settings, on mini-batches of the script, with a test set; it starts only where something differs', async () => {
    const { page } = workbench;
    const script = readFileSync(join(server.workspace, 'train.py'), 'utf8');
    writeFileSync(join(server.workspace, 'batches.py'), `${script}\nloader = DataLoader(data, batch_size=64)\n`);
    await workbench.openFile('batches.py');
    await workbench.command('Sweep…');
    await row('Give a hyper-parameter another value than your own').waitFor();
    for (const [name, text] of [
      ['lr:', '1e-3'],
      ['β₁:', '0.5, 0.9'],
    ]) {
      await row(name).click();
      await quickPick().locator('input').fill(text);
      await page.keyboard.press('Enter');
    }
    await row('One change at a time').click();
    await row('All combinations').waitFor();
    await row('Test set: –').click();
    await row('test/held-out.npz').click();
    await row('Test set: test/held-out.npz').waitFor();
    await row('Orders: 0, 1, 2, 3').click();
    await quickPick().locator('input').fill('0, 1');
    await page.keyboard.press('Enter');
    await row('4 settings × 2 orders = 8 runs').waitFor();
    // Further down than the list shows at once.
    await quickPick().locator('input').fill('Steps:');
    await row('Steps:').click();
    await quickPick().locator('input').fill('60');
    await page.keyboard.press('Enter');
    await row('60 steps · 4 settings × 2 orders = 8 runs').waitFor();
    await picture(page, 'compare-form');
    // The mouse rests where the row now is, and the row's tip would lie over it.
    await page.keyboard.press('Enter');
    const frame = webview();
    await frame.locator('.differences tbody tr').nth(2).waitFor({ timeout: 60_000 });
    const folder = folders('-compare').at(-1)!;
    await eventually(
      async () => read(folder, 'experiment.json').status,
      (status) => status === 'finished',
      60_000,
    );
    const { request } = read(folder, 'compare.json');
    assert.deepEqual(request.settings, [{ beta1: 0.5 }, { lr: 0.001, beta1: 0.5 }, { lr: 0.001 }]);
    assert.equal(request.base.batchSize, 64);
    assert.deepEqual(request.test, { data: 'test/held-out.npz' });
    assert.match(await frame.locator('.differences thead').innerText(), /gradient norm.*test loss.*test accuracy/);
    const csv = await saved('Export CSV…', 'runs.csv');
    assert.equal(csv.toString().trim().split('\n').length, 1 + 8, 'a line for each run');
    await closeEditors();
  });

  /** Chooses a file in the dialog that is open, by its path. */
  const typePath = async (path: string) => {
    const dialog = workbench.page.locator('.quick-input-widget:visible');
    await dialog.locator('.monaco-list-row').first().waitFor();
    const input = dialog.locator('.quick-input-box input');
    await input.fill(path);
    // Enter does nothing while the dialog still reads the folder.
    await eventually(
      async () => {
        const typed = await typedIn(input);
        if (typed === path) await workbench.page.keyboard.press('Enter');
        return typed;
      },
      (typed) => typed !== path,
    );
  };
  /** Saves what a button of the page offers under a name of the workspace. */
  const saved = async (button: string, name: string): Promise<Buffer> => {
    await webview().locator('vscode-button', { hasText: button }).click();
    const input = workbench.page.locator('.quick-input-widget:visible .quick-input-box input');
    // The dialog fills the input once it has read the folder.
    await eventually(
      () => typedIn(input),
      (value) => value.startsWith(server.workspace),
    );
    const path = join(server.workspace, name);
    await typePath(path);
    // Before it is said that the file is written, only a part may be.
    await workbench.page.locator('.notification-toast', { hasText: `Wrote ${name}` }).waitFor();
    return readFileSync(path);
  };

  test('an experiment on own data with its own test set, chosen in the dialogs; its picture and numbers are saved', async () => {
    const { page } = workbench;
    await workbench.command('Run Experiment…');
    await row('Figures 4–12').click();
    // The form is longer than the list: what is typed narrows it down.
    const change = async (name: string) => {
      await row('Run').waitFor();
      await quickPick().locator('input').fill(name);
      await row(name).click();
    };
    await change('test data: –');
    await row('Browse').click();
    await typePath(join(server.workspace, 'test', 'held-out.npz'));
    await change('data: –');
    await row('digits.npz').click();
    for (const [name, text] of [
      ['steps:', '5'],
      ['seeds:', '0'],
      ['beta2: 0.9', '0.9, 0.99'],
      ['beta1: 0.5', '0.9'],
    ]) {
      await change(name);
      await quickPick().locator('input').fill(text);
      await page.keyboard.press('Enter');
    }
    await row('6 changed').waitFor();
    await picture(page, 'experiment-files');
    await row('6 changed').click();
    const frame = webview();
    await frame.locator('.verdict').waitFor({ timeout: 60_000 });
    const [folder] = folders('norm-and-accuracy');
    const { parameters, files, result } = read(folder, 'experiment.json');
    assert.equal(parameters.data, 'digits.npz');
    assert.equal(parameters.testData, 'test/held-out.npz');
    assert.deepEqual(Object.keys(files).sort(), ['data', 'testData']);
    assert.match(result.notes[0], /on 1,797 samples, tested on 1,797 others/);
    assert.equal(await frame.locator('h1').innerText(), result.sentence);
    await frame.locator('figure', { hasText: 'Test accuracy (Figure 12)' }).waitFor();
    const png = await saved('Save Picture…', 'figures.png');
    assert.deepEqual([...png.subarray(1, 4)].map((code) => String.fromCharCode(code)).join(''), 'PNG');
    assert.deepEqual(await saved('Export CSV…', 'figures.csv'), readFileSync(join(folder, 'series.csv')));
    await closeEditors();
  });

  test('an experiment is stopped on its page, resumed there, and repeats nothing', async () => {
    const { page } = workbench;
    await workbench.command('Run Experiment…');
    await row('2510.26303').click();
    for (const [name, text] of [
      ['steps:', '3000000'],
      ['batch:', '2'],
    ]) {
      await row(name).click();
      await quickPick().locator('input').fill(text);
      await page.keyboard.press('Enter');
    }
    await row('2 changed').click();
    const frame = webview();
    // It fills while it runs: the first algorithm has a row before the others have begun.
    await frame.locator('.meter').waitFor();
    await frame.locator('table.grid tbody tr').first().waitFor({ timeout: 60_000 });
    await frame.locator('h1', { hasText: 'So far:' }).waitFor();
    await picture(page, 'experiment-running');
    await frame.locator('.meter vscode-button', { hasText: 'Cancel' }).click();
    await frame.locator('.notice', { hasText: 'stopped before it was finished' }).waitFor();
    const folder = folders('separable').at(-1)!;
    const parts = () => readdirSync(join(folder, 'parts')).map((name) => [name, statSync(join(folder, 'parts', name)).mtimeMs]); // biome-ignore format: short
    const before = parts();
    assert.ok(before.length >= 1 && before.length < 9);
    await frame.locator('vscode-button', { hasText: 'Resume' }).click();
    await frame.locator('.verdict').waitFor({ timeout: 120_000 });
    const after = new Map(parts() as [string, number][]);
    for (const [name, time] of before) assert.equal(after.get(name as string), time);
    assert.equal(folders('separable').length, 1);
    await closeEditors();
  });

  test('an earlier result is opened again', async () => {
    await workbench.command('Open Experiment Result…');
    await row('Comparison of settings').waitFor();
    await picture(workbench.page, 'experiment-results');
    await row('Which minimum Adam reaches').click();
    await webview().locator('.verdict.agrees').waitFor();
  });
});
