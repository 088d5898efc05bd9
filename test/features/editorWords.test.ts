import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inEditor, inEditorBriefly } from '../../extension/shared/editorWords.ts';

const inFile = 'Settings in quotation marks are keys of .optimizer-bias.json.';
const inForm = 'Change it in “Inspect…”.';

test('settings of inspections: lines of the form, and keys of the project file with their values', () => {
  for (const [message, words] of [
    [
      'Choose another loss with --loss, or check the labels.',
      `Choose another loss with “Loss”, or check the labels. ${inForm}`,
    ],
    ['Use --loss mse or --limit 1000.', `Use “Loss: mse” or "limit": 1000. ${inForm} ${inFile}`],
    ['Try a smaller --micro-batch.', `Try a smaller "microBatch". ${inFile}`],
    ['Try --dtype float64 to tell.', `Try "dtype": "float64" to tell. ${inFile}`],
    ['Try again on the CPU (--device cpu). It is kept.', 'Try again on the CPU. It is kept.'],
    ["Add --freeze bn.mean --freeze 'a b'. Then go on.", `Add "freeze": ["bn.mean","a b"]. Then go on. ${inFile}`],
    ['Nothing -- here, nor in "--x" or a--b.', 'Nothing -- here, nor in "--x" or a--b.'],
  ])
    assert.equal(inEditor(message), words);
  assert.equal(inEditorBriefly('frozen by --freeze'), 'frozen by "freeze"');
});

test('parameters of experiments, and lines of the form of sweeps', () => {
  assert.equal(inEditor('values at β = --fixed-beta1', 'experiment'), 'values at β = “fixed beta1”');
  assert.equal(inEditor('Give its data with --data.', 'experiment'), 'Give its data with “data”.');
  assert.equal(inEditor('Choose one with --loss.', 'sweep'), 'Choose one with “Loss”.');
  assert.equal(
    inEditor('Cannot write. Choose another folder with --out.', 'sweep'),
    'Cannot write. Check that the folder can be written to and that there is space left on its disk.',
  );
});

test('no option of any message of the engine and the experiments is left', () => {
  const rooms = [
    'engine',
    'exports',
    'experiments',
    'jobs',
    'runStore',
    'onnx',
    'datasets',
    'files',
    'autodiff',
    'optimizers',
  ];
  const files = rooms.flatMap((room) =>
    readdirSync(join('extension', room), { recursive: true }).map((file) => join('extension', room, String(file))),
  );
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap(
      (file) => readFileSync(file, 'utf8').match(/(['`])(?:(?!\1)[^\\\n]|\\.)*--[a-z](?:(?!\1)[^\\\n]|\\.)*\1/g) ?? [],
    )
    .map((literal) => literal.slice(1, -1));
  assert.ok(texts.length > 20, `${texts.length} messages name options`);
  for (const text of texts)
    for (const place of ['inspect', 'sweep', 'experiment'] as const)
      assert.doesNotMatch(inEditor(text, place), /(?<![\w"'“/-])--[a-z]/, text);
});
