import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import type { ExperimentResult } from '../../extension/shared/experiments.ts';
import { measured } from '../../extension/shared/experimentVerdict.ts';
import { launchBrowser } from '../e2e/rig/workbench.ts';
import { message, open, post } from './experimentPages.ts';

describe('the page of a comparison in a browser', { timeout: 120_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser?.close());

  test('a comparison has no verdict: its intervals are drawn, and in words where they hold zero', async () => {
    const { page, problems } = await open(browser);
    const interval = (mean: number, half: number, more: number | null) => ({
      ...{ mean, low: mean - half, high: mean + half, pairs: 4, more },
    });
    const comparison: ExperimentResult = {
      ...measured('At equal loss, β₂ 0.95 holds the norm 8 % smaller.'),
      numbers: {},
      tables: [
        { title: 'Difference from yours', columns: ['setting'], rows: [['beta2 0.95']] },
        { title: 'Each run', columns: ['setting', 'seed'], rows: [['beta2 0.95', '0']] },
      ],
      differences: {
        quantities: [
          { title: 'gradient norm', points: false },
          { title: 'test accuracy', points: true },
        ],
        rows: [
          { label: 'beta2 0.95', intervals: [interval(-0.08, 0.01, 0), interval(0.004, 0.006, 5)] },
          { label: 'beta2 0.9', intervals: [interval(0.04, 0.05, 1), null] },
        ],
        pairs: 'orders',
      },
      charts: [],
      notes: [],
    };
    await post(page, message({ name: 'compare', result: comparison }));
    await page.locator('h1', { hasText: 'At equal loss, β₂ 0.95' }).waitFor();
    assert.equal(await page.locator('.verdict').count(), 0);
    assert.doesNotMatch(await page.locator('main').innerText(), /theory/);
    const cells = await page.locator('.differences td').allInnerTexts();
    assert.deepEqual(
      cells.map((text) => text.replace(/\s+/g, ' ').trim()),
      [
        '−8 % −9 % … −7 %',
        '+0.4 −0.2 … +1 no difference found; about 5 more orders would tell',
        '+4 % −1 % … +9 % no difference found; about 1 more order would tell',
        'too few runs',
      ],
    );
    const ends = (row: number, column: number) =>
      page
        .locator('.differences tbody tr')
        .nth(row)
        .locator('td')
        .nth(column)
        .locator('.whisker')
        .evaluate((line) => {
          const at = (name: string) => Number((line as unknown as { getAttribute(name: string): string }).getAttribute(name)); // biome-ignore format: one line
          return [at('x1'), at('x2')];
        });
    // Of one column the same scale: ±9 % reach to 55 on both sides of the middle, 60.
    assert.deepEqual((await ends(0, 0)).map(Math.round), [5, 17]);
    assert.deepEqual((await ends(1, 0)).map(Math.round), [54, 115]);
    assert.equal(await page.locator('.interval.open').count(), 2);
    assert.equal(await page.locator('table', { hasText: 'Each run' }).count(), 1);
    assert.deepEqual(problems, []);
    await page.close();
  });
});
