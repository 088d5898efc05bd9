import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { columnPercent } from '../../extension/shared/format.ts';

test('shares in columns have one decimal each, and no value stays none', () => {
  assert.deepEqual([0, 0.5, 0.98, 0.9876, 1].map(columnPercent), ['0.0 %', '50.0 %', '98.0 %', '98.8 %', '100.0 %']);
  assert.deepEqual([null, undefined].map(columnPercent), [null, null]);
});

test('no other file writes decimals of a share by itself', () => {
  const files = ['extension', 'webview'].flatMap((root) =>
    readdirSync(root, { recursive: true })
      .map((file) => join(root, String(file)))
      .filter((file) => /\.tsx?$/.test(file)),
  );
  const found = files.filter((file) => /toFixed\(\d\)\}\s?%/.test(readFileSync(file, 'utf8')));
  assert.deepEqual(found, [join('extension', 'shared', 'format.ts')]);
});
