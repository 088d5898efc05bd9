import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../e2e/rig/workbench.ts';
import { hostile, idle, open, post, told } from './panelPage.ts';
import { measuredRun, run } from './runs.ts';

const tabs = ['Parameters', 'Effect over loss', 'Curves', 'Edge', 'Regimes', 'Compare', 'Table', 'About the numbers'];

describe('the panel in a browser, under its policy', { timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  test('names from models stay text, and nothing breaks the policy', async () => {
    const { page, problems } = await open(browser);
    await post(page, {
      type: 'show',
      runs: [
        run({
          folder: `/runs/${hostile}`,
          tensors: { [hostile]: {}, __proto__: {}, 'fc.weight': {} },
          header: { model: { path: `/${hostile}`, sha256: '', producer: hostile, parameters: 1 } },
        }),
        run(),
      ],
      activity: idle,
      stale: [hostile],
    });
    for (const tab of tabs) {
      await page.locator('vscode-panel-tab', { hasText: tab }).click();
      await page.locator('vscode-panel-view:not([hidden]) .tab').waitFor();
    }
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.title(), '0');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('every state: empty, preparing, running, failed, stale', async () => {
    const { page } = await open(browser);
    await page.locator('.empty h2', { hasText: 'No run yet' }).waitFor();
    await page.locator('vscode-button', { hasText: 'Try the Sample' }).click();
    const progress = { phase: 'running', step: 3, steps: 10, loss: 1.5, secondsLeft: 100 } as const;
    await post(page, { type: 'activity', activity: { kind: 'running', title: 'm.onnx', progress } });
    await page.locator('h2', { hasText: 'Preparing the run' }).waitFor();
    assert.equal(await page.locator('.words').textContent(), 'step 3/10 · loss 1.50 · 2 min left');
    await page.locator('vscode-button', { hasText: 'Stop' }).click();
    await post(page, {
      type: 'activity',
      activity: { kind: 'failed', message: 'Cause.', remedy: 'Remedy.', retry: 'cpu' },
    });
    assert.match((await page.locator('.notice.error').textContent()) ?? '', /^Cause\.Remedy\.Retry on CPUShow Log$/);
    await page.locator('vscode-button', { hasText: 'Retry on CPU' }).click();
    await post(page, {
      type: 'activity',
      activity: {
        kind: 'failed',
        message: ', line 3: has 2 cells.',
        file: { path: '/w/t.csv', line: 3 },
        retry: 'change',
      },
    });
    // The notice before it stands until the panel draws again.
    await page.locator('.notice.error .message', { hasText: /^t\.csv, line 3: has 2 cells\.$/ }).waitFor();
    await page.locator('.notice.error .link').click();
    await post(page, { type: 'show', runs: [run()], activity: idle, stale: ['lr is now 3'] });
    await page.locator('.notice.warning', { hasText: 'These numbers are of an earlier state: lr is now 3.' }).waitFor();
    await page.locator('.notice vscode-button', { hasText: 'Re-run' }).click();
    await post(page, { type: 'show', runs: [], activity: idle, stale: [], missing: ['The run a cannot be read.'] });
    await page.locator('.notice.warning', { hasText: 'The run a cannot be read.' }).waitFor();
    await page.locator('.empty h2', { hasText: 'No run yet' }).waitFor();
    assert.deepEqual(
      (await told(page)).flatMap((message) => (message.type === 'do' ? [message.action] : [])),
      ['trySample', 'stop', 'retryOnCpu', 'openFile', 'rerun'],
    );
    await page.close();
  });

  test('what was measured comes first: tile, sentence, bars, curve; then the theory, with its prediction beside it', async () => {
    const { page, problems } = await open(browser);
    await post(page, { type: 'show', runs: [measuredRun({ ended: false })], activity: idle, stale: [] });
    const tiles = page.locator('.tile');
    await tiles.first().waitFor();
    assert.match(
      (await tiles.first().innerText()) ?? '',
      /^\+8 % measured\s+gradient norm at equal loss, against β₂ = β₁ /,
    );
    assert.match((await page.locator('.sentence').first().textContent()) ?? '', /^So far, at loss 1\.80, .* 8 % larger than with β₂ = β₁, /); // biome-ignore format: one line
    await post(page, { type: 'show', runs: [measuredRun({ ended: true })], activity: idle, stale: [] });
    await tiles.first().locator('.big', { hasText: '+12 % measured' }).waitFor();
    assert.match((await tiles.nth(1).innerText()) ?? '', /^Theory: anti-regularizing 0\.99\s+in the long run[\s\S]*predicted where \+12 % is measured: \(\+460 %\)/); // biome-ignore format: one line
    assert.match((await tiles.nth(2).innerText()) ?? '', /The theory does not hold here/);
    assert.match(
      (await page.locator('.bar-row').first().getAttribute('aria-label')) ?? '',
      /^fc\.weight: larger gradient \+14 %, predicted \(\+460 %\), theory does not hold$/,
    );
    await page.locator('vscode-panel-tab', { hasText: 'Effect over loss' }).click();
    const canvas = page.locator('.chart', { hasText: 'Effect over the loss' }).locator('canvas');
    await canvas.waitFor();
    await canvas.focus();
    await page.keyboard.press('Home');
    await page.locator('.chart .spoken', { hasText: /^a, loss 2: 3$/ }).waitFor();
    await page.locator('p', { hasText: 'far outside of this chart' }).waitFor();
    await page.locator('vscode-panel-tab', { hasText: 'Table' }).click();
    const row = page.locator('.grid tbody tr', { hasText: 'fc.weight' });
    assert.match((await row.locator('td').allTextContents()).join(' '), /^20 \+14 % \(\+460 %\) /);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('without a mouse: bars, charts and tabs', async () => {
    const { page } = await open(browser);
    await post(page, { type: 'show', runs: [run({ steps: 20 })], activity: idle, stale: [] });
    await page.locator('.bar-row').first().waitFor();
    await page.locator('.bars').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.locator('.bar-row[aria-selected="true"]', { hasText: 'fc.bias' }).waitFor();
    await page.keyboard.press('Enter');
    assert.deepEqual((await told(page)).at(-1), { type: 'reveal', tensor: 'fc.bias' });
    assert.match(
      (await page.locator('.bar-row').first().getAttribute('aria-label')) ?? '',
      /^fc\.weight: anti-regularizing 0\.01, valid 90 %$/,
    );
    await page.locator('vscode-panel-tab', { hasText: 'Parameters' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    const canvas = page.locator('canvas[data-chart="Loss"]');
    await canvas.waitFor();
    await canvas.focus();
    await page.keyboard.press('End');
    await page.locator('.chart .spoken', { hasText: /^step 20: a 0$/ }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.locator('.chart .spoken', { hasText: /^step 19: a 0\.100$/ }).waitFor();
    assert.match((await canvas.getAttribute('aria-label')) ?? '', /^Loss\. a: 2\.00 at step 0, 0 at step 20$/);
    const figure = page.locator('.chart:has(canvas[data-chart="Loss"])');
    await figure.locator('summary').click();
    const rows = figure.locator('tbody tr');
    await rows.nth(20).waitFor();
    assert.equal(await rows.count(), 21);
    await page.close();
  });

  test('how near the steps are to the edge of stability is said, and drawn', async () => {
    const { page, problems } = await open(browser);
    const plain = run();
    const steps = plain.steps.map((line, i) => ({ ...line, zeta: 0.02 * (i + 1), ...(i === 1 && { edge: 1.25 }) }));
    await post(page, { type: 'show', runs: [{ ...plain, steps }], activity: idle, stale: [] });
    await page.locator('vscode-panel-tab', { hasText: 'Edge' }).click();
    const view = page.locator('vscode-panel-view:not([hidden]) .tab');
    const last = plain.steps.at(-1)!.step;
    await view.locator('p', { hasText: `At step ${last} a step lowers the loss as the gradient says` }).waitFor();
    await view.locator('p', { hasText: 'the sharpest direction is 1.3 times beyond the value' }).waitFor();
    assert.equal(await view.locator('canvas').count(), 2);
    assert.deepEqual(problems, []);
  });

  test('without a mouse: explanations, regimes and exports can be reached and left', async () => {
    const { page } = await open(browser);
    await post(page, { type: 'show', runs: [run()], activity: idle, stale: [] });
    const about = page.locator('button.about').first();
    await about.focus();
    await page.keyboard.press('Enter');
    await page.locator('dt:focus', { hasText: 'Strength' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.bar-row').first().waitFor();
    assert.equal(await about.evaluate((element) => element.matches(':focus')), true);
    await page.locator('summary.menu-button').focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.locator('.menu-items vscode-button:focus').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('summary.menu-button:focus').waitFor();
    assert.equal(await page.locator('details.menu[open]').count(), 0);
    await page.locator('vscode-panel-tab', { hasText: 'Regimes' }).click();
    await page.locator('.regime-row button', { hasText: 'fc.bias' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('.regime-row.selected', { hasText: 'fc.bias' }).waitFor();
    assert.deepEqual((await told(page)).at(-1), { type: 'reveal', tensor: 'fc.bias' });
    // A list is one stop of the Tab key.
    await page.keyboard.press('ArrowUp');
    await page.locator('.regime-row button:focus', { hasText: 'fc.weight' }).waitFor();
    await page.keyboard.press('Tab');
    await page.locator('vscode-panel-view:not([hidden]) canvas:focus').waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.locator('.regime-row button:focus', { hasText: 'fc.weight' }).waitFor();
    await page.close();
  });

  test('while a run goes on: the focus, a click that has begun, and what is scrolled to stay; only changes are said', async () => {
    const { page } = await open(browser);
    const tensors = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`layer${i}.weight`, {}]));
    const all = run({ tensors, steps: 9, header: { status: 'running' } });
    const running = (step: number) => ({
      type: 'activity' as const,
      activity: { kind: 'running' as const, title: 'm', progress: { phase: 'running' as const, step, steps: 9 } },
    });
    /** One more record, drawn. */
    const record = async (step: number) => {
      await post(page, { type: 'records', folder: all.folder, records: [all.steps[step]] });
      await post(page, running(step));
      await page.locator('.words', { hasText: `step ${step}/9` }).waitFor();
    };
    const { activity } = running(0);
    await post(page, { type: 'show', runs: [{ ...all, steps: [all.steps[0]] }], activity, stale: [] });
    await record(1);
    assert.equal(await page.locator('[role="status"]').textContent(), 'Running');
    const list = page.locator('.bars');
    await list.locator('.bar-row').first().click();
    await list.evaluate((element) => {
      element.scrollTop = 400;
    });
    const row = list.locator('.bar-row', { hasText: 'layer30.weight' });
    await row.hover();
    await page.mouse.down();
    await record(2);
    await page.mouse.up();
    await page.locator('.bar-row[aria-selected="true"]', { hasText: 'layer30.weight' }).waitFor();
    const scrolled = await list.evaluate((element) => {
      element.scrollTop = 0;
      return element.scrollTop;
    });
    await record(3);
    assert.equal(await list.evaluate((element) => element.scrollTop), scrolled, 'the reader has scrolled on');
    await page.locator('vscode-panel-tab', { hasText: 'Table' }).click();
    await page.locator('th button', { hasText: 'Size' }).focus();
    await page.keyboard.press('Enter');
    await page.locator('th[aria-sort="descending"]', { hasText: 'Size' }).waitFor();
    await record(4);
    await page.locator('th button:focus', { hasText: 'Size' }).waitFor();
    await page.locator('vscode-panel-tab', { hasText: 'Curves' }).click();
    const canvas = page.locator('canvas[data-chart="Loss"]');
    await canvas.waitFor();
    await canvas.focus();
    await page.keyboard.press('Home');
    await record(5);
    assert.match((await page.locator('.chart .spoken').first().textContent()) ?? '', /^step 0: /);
    await page.locator('vscode-button', { hasText: 'Stop' }).focus();
    await post(page, { type: 'activity', activity: idle });
    await page.locator('vscode-button:focus', { hasText: 'Re-run' }).waitFor();
    assert.match((await page.locator('[role="status"]').textContent()) ?? '', /5 steps/);
    await post(page, { type: 'stale', reasons: ['lr is now 3'] });
    await page.locator('.notice vscode-button', { hasText: 'Re-run' }).focus();
    await post(page, { type: 'show', runs: [], activity, stale: [] });
    await page.locator('vscode-button:focus', { hasText: 'Stop' }).waitFor();
    await page.close();
  });

  test('a narrow panel has no sideways scrolling, and names are whole; several runs have a legend', async () => {
    const { page } = await open(browser);
    await page.setViewportSize({ width: 300, height: 800 });
    const name = 'encoder.layers.10.self_attn.in_proj_weight';
    const runs = ['/runs/a', '/runs/b'].map((folder) => run({ folder, tensors: { [name]: { net: 1e12 } } }));
    await post(page, { type: 'show', runs, activity: idle, stale: [] });
    await page.locator('.bar-row').first().waitFor();
    for (const tab of tabs) {
      await page.locator('vscode-panel-tab', { hasText: tab }).click();
      await page.locator('vscode-panel-view:not([hidden]) .tab').waitFor();
      // A chart that comes to the front takes its size a moment later.
      await page.waitForFunction(() => {
        const { document, innerWidth } = globalThis as unknown as {
          document: { documentElement: { scrollWidth: number } };
          innerWidth: number;
        };
        return document.documentElement.scrollWidth <= innerWidth;
      });
      if (tab !== 'Parameters' && tab !== 'Regimes') continue;
      const label = page.locator('vscode-panel-view:not([hidden]) .name', { hasText: 'in_proj_weight' }).first();
      assert.ok(
        await label.evaluate((element) => element.scrollWidth <= element.clientWidth),
        `${tab}: name is cut off`,
      );
    }
    await page.locator('vscode-panel-tab', { hasText: 'Curves' }).click();
    assert.deepEqual(await page.locator('vscode-panel-view:not([hidden]) .chart-legend li').allTextContents(), [
      'a',
      'b',
    ]);
    await page.close();
  });

  test('numbers that the theory does not support are hatched and in parentheses', async () => {
    const { page } = await open(browser, { folders: [], view: { tab: 'table' } });
    await post(page, {
      type: 'show',
      runs: [run({ tensors: { good: {}, bad: { selfCheck: 4 } } })],
      activity: idle,
      stale: [],
    });
    const cells = page.locator('.grid tbody tr', { hasText: 'bad' }).locator('td');
    await cells.first().waitFor();
    assert.match((await cells.allTextContents()).join(' '), /\(anti-regularizing 0\.01\).*90 % 4\.00/);
    await page.locator('vscode-panel-tab', { hasText: 'Parameters' }).click();
    await page.locator('.bar-row', { hasText: 'bad' }).locator('.hatched').waitFor();
    assert.equal(await page.locator('.bar-row', { hasText: 'good' }).locator('.hatched').count(), 0);
    await page.close();
  });

  test('exports carry the run; what is looked at survives a reload', async () => {
    const { page } = await open(browser, { folders: ['/runs/a'], view: { filter: 'bias', measure: 'net' } });
    assert.deepEqual((await told(page))[0], { type: 'ready', folders: ['/runs/a'] });
    await post(page, { type: 'show', runs: [run()], activity: idle, stale: [] });
    await page.locator('.bar-row', { hasText: 'fc.bias' }).waitFor();
    assert.equal(await page.locator('.bar-row').count(), 1);
    assert.match((await page.locator('.bar-row').textContent()) ?? '', /\+18 %/);
    for (const [label, format] of [
      ['Picture', 'png'],
      ['Numbers', 'csv'],
      ['Run', 'json'],
      ['Summary', 'md'],
    ] as const) {
      await page.locator('.menu-button').click();
      await page.locator('.menu-items vscode-button', { hasText: label }).click();
      const message = (await told(page)).at(-1);
      assert.ok(message?.type === 'export' && message.format === format && message.content.length > 100, label);
      if (format === 'png') assert.equal(Buffer.from(message.content, 'base64').toString('latin1', 1, 4), 'PNG');
    }
    const saved = await page.evaluate(() => (globalThis as unknown as { saved: { folders: string[] } }).saved);
    assert.deepEqual(saved.folders, ['/runs/a']);
    await page.close();
  });
});
