import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { launchBrowser, Workbench } from './rig/workbench.ts';

const ID = 'optimizer-bias.optimizer-bias-inspector';
/** Marketplaces refuse more; a user on a slow line notices it. */
const largestVsix = 25 * 2 ** 20;

describe('the packaged extension in an editor that has never seen it', { timeout: 300_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    const command = ['extension/package.mjs', '--target', 'all'];
    execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
    server = await startServer({ files: { 'empty.txt': '' }, vsix: vsixFor(`${process.platform}-${process.arch}`) });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const windows = ['dxcompiler.dll', 'dxil.dll', 'onnxruntime.dll', 'onnxruntime_binding.node'];
  for (const [target, libraries] of [
    ['linux-x64', ['libonnxruntime.so.1', 'onnxruntime_binding.node']],
    ['linux-arm64', ['libonnxruntime.so.1', 'onnxruntime_binding.node']],
    ['darwin-arm64', ['libonnxruntime.1.dylib', 'onnxruntime_binding.node']],
    ['win32-x64', windows],
    ['win32-arm64', windows],
  ] as const) {
    test(`for ${target}: small enough, with its own runtime and nothing that users do not need`, (t) => {
      const vsix = vsixFor(target);
      const { size } = statSync(vsix);
      t.diagnostic(`${(size / 2 ** 20).toFixed(1)} MiB`);
      assert.ok(size < largestVsix);
      const list = execFileSync(process.execPath, ['-e', listZip, vsix], { encoding: 'utf8' }).trim().split('\n');
      const runtime = `extension/node_modules/onnxruntime-node/bin/napi-v6/${target.replace('-', '/')}/`;
      const native = list.filter((file) => file.includes('/napi-v6/'));
      assert.deepEqual(
        native.sort(),
        libraries.map((library) => runtime + library),
      );
      assert.deepEqual(
        list.filter((file) => /\.(?:ts|map)$|\/test\/|shared\/cases|\.vsix$/.test(file)),
        [],
      );
      for (const file of [
        'dist/extension.js',
        'dist/engineProcess.js',
        'dist/webview/panel.js',
        'media/sample/train.py',
      ])
        assert.ok(list.includes(`extension/${file}`), file);
    });
  }

  test('Try the Sample, then Inspect: a first run without any setting', async () => {
    const { page } = workbench;
    assert.ok(await workbench.host((vscode, id) => vscode.extensions.getExtension(id) !== undefined, ID));
    const [window] = await Promise.all([
      page.context().waitForEvent('page', { timeout: 30_000 }),
      (async () => {
        await workbench.command('Optimizer Bias: Try the Sample');
        await page.locator('.quick-input-widget:visible .monaco-list-row', { hasText: 'Open the sample' }).click();
      })(),
    ]);
    await window
      .locator('.editor-instance .monaco-editor[data-uri$="/train.py"] .view-line')
      .first()
      .waitFor({ timeout: 60_000 });
    await window.locator('.view-line', { hasText: 'torch.optim.Adam' }).first().click();
    await window.locator('.codelens-decoration a', { hasText: 'Inspect…' }).first().click();
    await window
      .locator('.quick-input-widget:visible .monaco-list-row', { hasText: 'Inspect digits.onnx' })
      .first()
      .waitFor();
    await window.keyboard.press('Enter');
    const frame = window
      .frameLocator('iframe.webview.ready[src*="optimizer-bias"]')
      .last()
      .frameLocator('iframe#active-frame');
    await frame.locator('.activity', { hasText: 'Finished · 100 steps' }).waitFor({ timeout: 60_000 });
    await frame.locator('.tile', { hasText: 'Anti-regularizing' }).waitFor();
    await picture(window, 'sample');
    const url = new URL(window.url());
    assert.match(decodeURIComponent(url.search), /sample/);
  });
});

function vsixFor(target: string): string {
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
  return resolve('dist', `${name}-${version}-${target}.vsix`);
}

/** The names in a zip archive, from its central directory. */
const listZip = `
const data = require('node:fs').readFileSync(process.argv[1]);
const end = data.lastIndexOf(Buffer.from('PK\\x05\\x06', 'latin1'));
let at = data.readUInt32LE(end + 16);
for (let i = data.readUInt16LE(end + 10); i > 0; i--) {
  const [name, extra, comment] = [data.readUInt16LE(at + 28), data.readUInt16LE(at + 30), data.readUInt16LE(at + 32)];
  console.log(data.toString('utf8', at + 46, at + 46 + name));
  at += 46 + name + extra + comment;
}
`;
