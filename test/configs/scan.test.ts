import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ScanRecord } from '../../extension/advice/report.ts';
import { runScan } from '../../extension/advice/scan.ts';

const CALL = 'import torch\ntorch.optim.Adam(p, lr=1e-3, betas=(0.9, 0.95))\n';
const BAD = 'import torch\n\n  \nif True:\n    torch.optim.SGD(p, lr=-1)\n';

describe('scan', () => {
  let root = '';
  const put = (name: string, text: string | Uint8Array) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  const scan = async (...argv: string[]) => {
    let out = '';
    let error = '';
    const io = {
      cwd: root,
      write(text: string) {
        out += text;
      },
      error(text: string) {
        error += text;
      },
    };
    return { code: await runScan(argv, io), out, error };
  };

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'scan-'));
    put('src/train.py', CALL);
    put('src/bad.py', BAD);
    put('conf/a b.yaml', 'optimizer: adam\nlr: 1e-4\nbetas: [0.9, 0.99]\n');
    put('nb.ipynb', JSON.stringify({ cells: [{ cell_type: 'code', source: CALL.split(/(?<=\n)/) }] }, null, 1));
    for (const skipped of ['node_modules/x', '.git', '.venv/lib', 'a/__pycache__']) put(`${skipped}/x.py`, CALL);
    put('binary.py', new Uint8Array([0, 1, 2, ...Buffer.from(CALL)]));
    put('big.py', `${CALL}${'#'.repeat(6 * 1024 * 1024)}`);
    put('notes.txt', CALL);
    put('empty.py', '');
    symlinkSync('..', join(root, 'src', 'loop'));
    symlinkSync('train.py', join(root, 'src', 'zz.py'));
    symlinkSync('missing.py', join(root, 'src', 'broken.py'));
    symlinkSync('self.py', join(root, 'self.py'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  test('JSON: every file once, lines and columns from 1', async () => {
    const { code, out } = await scan('--json');
    const records: ScanRecord[] = JSON.parse(out);
    assert.equal(code, 0);
    assert.deepEqual(
      records.map(({ file, line, column, framework, optimizer }) => [file, line, column, framework, optimizer]),
      [
        ['conf/a b.yaml', 1, 12, 'generic', 'adam'],
        ['nb.ipynb', 7, 6, 'pytorch', 'adam'],
        ['src/bad.py', 5, 5, 'pytorch', 'sgd'],
        ['src/train.py', 2, 1, 'pytorch', 'adam'],
      ],
    );
    const train = records[3];
    assert.deepEqual(train.hyperparameters.beta2, { value: 0.95, from: 'literal' });
    assert.deepEqual(train.hyperparameters.eps, { value: 1e-8, from: 'default' });
    assert.ok(Math.abs(train.hKappa! + 0.01) < 1e-12);
    assert.equal(records[2].hKappa, null);
    assert.deepEqual(
      records[2].diagnostics.map(({ code: rule, severity, line }) => [rule, severity, line]),
      [['learning-rate-not-positive', 'error', 5]],
    );
  });

  test('text', async () => {
    const { out } = await scan('src');
    assert.match(
      out,
      /^src\/bad\.py:5:5 {2}SGD \(pytorch\) · lr -1\n {4}Theory: .*\n {4}error at line 5: lr = -1 .*\[learning-rate-not-positive\]\n/,
    );
    assert.match(
      out,
      /src\/train\.py:2:1 {2}Adam \(pytorch\) · lr 0\.001 · beta1 0\.9 · beta2 0\.95\n {4}Theory: β₂ 0\.95 favours a larger gradient norm\n/,
    );
    assert.match(out, /\n2 optimizer configurations in 2 files\.\n$/);
  });

  test('SARIF 2.1.0', async () => {
    const { out } = await scan('--format', 'sarif', 'src', 'conf');
    const log = JSON.parse(out);
    assert.equal(log.version, '2.1.0');
    const [run] = log.runs;
    const ids = run.tool.driver.rules.map((rule: { id: string }) => rule.id);
    const error = run.results.find((result: { level: string }) => result.level === 'error');
    assert.equal(ids[error.ruleIndex], error.ruleId);
    assert.deepEqual(error.locations[0].physicalLocation, {
      artifactLocation: { uri: 'src/bad.py' },
      region: { startLine: 5, startColumn: 27, endLine: 5, endColumn: 29 },
    });
    assert.ok(run.results.every((result: { level: string }) => ['error', 'warning', 'note'].includes(result.level)));
  });

  test('--fail-on', async () => {
    assert.equal((await scan('src', '--fail-on', 'error')).code, 1);
    assert.equal((await scan('src/train.py', '--fail-on', 'hint')).code, 0);
    assert.equal((await scan('conf', '--fail-on', 'error')).code, 0);
    assert.equal((await scan('src')).code, 0);
  });

  test('wrong usage: 2, said on standard error', async () => {
    const cases: readonly [argv: string[], message: RegExp][] = [
      [['missing'], /Cannot read "missing"/],
      [['--format', 'xml'], /no format "xml".*\n.*text, json, sarif/],
      [['--fail-on', 'fatal'], /no severity "fatal"/],
      [['--nonsense'], /--nonsense/],
      [['self.py'], /Cannot read "self.py"/],
    ];
    for (const [argv, message] of cases) {
      const { code, out, error } = await scan(...argv);
      assert.equal(code, 2, argv.join(' '));
      assert.equal(out, '');
      assert.match(error, message);
    }
  });

  test('a broken link is mentioned, and the rest scanned', async () => {
    const { code, error, out } = await scan('src', '--json');
    assert.equal(code, 0);
    assert.match(error, /Left out src\/broken\.py/);
    assert.equal(JSON.parse(out).length, 2);
  });

  test('--help, a file given twice, an empty directory', async () => {
    assert.match((await scan('--help')).out, /optimizer-bias scan/);
    assert.equal(JSON.parse((await scan('--json', 'src/train.py', 'src/zz.py', './src/train.py')).out).length, 1);
    mkdirSync(join(root, 'nothing'));
    assert.equal((await scan('nothing')).out, '0 optimizer configurations in 0 files.\n');
  });
});
