import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';

const script = resolve('extension/packaging/release.mjs');
let folder: string;
const release = (...args: string[]) =>
  spawnSync(process.execPath, [script, ...args], { cwd: folder, encoding: 'utf8' });
const git = (...args: string[]) => execFileSync('git', args, { cwd: folder, encoding: 'utf8' }).trim();
const read = (path: string) => readFileSync(join(folder, path), 'utf8');

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'optimizer-bias-release-'));
  mkdirSync(join(folder, '.github/actions/scan'), { recursive: true });
  for (const path of ['.github/actions/scan/action.yml', 'media/docs/ci.md']) cpSync(path, join(folder, path));
  writeFileSync(join(folder, 'package.json'), '{ "name": "optimizer-bias-inspector", "version": "0.1.0" }\n');
  writeFileSync(
    join(folder, 'CHANGELOG.md'),
    '# Changelog\n\n## Unreleased\n\n- Something new.\n\n## 0.1.0\n\n- All.\n',
  );
  git('init', '-q');
  for (const [name, value] of [
    ['user.name', 'a'],
    ['user.email', 'a@b.c'],
    ['commit.gpgsign', 'false'],
    ['tag.gpgsign', 'false'],
  ])
    git('config', name, value);
  git('add', '-A');
  git('commit', '-qm', 'start');
});
after(() => rmSync(folder, { recursive: true, force: true }));

test('a release needs a later version and a clean tree', () => {
  for (const [version, message] of [
    [[], /Say which version/],
    [['1.2'], /Say which version/],
    [['0.1.0'], /does not come after 0\.1\.0/],
    [['0.0.9'], /does not come after/],
  ] as const) {
    const { status, stderr } = release(...version);
    assert.equal(status, 1);
    assert.match(stderr, message);
  }
  writeFileSync(join(folder, 'new.txt'), '');
  assert.match(release('0.2.0').stderr, /not committed/);
  rmSync(join(folder, 'new.txt'));
  assert.equal(git('tag'), '');
});

test('one call brings version, changelog, action and tag up to date', () => {
  assert.equal(release('0.2.0').status, 0);
  assert.equal(JSON.parse(read('package.json')).version, '0.2.0');
  assert.match(
    read('CHANGELOG.md'),
    /## Unreleased\n\n## 0\.2\.0 \(\d{4}-\d\d-\d\d\)\n\n- Something new\.\n\n## 0\.1\.0/,
  );
  assert.match(read('.github/actions/scan/action.yml'), /optimizer-bias-inspector@0\.2\.0/);
  assert.match(read('media/docs/ci.md'), /\/actions\/scan@v0\.2\.0\n[\s\S]*rev: v0\.2\.0\n/);
  assert.equal(git('tag'), 'v0.2.0');
  assert.equal(git('status', '--porcelain'), '');
  assert.match(release('0.3.0').stderr, /nothing under "## Unreleased"/);
});
