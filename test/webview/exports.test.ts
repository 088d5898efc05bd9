import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName, toCsv, toJson, toMarkdown } from '../../webview/exports.ts';
import { run } from './runs.ts';

const hostile = '=HYPERLINK("http://x")|<img src=x>`\n# title';

test('CSV: a line for each step and tensor, names never a formula', () => {
  const lines = toCsv(run({ tensors: { [hostile]: {}, 'fc.bias': { net: null } }, steps: 1 })).split(/\n(?=\d|$)/);
  const [head, all, first, second] = lines;
  assert.match(head, /^step,tensor,parameters,loss,/);
  assert.match(all, /^0,"\(all\)",100,2,3,2,1,0\.1,-0\.01,/);
  assert.ok(first.startsWith(`0,"'=HYPERLINK(""http://x"")|<img src=x>\`\n# title",20,,3,`));
  assert.match(second, /^0,"fc\.bias",20,/);
  assert.equal(lines.length, 1 + 2 * 3 + 1);
  assert.equal(second.split(',').length, head.split(',').length);
});

test('JSON: what was run and every step', () => {
  const a = run();
  const read = JSON.parse(toJson(a));
  assert.deepEqual(read, JSON.parse(JSON.stringify({ name: a.name, run: a.header, steps: a.steps })));
});

test('Markdown: verdict, sentence and table; names are no markup; doubtful numbers stand in parentheses', () => {
  const text = toMarkdown(run({ tensors: { [hostile]: {}, 'fc.bias': { selfCheck: 3 } } }));
  assert.match(text, /^## m\.onnx: Adam · lr 0\.001/);
  assert.match(text, /\*\*Anti-regularizing 0\.01\*\* at step 3 \(anti-regularizing 0\.99 in the long run\)/);
  assert.match(text, /In full-batch training with these settings, .* Small batches can reverse this\./);
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  assert.equal(rows.length, 2 + 2 + 1);
  const cells = (row: string) => row.split(/(?<!\\)\|/).length;
  assert.deepEqual(new Set(rows.map(cells)).size, 1);
  assert.ok(!text.includes('<img') && !text.includes('\n# title'));
  assert.match(rows[3], /\(anti-regularizing 0\.01\)/);
  assert.match(rows[2], / anti-regularizing 0\.01 /);
});

test('a run without a correction says why', () => {
  const a = run({ header: { notApplicable: 'centered RMSprop has none' } });
  const steps = a.steps.map(({ kappa: _, ...line }) => line);
  assert.match(toMarkdown({ ...a, steps }), /No first-order correction exists .* centered RMSprop has none/);
  assert.match(toMarkdown({ ...a, steps: [] }), /No first-order correction exists/);
});

test('file names are harmless', () => {
  assert.equal(fileName({ ...run(), name: '../a b/c\u202e.exe' }), '..-a-b-c-.exe');
  assert.equal(fileName({ ...run(), name: '///' }), '-');
});
