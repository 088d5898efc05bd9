import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';

test('CONTRIBUTING.md names files, folders and scripts that there are', () => {
  const text = readFileSync('CONTRIBUTING.md', 'utf8');
  const all = ['extension', 'webview', 'test', 'media'].flatMap((root) =>
    readdirSync(root, { recursive: true }).map((file) => `${root}/${String(file).replaceAll('\\', '/')}`),
  );
  const names = new Set(all.map((path) => basename(path)));
  const words = [...text.matchAll(/`([\w./-]+)`/g)].map(([, word]) => word);
  const files = words.filter((word) => /\.(ts|mjs|md|json)$/.test(word));
  assert.ok(files.length > 20, `${files.length} files`);
  // A path is whole or begins below `extension/`.
  const isThere = (path: string) =>
    existsSync(path) || existsSync(`extension/${path}`) || names.has(path.replace(/\/$/, ''));
  const folders = words.filter((word) => word.endsWith('/'));
  assert.deepEqual(
    [...files, ...folders].filter((path) => !isThere(path) && path !== '.optimizer-bias.json'),
    [],
  );
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  const run = [...text.matchAll(/`npm run ([\w:]+)/g)].map(([, name]) => name);
  assert.deepEqual(
    run.filter((name) => !Object.hasOwn(scripts, name)),
    [],
  );
});
