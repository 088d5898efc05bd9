import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { loadDataset } from '../../extension/datasets/dataset.ts';
import { blocksOf } from '../support/markdown.ts';
import { sample } from '../support/paths.ts';
import { installed } from './installed.ts';

const windows = process.platform === 'win32';
/** Programs among the code blocks of a page. */
const examples = (page: string): Map<string, string> =>
  new Map(blocksOf(page).flatMap(({ language, file, text }) => (language === 'js' && file ? [[file, text]] : [])));

describe('the package for npm, installed in an empty folder', { timeout: 600_000 }, () => {
  let folder: string;
  const inPackage = (...path: string[]) => join(folder, 'node_modules', 'optimizer-bias-inspector', ...path);
  const run = (program: string, ...args: string[]) =>
    spawnSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      shell: windows,
      env: { ...process.env, NODE_OPTIONS: '' },
    });

  before(() => {
    folder = installed('npm');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('holds what it needs and nothing else', (t) => {
    const files = readdirSync(inPackage(), { recursive: true }).map((file) => String(file).replaceAll('\\', '/'));
    assert.deepEqual(
      files.filter((file) => /extension\.js|webview|\.test\.|\.map$|^test|script\/install|cuda/.test(file)),
      [],
    );
    for (const file of [
      'LICENSE',
      'THIRD-PARTY-NOTICES.txt',
      'README.md',
      'dist/autodiff.d.ts',
      'media/schemas/run.schema.json',
    ])
      assert.ok(files.includes(file), file);
    const size = files.reduce((sum, file) => sum + statSync(inPackage(file)).size, 0);
    t.diagnostic(`${files.length} files, ${(size / 2 ** 20).toFixed(0)} MiB`);
    const notice = readFileSync(inPackage('THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const name of ['onnxruntime-node', 'hyparquet', '@lezer/python'])
      assert.match(notice, new RegExp(`^${name} \\d`, 'm'));
  });

  it('inspects the sample with npx', () => {
    const { status, stdout, stderr } = run(
      'npx',
      '--no-install',
      'optimizer-bias',
      'inspect',
      '--sample',
      '--steps',
      '5',
    );
    assert.equal(status, 0, stderr);
    assert.match(stdout, /digits\.onnx · Adam/);
  });

  it('loads the library without the runtime', () => {
    const bundle = readFileSync(inPackage('dist', 'autodiff.js'), 'utf8');
    const required = [...bundle.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name);
    assert.deepEqual(
      required.filter((name) => !name.startsWith('node:')),
      [],
    );
    assert.ok(required.length > 0, 'the scan finds what is required');
  });

  it('has types that a strict program can use', () => {
    writeFileSync(
      join(folder, 'typed.mts'),
      `import { differentiate, isRefusal, type Differentiated } from 'optimizer-bias-inspector/autodiff';
const made: Differentiated = differentiate(new Uint8Array(), { compute: 'hvp', wrt: ['x'], dimensions: { N: 2 } });
export const names: string[] = made.outputs.map(({ name }) => name);
export const why = (error: unknown): string | undefined => (isRefusal(error) ? error.remedy : undefined);
// @ts-expect-error no such derivative
differentiate(new Uint8Array(), { compute: 'third' });
`,
    );
    const compiler = resolve('node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', ''];
    const { status, stdout } = run(process.execPath, compiler, ...options, 'typed.mts');
    assert.equal(status, 0, stdout);
  });

  describe('runs the examples of its documentation', () => {
    const page = 'extension/library/README.md';
    before(async () => {
      for (const name of ['onnxruntime-web', 'onnxruntime-node'])
        symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name), 'junction');
      for (const [name, text] of examples(page)) writeFileSync(join(folder, name), text);
      const { arrays } = await loadDataset({ data: join(sample, 'digits.npz') });
      const [pixels, labels] = ['x', 'y'].map((name) => arrays.get(name)!);
      const count = 128;
      const data = {
        pixels: Array.from((pixels.data as Float32Array).slice(0, 64 * count)),
        labels: Array.from((labels.data as BigInt64Array).slice(0, count), Number),
      };
      writeFileSync(
        join(folder, 'digits.mjs'),
        `const { pixels, labels } = ${JSON.stringify(data)};
export const digits = { model: ${JSON.stringify(inPackage('media', 'sample', 'digits.onnx'))}, count: ${count},
  pixels: Float32Array.from(pixels), labels: BigInt64Array.from(labels, BigInt) };`,
      );
    });
    const printed = (file: string): string[] => {
      const { status, stdout, stderr } = run(process.execPath, file);
      assert.equal(status, 0, stderr);
      return stdout.trim().split('\n');
    };
    const losses = (lines: readonly string[]): number[] => lines.map((line) => Number(/loss ([\d.]+)$/.exec(line)![1]));

    it('has three', () => assert.deepEqual([...examples(page).keys()], ['train.mjs', 'saliency.mjs', 'newton.mjs']));
    it('trains with the runtime of browsers', () => {
      const [first, ...rest] = losses(printed('train.mjs'));
      assert.equal(rest.length, 3);
      assert.ok(rest.every((loss, i) => loss < [first, ...rest][i]) && rest[2] < 0.7 * first, `${first} → ${rest}`);
    });
    it('shows which pixels decide', () => {
      const [title, ...rows] = printed('saliency.mjs');
      assert.match(title, /^digit \d$/);
      assert.equal(rows.length, 8);
      assert.match(rows.join(''), /#/);
    });
    it('takes Newton steps that fall faster than those along the gradient', () => {
      const newton = losses(printed('newton.mjs'));
      assert.equal(newton.length, 6);
      assert.ok(newton[5] < 0.2 * newton[0], `${newton}`);
    });
  });
});
