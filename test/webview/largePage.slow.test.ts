import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { ToPanel } from '../../extension/shared/panel.ts';
import { launchBrowser } from '../e2e/rig/workbench.ts';
import { idle, open, post } from './panelPage.ts';
import { run } from './runs.ts';

describe('large runs in the panel', { timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  test('a table of hundreds of tensors: while a run goes on, only what is seen is drawn anew; then everything', async (t) => {
    const { page } = await open(browser, { folders: [], view: { tab: 'table' } });
    const tensors = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`layer${i}.weight`, {}]));
    const whole = run({ tensors, steps: 22, header: { status: 'running' } });
    const activity = {
      kind: 'running',
      title: 'm',
      progress: { phase: 'running', step: 20, steps: 22 },
    } as const;
    await post(page, { type: 'show', runs: [{ ...whole, steps: whole.steps.slice(0, 21) }], activity, stale: [] });
    await page.locator('.grid tbody tr').nth(399).waitFor({ state: 'attached' });
    /** How long the page works on the next record, its layout included, and how many rows change. */
    const draws = (step: number) =>
      page.evaluate(
        async ([message, text]) => {
          const scope = globalThis as unknown as {
            dispatchEvent(event: unknown): void;
            MessageEvent: new (type: string, init: object) => unknown;
            MutationObserver: new (
              changed: (records: { target: { parentElement: unknown; closest?(s: string): unknown } }[]) => void,
            ) => { observe(target: unknown, options: object): void };
            document: { body: { offsetHeight: number; textContent: string }; querySelector(s: string): unknown };
            setTimeout(f: () => void, ms: number): number;
          };
          const rows = new Set<unknown>();
          const row = (node: unknown) => (node as { closest(s: string): unknown }).closest('tr');
          new scope.MutationObserver((records) => {
            for (const { target } of records) rows.add(row(target.closest ? target : target.parentElement));
          }).observe(scope.document.querySelector('.grid tbody'), { subtree: true, characterData: true, attributes: true, childList: true }); // biome-ignore format: one call
          const later = scope.setTimeout;
          let milliseconds = 0;
          scope.setTimeout = (work, wait) =>
            later(() => {
              const start = performance.now();
              work();
              void scope.document.body.offsetHeight;
              milliseconds += performance.now() - start;
            }, wait);
          scope.dispatchEvent(new scope.MessageEvent('message', { data: message }));
          scope.setTimeout = later;
          while (!scope.document.body.textContent.includes(text as string))
            await new Promise<void>((resolve) => later(resolve, 5));
          return { milliseconds, rows: rows.size };
        },
        [{ type: 'records', folder: whole.folder, records: [{ ...whole.steps[step], tensors: changed(step) }] }, `Step ${step}.`] as const, // biome-ignore format: one list
      );
    const changed = (step: number) =>
      Object.fromEntries(
        Object.entries(whole.steps[step].tensors).map(([name, fields]) => [name, { ...fields, cosine: step / 50 }]),
      );
    await page.waitForTimeout(300);
    const { milliseconds, rows } = await draws(21);
    t.diagnostic(`400 tensors: a record is drawn in ${milliseconds.toFixed(0)} ms, ${rows} rows change`);
    assert.ok(rows >= 10 && rows < 150, String(rows));
    const last = page.locator('.grid tbody tr').last();
    const old = await last.textContent();
    await last.scrollIntoViewIfNeeded();
    await page.waitForFunction(([text]) => (globalThis as unknown as { document: { querySelector(s: string): { textContent: string } } }).document.querySelector('.grid tbody tr:last-child').textContent !== text, [old]); // biome-ignore format: one call
    await draws(22);
    await post(page, { type: 'activity', activity: idle });
    await page.locator('.grid tbody tr').first().locator('td', { hasText: '+0.440' }).waitFor();
    assert.equal(await page.locator('.grid tbody tr', { hasText: '+0.440' }).count(), 400);
    await page.close();
  });

  test('while a run goes on and nothing comes, the page works on nothing, though its ring turns', async () => {
    const { page } = await open(browser);
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const going = run({ header: { status: 'running' } });
    const activity = { kind: 'running', title: 'm', progress: { phase: 'running', step: 3, steps: 9 } } as const;
    await post(page, { type: 'show', runs: [going], activity, stale: [] });
    await page.locator('.ring').waitFor();
    assert.equal(await page.locator('.ring').evaluate((ring) => ring.getAnimations().length), 1);
    await page.waitForTimeout(1000);
    const worked = async () => {
      const { metrics } = await session.send('Performance.getMetrics');
      return metrics.filter(({ name }) => name === 'LayoutCount' || name === 'RecalcStyleCount');
    };
    const before = await worked();
    await page.waitForTimeout(500);
    assert.deepEqual(await worked(), before);
    await page.close();
  });

  test('hundreds of tensors and thousands of records are drawn quickly', async (t) => {
    const { page } = await open(browser);
    const tensors = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`layer${i}.weight`, {}]));
    const large = run({ tensors, steps: 10 });
    const milliseconds = await page.evaluate(
      async (message) => {
        const scope = globalThis as unknown as {
          postMessage(m: unknown): void;
          document: { querySelectorAll(s: string): { length: number } };
          performance: { now(): number };
          setTimeout(f: () => void, ms: number): void;
        };
        const start = scope.performance.now();
        scope.postMessage(message);
        while (scope.document.querySelectorAll('.bar-row').length < 300)
          await new Promise<void>((resolve) => scope.setTimeout(resolve, 5));
        return scope.performance.now() - start;
      },
      { type: 'show', runs: [large], activity: idle, stale: [] } satisfies ToPanel,
    );
    t.diagnostic(`300 tensors, 11 records: ${milliseconds.toFixed(0)} ms`);
    await page.close();
  });
});
