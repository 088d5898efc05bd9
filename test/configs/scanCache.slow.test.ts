import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, test } from 'node:test';
import { runScan } from '../../extension/advice/scan.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { AnalysisCache, type CachedText } from '../../extension/configs/cache.ts';
import { NO_RESULT } from '../../extension/configs/protocol.ts';

const scratch = mkdtempSync(join(tmpdir(), 'scan-cache-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Of a text that names everything itself, of one that reads a file, of one that imports, and of values that JSON has not. */
const FILES: Readonly<Record<string, string>> = {
  'alone.py': 'import torch\ntorch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.95), eps=float("inf"), weight_decay=-0.0)\n',
  'copy.py': 'import torch\ntorch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.95), eps=float("inf"), weight_decay=-0.0)\n',
  'reads.py': 'import torch, yaml\ncfg = yaml.safe_load(open("c.yaml"))\ntorch.optim.AdamW(p, lr=cfg["lr"])\n',
  'c.yaml': 'lr: 3.0e-4\n',
  'imports.py': 'import torch\nfrom values import BETA\ntorch.optim.Adam(p, lr=1e-3, betas=(0.9, BETA))\n',
  'values.py': 'BETA = 0.97\n',
  'deep.py': `import torch\nx = ${'('.repeat(300)}1${')'.repeat(300)}\ntorch.optim.SGD(p, lr=-1)\n`,
  'conf/train.yaml': 'optimizer: adam\nlr: 1e-4\nbetas: [0.9, 0.99]\n',
};

describe('a scan with a cache', () => {
  let count = 0;
  let root = '';
  let cacheFolder = '';
  const put = (name: string, text: string) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  const scan = async (...argv: string[]) => {
    const said = { code: 0, out: '', error: '' };
    const io = {
      ...{ cwd: root, cacheFolder },
      write(text: string) {
        said.out += text;
      },
      error(text: string) {
        said.error += text;
      },
    };
    said.code = await runScan(argv, io);
    return said;
  };
  const files = () => (existsSync(cacheFolder) ? readdirSync(cacheFolder) : []);

  beforeEach(() => {
    root = join(scratch, String(++count), 'project');
    cacheFolder = join(scratch, String(count), 'cache');
    for (const [name, text] of Object.entries(FILES)) put(name, text);
  });

  test('says the same as without one, the first time and later', async () => {
    for (const format of ['text', 'json', 'sarif']) {
      const without = await scan('--no-cache', '--format', format, '--fail-on', 'error');
      assert.equal(without.code, 1);
      assert.match(without.error, /deep\.py: read in part/);
      for (let turn = 0; turn < 2; turn++)
        assert.deepEqual(await scan('--format', format, '--fail-on', 'error'), without);
      assert.deepEqual(files(), ['scan.cache']);
    }
  });

  test('takes from it what it knows', async () => {
    const text = FILES['alone.py']!;
    const other = analyse({ path: '', language: 'python', text: text.replace('Adam', 'SGD') });
    const cache = new AnalysisCache(cacheFolder);
    const document: CachedText = { text, language: 'python', path: join(root, 'alone.py'), root };
    cache.keep(document, { ...NO_RESULT, configs: other, sights: [] });
    cache.save();
    const optimizers = async (...argv: string[]) =>
      JSON.parse((await scan('--json', 'alone.py', 'copy.py', ...argv)).out).map(
        (each: { optimizer: string }) => each.optimizer,
      );
    assert.deepEqual(await optimizers(), ['sgd', 'sgd']);
    assert.deepEqual(await optimizers('--no-cache'), ['adam', 'adam']);
  });

  test('sees that what a file leads to has changed, came or went', async () => {
    const changes: (() => void)[] = [
      () => put('c.yaml', 'lr: 5.0e-4\n'),
      () => put('values.py', 'BETA = 0.98\n'),
      () => rmSync(join(root, 'values.py')),
      () => put('src/values.py', 'BETA = 0.5\n'),
      () => put('values/__init__.py', 'BETA = 0.6\n'),
      () => rmSync(join(root, 'c.yaml')),
      () => put('alone.py', FILES['alone.py']!.replace('1e-3', '1e-2')),
    ];
    let before = await scan('--json');
    for (const [i, change] of changes.entries()) {
      change();
      const now = await scan('--json');
      assert.deepEqual(now, await scan('--json', '--no-cache'), `change ${i}`);
      assert.notEqual(now.out, before.out, `change ${i}`);
      before = now;
    }
  });

  test('is not disturbed by a damaged one, and mends it', async () => {
    const expected = await scan('--json', '--no-cache');
    await scan();
    const path = join(cacheFolder, 'scan.cache');
    const whole = readFileSync(path);
    const flipped = (at: number) => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ 1 : byte)));
    const damaged = [
      ...[Buffer.alloc(0), whole.subarray(0, 20), whole.subarray(0, -1), Buffer.concat([whole, Buffer.from('x')])],
      ...[
        flipped(3),
        flipped(32),
        flipped(whole.length >> 1),
        flipped(whole.length - 1),
        Buffer.from('{"entries": 1}'),
      ],
    ];
    for (const bytes of damaged) {
      writeFileSync(path, bytes);
      assert.deepEqual(await scan('--json'), expected);
      assert.equal(readFileSync(path).length, whole.length);
    }
  });

  test('goes on without one where it cannot be kept', async () => {
    const expected = await scan('--json', '--no-cache');
    writeFileSync(cacheFolder, 'a file in its place');
    assert.deepEqual(await scan('--json'), expected);
    rmSync(cacheFolder);
    mkdirSync(join(cacheFolder, 'scan.cache'), { recursive: true });
    assert.deepEqual(await scan('--json'), expected);
    assert.deepEqual(files(), ['scan.cache']);
  });

  test('is where --cache says, and nowhere with --no-cache', async () => {
    await scan('--no-cache');
    assert.deepEqual(files(), []);
    await scan('--cache', '.kept');
    assert.deepEqual(files(), []);
    assert.deepEqual(readdirSync(join(root, '.kept')), ['scan.cache']);
  });
});
