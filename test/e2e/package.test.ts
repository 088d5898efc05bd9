import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { strToU8, zipSync } from 'fflate';
import type { Browser, Locator } from 'playwright-core';
import { providerFiles } from '../../extension/engine/gpu/provider.ts';
import { elfLibrary } from '../support/elf.ts';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { launchBrowser, Workbench } from './rig/workbench.ts';

const ID = 'optimizer-bias.optimizer-bias-inspector';
/** Marketplaces refuse more; a user on a slow line notices it. */
const largestVsix = 25 * 2 ** 20;

describe('the packaged extension in an editor that has never seen it', { timeout: 900_000 }, () => {
  let server: Server;
  let browser: Browser;
  let workbench: Workbench;
  let driver: string;

  before(async () => {
    const command = ['extension/packaging/vsix.mjs', '--target', 'all'];
    execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
    const vsix = vsixFor(`${process.platform}-${process.arch}`);
    // What tells that there is a driver, on machines that have none.
    driver = mkdtempSync(join(tmpdir(), 'optimizer-bias-driver-'));
    writeFileSync(join(driver, 'libcuda.so.1'), '');
    const variables = { LD_LIBRARY_PATH: driver };
    server = await startServer({ files: { 'empty.txt': '' }, vsix, variables });
    browser = await launchBrowser();
    workbench = await Workbench.open(browser, server);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(driver, { recursive: true, force: true });
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
    await frame.locator('.tile', { hasText: 'nti-regularizing' }).waitFor();
    await picture(window, 'sample');
    const url = new URL(window.url());
    assert.match(decodeURIComponent(url.search), /sample/);
  });

  test('Set Up GPU: a wrong file is refused, the right one lies beside the runtime, and the report follows', async () => {
    const { page } = workbench;
    const { version } = JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8'));
    const wheel = (name: string, of: string) => {
      const path = join(server.workspace, name);
      const library = elfLibrary(['libcudart.so.12']);
      const files = Object.fromEntries(providerFiles.map((file) => [`onnxruntime/capi/${file}`, library]));
      const metadata = { [`onnxruntime_gpu-${of}.dist-info/METADATA`]: strToU8(`Version: ${of}\n`) };
      writeFileSync(path, zipSync({ ...files, ...metadata }));
      return path;
    };
    const toast = (text: string) => page.locator('.notification-toast', { hasText: text });
    const choose = async (from: Locator, path: string) => {
      await from.locator('.monaco-button', { hasText: 'Choose File…' }).click();
      const dialog = page.locator('.quick-input-widget:visible');
      await dialog.locator('.monaco-list-row').first().waitFor();
      await dialog.locator('.quick-input-box input').fill(path);
      await page.keyboard.press('Enter');
    };
    await workbench.command('Optimizer Bias: Set Up GPU');
    const report = workbench.webview('markdown-language-features');
    await report.locator('li', { hasText: `✓ NVIDIA driver: ${driver}` }).waitFor({ timeout: 60_000 });
    const offer = toast(`The CUDA provider of ONNX Runtime ${version} is missing`);
    await offer.locator('.monaco-button', { hasText: 'Download for CUDA 12' }).waitFor();
    await picture(page, 'gpu-offer');
    await choose(offer, wheel('old.whl', '1.0.0'));
    const refused = toast('is of ONNX Runtime 1.0.0');
    await refused.waitFor();
    await picture(page, 'gpu-refused');
    await choose(refused, wheel('right.whl', version));
    await report.locator('li', { hasText: `✓ CUDA provider of ONNX Runtime ${version}` }).waitFor({ timeout: 60_000 });
    await report.locator('li', { hasText: '✗ CUDA runtime (libcudart.so.12)' }).waitFor();
    const beside = await workbench.host(
      (vscode, id, folder) => {
        const { extensionPath } = vscode.extensions.getExtension(id)!;
        return process
          .getBuiltinModule('node:fs')
          .readdirSync(`${extensionPath}/node_modules/onnxruntime-node/bin/napi-v6/${folder}`);
      },
      ID,
      `${process.platform}/${process.arch}`,
    );
    for (const file of providerFiles) assert.ok(beside.includes(file), file);
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
