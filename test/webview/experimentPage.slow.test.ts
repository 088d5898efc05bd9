import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { ToExperimentPage } from '../../extension/shared/experimentPanel.ts';
import type { Chart } from '../../extension/shared/experiments.ts';
import { agreeing, disagreeing, undecided } from '../../extension/shared/experimentVerdict.ts';
import { mention, words } from '../../extension/shared/words.ts';
import { launchBrowser } from '../e2e/rig/workbench.ts';
import { hostile, message, open, post, result, told } from './experimentPages.ts';

describe('the page of a result in a browser, under its policy', { timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  test('the sentence comes first, then the verdict, in words and with a mark', async () => {
    const { page, problems } = await open(browser);
    for (const [verdict, text] of [
      [undecided('The norm rises', 'too few points'), '? Cannot tell whether this agrees with the theory.'],
      [disagreeing('The norm rises', '', 'what the paper saw'), '✗ Does not agree with what the paper saw.'],
      [agreeing('The norm rises from 1 to 2', ''), '✓ Agrees with the theory.'],
    ] as const) {
      await post(page, message({ result: result(verdict) }));
      await page.locator(`.verdict.${verdict.agreement}`).waitFor();
      assert.equal(await page.locator('.verdict').textContent(), text);
    }
    const first = await page.locator('main').evaluate((main) => {
      const { firstElementChild } = main as unknown as { firstElementChild: { textContent: string } };
      return firstElementChild.textContent;
    });
    assert.match(first, /^The norm rises from 1 to 2\./);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('names from files stay text', async () => {
    const { page, problems } = await open(browser);
    const [chart] = result().charts;
    await post(page, {
      ...message({
        title: hostile,
        parameters: { [hostile]: hostile },
        result: result({
          sentence: hostile,
          tables: [{ title: hostile, columns: [hostile], rows: [[hostile]] }],
          charts: [{ ...chart, title: hostile, series: [{ label: hostile, x: [1], y: [1] }] }],
          notes: [hostile],
        }),
      }),
      folder: `/runs/${hostile}`,
    } as ToExperimentPage);
    await page.locator('.notes').waitFor();
    await page.locator('summary', { hasText: 'Values as a table' }).click();
    assert.equal(await page.locator('img').count(), 0);
    assert.equal(await page.title(), '0');
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('tables have heads of rows and columns; numbers are aligned; gaps are dashes', async () => {
    const { page } = await open(browser);
    await post(page, message());
    const table = page.locator('table.grid');
    assert.deepEqual(await table.locator('thead th[scope="col"]').allTextContents(), ['', 'loss', 'valid']);
    assert.deepEqual(await table.locator('tbody th[scope="row"]').allTextContents(), ['beta2=0.9', 'beta2=0.99']);
    assert.deepEqual(await table.locator('tbody td.numeric').allTextContents(), ['0.250', '90.0 %', '–', '–']);
    assert.equal(await table.locator('caption').textContent(), 'Points');
    await page.close();
  });

  test('numbers of the theory stand in parentheses where a row says that it does not hold', async () => {
    const { page } = await open(browser);
    const columns = ['', 'κ_eff', 'valid', 'self-check'];
    const rows = [
      ['good', -1, '90.0 %', 0.1],
      ['bad', -2, '90.0 %', 3],
    ];
    await post(page, message({ result: result({ tables: [{ title: 'Points', columns, rows }] }) }));
    const cells = page.locator('table.grid tbody td:nth-child(2)');
    assert.deepEqual(await cells.allTextContents(), ['−1.00', '(−2.00)']);
    await page.locator('p', { hasText: 'the first-order theory does not hold there' }).waitFor();
    await page.close();
  });

  test('a chart is read with the keyboard and as a table; zero has no place on a logarithmic axis', async () => {
    const { page } = await open(browser);
    await post(page, message());
    const canvas = page.locator('.chart canvas');
    assert.equal(
      await canvas.getAttribute('aria-label'),
      'Loss. loss over step. beta2=0.9: from (0, 1) to (1, 0.500); beta2=0.99: from (0, 1) to (2, 0.100)',
    );
    await canvas.focus();
    const spoken = page.locator('.chart div.spoken');
    for (const [key, text] of [
      ['ArrowRight', 'beta2=0.9, step 0: 1'],
      ['ArrowRight', 'beta2=0.9, step 1: 0.500'],
      ['ArrowDown', 'beta2=0.99, step 1: –'],
      ['End', 'beta2=0.99, step 2: 0.100'],
    ]) {
      await page.keyboard.press(key);
      assert.equal(await spoken.textContent(), text);
    }
    await page.locator('summary', { hasText: 'Values as a table' }).click();
    await page.locator('.chart-table tbody tr').nth(5).waitFor();
    assert.equal(await page.locator('.chart-table tbody tr').count(), 6);
    assert.deepEqual(await page.locator('.chart-legend li').allTextContents(), ['beta2=0.9', 'beta2=0.99']);
    await page.close();
  });

  test('what the reader has opened and is reading stays while results come in', async () => {
    const { page } = await open(browser);
    await post(page, message({ status: 'running' }, false, 'here'));
    await page.locator('.settings summary').click();
    await page.locator('canvas').focus();
    await page.keyboard.press('End');
    const spoken = page.locator('.chart .spoken');
    const said = await spoken.textContent();
    assert.match(said ?? '', /step 2/);
    const more = result();
    await post(page, message({ status: 'running', result: { ...more, sentence: 'More of it' } }, false, 'here'));
    await page.locator('h1', { hasText: 'So far: More of it' }).waitFor();
    assert.equal(await spoken.textContent(), said);
    assert.equal(await page.locator('canvas:focus').count(), 1);
    assert.equal(await page.locator('.settings[open]').count(), 1);
    await page.locator('vscode-button', { hasText: 'Cancel' }).focus();
    await post(page, message());
    await page.locator('.verdict').waitFor();
    await page.locator('.head-row vscode-button:focus').waitFor();
    await post(page, message({ status: 'cancelled' }, true));
    await page.locator('vscode-button', { hasText: 'Resume' }).focus();
    await post(page, message({ status: 'running', result: result({ tables: [] }) }, false, 'here'));
    await page.locator('.meter vscode-button:focus', { hasText: 'Cancel' }).waitFor();
    await post(page, message({ status: 'failed', result: undefined, message: words`Lower ${mention('lr')}.` }));
    await page
      .locator('.notice.error', { hasText: 'Lower “lr”.' })
      .locator('vscode-button', { hasText: 'Show Log' })
      .click();
    assert.deepEqual((await told(page)).at(-1), { type: 'do', action: 'showLog' });
    await page.close();
  });

  test('while it runs: what there is so far, how far it is, and a way to stop it; then the verdict', async () => {
    const { page, problems } = await open(browser);
    await post(page, message({ status: 'running', result: undefined }, false, 'here'));
    await page.locator('h1', { hasText: 'Running' }).waitFor();
    await post(page, { type: 'progress', share: 0.25, text: 'point 2 of 4 · 8 s left' });
    await page.locator('.meter .message', { hasText: 'point 2 of 4 · 8 s left' }).waitFor();
    assert.equal(await page.locator('progress').getAttribute('value'), '0.25');
    await post(page, message({ status: 'running' }, false, 'here'));
    await page.locator('h1', { hasText: 'So far: The norm rises' }).waitFor();
    assert.equal(await page.locator('.verdict').count(), 0, 'no verdict before all points are there');
    assert.equal(
      await page
        .locator('.meter')
        .innerText()
        .then((text) => text.includes('8 s left')),
      true,
    );
    assert.equal(await page.locator('vscode-button', { hasText: 'Run Again' }).count(), 0);
    await page.locator('vscode-button', { hasText: 'Cancel' }).click();
    assert.deepEqual((await told(page)).at(-1), { type: 'do', action: 'cancel' });
    await page.locator('.meter', { hasText: 'Stopping' }).waitFor();
    await post(page, message());
    await page.locator('.verdict.agrees').waitFor();
    assert.equal(await page.locator('.meter').count(), 0);
    assert.deepEqual(problems, []);
    await page.close();
  });

  test('results that come in leave the zoom, the focus and an open table as they are', async () => {
    const { page } = await open(browser);
    const [chart] = result().charts;
    const first = { ...chart, series: [{ label: 'a', x: [0, 1, 2, 3], y: [1, 2, 3, 4] }] };
    const post1 = (charts: Chart[]) =>
      post(page, message({ status: 'running', result: result({ charts }) }, false, 'here'));
    await post1([first]);
    await page.locator('summary', { hasText: 'Values as a table' }).click();
    const canvas = page.locator('.chart canvas');
    await canvas.focus();
    const whole = await canvas.screenshot();
    await page.keyboard.press('+');
    const zoomed = await canvas.screenshot();
    assert.ok(!whole.equals(zoomed));
    await post1([first]);
    assert.ok(zoomed.equals(await canvas.screenshot()), 'still zoomed');
    await post1([{ ...first, series: [...first.series, { label: 'b', x: [0, 1], y: [2, 2] }] }]);
    await page.locator('.chart-legend li', { hasText: 'b' }).waitFor();
    assert.equal(await page.locator('.chart-table tbody tr').count(), 6);
    assert.ok(await canvas.evaluate((element) => element === (element as unknown as { ownerDocument: { activeElement: unknown } }).ownerDocument.activeElement)); // biome-ignore format: one expression
    await page.close();
  });

  test('charts are zoomed by dragging, with Ctrl and the wheel and with keys, moved, and shown whole again', async () => {
    const { page } = await open(browser);
    const x = Array.from({ length: 50 }, (_, i) => i);
    const series = [{ label: 'a', x, y: x.map((value) => 1 + value ** 2) }];
    await post(page, message({ result: result({ charts: [{ ...result().charts[0], series }] }) }));
    const canvas = page.locator('.chart canvas');
    const picture = () => canvas.screenshot();
    await canvas.focus();
    const whole = await picture();
    const box = (await canvas.boundingBox())!;
    const [left, top] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(left, top);
    await page.mouse.wheel(0, -100);
    await page.mouse.move(box.x + box.width / 2, box.y - 20);
    assert.ok(whole.equals(await picture()), 'the wheel alone scrolls the page');
    for (const zoom of [
      () => page.keyboard.press('+'),
      async () => {
        await page.keyboard.down('Control');
        await page.mouse.move(left, top);
        await page.mouse.wheel(0, -100);
        await page.keyboard.up('Control');
        await page.mouse.move(left, box.y - 20);
      },
      async () => {
        await page.mouse.move(left, top);
        await page.mouse.down();
        await page.mouse.move(left + 60, top + 40, { steps: 3 });
        assert.ok(await page.locator('.zoom-band').isVisible());
        await page.mouse.up();
        await page.mouse.move(left, box.y - 20);
      },
    ]) {
      await zoom();
      const zoomed = await picture();
      assert.ok(!whole.equals(zoomed));
      await canvas.focus();
      await page.keyboard.press('Shift+ArrowLeft');
      assert.ok(!zoomed.equals(await picture()), 'moved');
      await page.keyboard.press('0');
      assert.ok(whole.equals(await picture()), 'everything again');
    }
    // Zooming out shows no more than everything.
    await page.keyboard.press('-');
    assert.ok(whole.equals(await picture()));
    await page.locator('vscode-checkbox', { hasText: 'Logarithmic' }).click();
    await page.mouse.move(left, box.y - 20);
    assert.ok(!whole.equals(await picture()), 'linear');
    await page.close();
  });

  test('a sweep with missing points can be resumed; pictures and the other buttons', async () => {
    const { page } = await open(browser, { folder: '/runs/b' });
    assert.deepEqual(await told(page), [{ type: 'ready', folder: '/runs/b' }]);
    await post(page, message());
    await page.locator('.chart').waitFor();
    assert.equal(await page.locator('vscode-button', { hasText: 'Resume' }).count(), 0);
    await post(page, message({}, true));
    for (const label of ['Resume', 'Export CSV…', 'Open Folder', 'Run Again', 'Compare Runs', 'Save Picture…'])
      await page.locator('vscode-button', { hasText: label }).click();
    const answers = (await told(page)).slice(1);
    assert.deepEqual(
      answers.flatMap((answer) => (answer.type === 'do' ? [answer.action] : [])),
      ['resume', 'exportCsv', 'openFolder', 'runAgain', 'compareRuns'],
    );
    const picture = answers.at(-1);
    assert.ok(picture?.type === 'picture');
    assert.equal(Buffer.from(picture.content, 'base64').toString('latin1', 1, 4), 'PNG');
    const saved = await page.evaluate(() => (globalThis as unknown as { saved: unknown }).saved);
    assert.deepEqual(saved, { folder: '/runs/a' });
    await page.close();
  });

  test('without a result it says why', async () => {
    const { page } = await open(browser);
    await post(page, message({ status: 'failed', message: 'no data', result: undefined }));
    await page.locator('.notice.error', { hasText: 'no data' }).waitFor();
    await post(page, { type: 'failed', message: 'Cause.', remedy: 'Remedy.' });
    const notice = page.locator('.notice.error', { hasText: 'Cause.' });
    assert.equal(await notice.textContent(), 'Cause.Remedy.Show Log');
    await page.close();
  });
});
