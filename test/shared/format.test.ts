import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  brief,
  byteCount,
  columnPercent,
  decimals,
  duration,
  finePercent,
  number,
  percent,
  powerTick,
  setting,
  shown,
  tick,
} from '../../extension/shared/format.ts';

test('columns have three digits, powers of ten only where plain digits would be long, and one sign', () => {
  const texts = [0, 1234.5, 99_940, 99_999, 0.001, 0.00099996, 0.000999, -0.0162].map((value) => number(value));
  assert.deepEqual(texts, ['0', '1,235', '99,940', '1.00e5', '0.00100', '0.00100', '9.99e−4', '−0.0162']);
  assert.deepEqual(
    [null, undefined, Number.NaN, -1 / 0].map((value) => number(value)),
    ['–', '–', '–', '−∞'],
  );
});

test('shares are whole percents, with a decimal where it tells something', () => {
  assert.deepEqual(
    [0.64, 0.004, -0.126, 999, 1000].map((share) => percent(share)),
    ['64 %', '0 %', '−13 %', '99,900 %', '1.00e5 %'],
  );
  assert.deepEqual(
    [0.0994, 0.0996, 0.032, 0.03, 0.0004].map((share) => finePercent(share)),
    ['9.9 %', '10 %', '3.2 %', '3 %', '0 %'],
  );
  assert.deepEqual(
    [0.0004, -0.0004, 0.03, 0.3].map((share) => finePercent(share, true)),
    ['0 %', '0 %', '+3 %', '+30 %'],
  );
});

test('durations are seconds up to a minute and a half, then whole minutes, from two hours on hours', () => {
  assert.deepEqual([-3, 12.4, 75, 89, 90, 100, 170, 7000, 7200, 15_360, 40_000].map(duration), [
    '0 s',
    '12 s',
    '75 s',
    '89 s',
    '2 min',
    '2 min',
    '3 min',
    '117 min',
    '2.0 h',
    '4.3 h',
    '11 h',
  ]);
});

test('settings read as users write them', () => {
  assert.deepEqual([0, 0.001, 1e-6, 1_000_000, 1234567.5, true, 'inside'].map(setting), [
    '0',
    '0.001',
    '1e-6',
    '1000000',
    '1.2345675e6',
    'true',
    'inside',
  ]);
});

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

test('digits become text in one file', () => {
  const formatter = join('extension', 'shared', 'format.ts');
  const files = ['extension', 'webview']
    .flatMap((root) => readdirSync(root, { recursive: true }).map((file) => join(root, String(file))))
    .filter((file) => /\.tsx?$/.test(file));
  const others = files.filter((file) =>
    /\.(toPrecision|toFixed|toExponential)\(|\.toLocaleString\('en-US'\)/.test(readFileSync(file, 'utf8')),
  );
  assert.deepEqual(others, [formatter]);
  assert.ok(files.length > 300);
});

test('sentences, axes and pictures', () => {
  assert.deepEqual(
    [0.0004567, 123456, 0.5, null, -1 / 0].map((value) => shown(value)),
    ['4.57e−4', '1.23e5', '0.5', 'unknown', '−∞'],
  );
  assert.deepEqual(
    [-0.123, 12.34, 1e-7].map((value) => brief(value, 2)),
    ['−0.12', '12', '1e−7'],
  );
  assert.deepEqual(
    [decimals(0.98765, 3), decimals(Number.NaN, 4), decimals(1 / 0, 4, 'diverged')],
    ['0.988', '–', 'diverged'],
  );
  assert.deepEqual([0.25, -2e-5, 1e6].map(tick), ['0.25', '−2e−5', '1e6']);
  assert.deepEqual([0.01, 5e-4, 1e6, -1e-4].map(powerTick), ['0.01', '5·10⁻⁴', '10⁶', '−10⁻⁴']);
  assert.deepEqual([1, 1024, 3.5 * 2 ** 20, 2 ** 60].map(byteCount), [
    '1 byte',
    '1 KiB',
    '3.5 MiB',
    'more than 8192 TiB',
  ]);
});
