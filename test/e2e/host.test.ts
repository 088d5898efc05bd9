import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FILES } from './files.ts';
import { runInExtensionHost } from './rig/inHost.ts';
import { launchBrowser } from './rig/workbench.ts';

const copies = Object.fromEntries(['digits.onnx', 'digits.npz'].map((name) => [name, `media/sample/${name}`]));

test('inside the extension host', { timeout: 600_000 }, async (t) => {
  const browser = await launchBrowser();
  try {
    const outcomes = await runInExtensionHost(browser, 'test/e2e/host/index.ts', FILES, copies);
    for (const { name, error } of outcomes)
      await t.test(name, () => {
        if (error !== undefined) assert.fail(error);
      });
    assert.ok(outcomes.length > 0, 'no test was run');
  } finally {
    await browser.close();
  }
});
