import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { besideFile, inEditor, inEditorBriefly } from '../../extension/shared/editorWords.ts';
import { errorOf, failureOf, failureWords, InspectorError } from '../../extension/shared/errors.ts';
import { type InspectSetting, inspectSettings, optionOf } from '../../extension/shared/request.ts';
import { settingTitles } from '../../extension/shared/settingTitles.ts';
import { strengthText } from '../../extension/shared/verdict.ts';
import {
  anotherFolder,
  at,
  isWords,
  joinWords,
  mention,
  mentionsIn,
  onCommandLine,
  type Words,
  words,
} from '../../extension/shared/words.ts';

const inFile = 'What stands in parentheses after a setting goes into .optimizer-bias.json.';
const inForm = 'Change it in “Inspect…”.';

test('settings of inspections: options, lines of the form, and keys of the project file with their values', () => {
  const rows: [message: Words, onLine: string, inEdit: string][] = [
    [
      words`Choose another loss with ${at('loss')}, or check the labels.`,
      'Choose another loss with --loss, or check the labels.',
      `Choose another loss with “Loss”, or check the labels. ${inForm}`,
    ],
    [
      words`Use ${at('loss', 'mse')} or ${at('microBatch', 1000)}.`,
      'Use --loss mse or --micro-batch 1000.',
      `Use “Loss: mse” or “Micro-batch” ("microBatch": 1000). ${inForm} ${inFile}`,
    ],
    [words`Try ${at('microBatch', 7)}.`, 'Try --micro-batch 7.', `Try “Micro-batch” ("microBatch": 7). ${inFile}`],
    [words`Add ${at('scale', 1 / 255)}.`, 'Add --scale 1/255.', `Add “Scale” ("scale": ${1 / 255}). ${inFile}`],
    [
      words`Use ${at('batchStatistics')}.`,
      'Use --batch-statistics.',
      `Use “Batch statistics” ("batchStatistics"). ${inFile}`,
    ],
    [
      words`Name it with ${at('batchAxes', ['NAME=1'])}.`,
      'Name it with --batch-axis NAME=1.',
      `Name it with “Batch axes” ("batchAxes": ["NAME=1"]). ${inFile}`,
    ],
    [
      words`Add ${at('freeze', ['bn.mean', "it's a b"])}. Then go on.`,
      "Add --freeze bn.mean --freeze 'it'\\''s a b'. Then go on.",
      `Add “Freeze” ("freeze": ["bn.mean","it's a b"]). Then go on. ${inFile}`,
    ],
    ['Nothing -- here, nor in "--x" or a--b.', ...(['Nothing -- here, nor in "--x" or a--b.'] as const), ''],
    [
      words`${anotherFolder}.`,
      'Choose another folder with --out.',
      'Check that the folder can be written to and that there is space left on its disk.',
    ],
  ];
  for (const [message, onLine, inEdit] of rows) {
    assert.equal(onCommandLine(message), onLine);
    assert.equal(inEditor(message), inEdit || onLine);
    // It crosses processes and files.
    const copy: unknown = JSON.parse(JSON.stringify(message));
    assert.ok(isWords(copy));
    assert.equal(inEditor(copy), inEditor(message));
  }
  assert.equal(inEditorBriefly(words`frozen by ${at('freeze')}`), 'frozen by “Freeze” ("freeze")');
});

test('parameters of experiments, and lines of the form of sweeps', () => {
  assert.equal(inEditor(words`values at β = ${mention('fixedBeta1')}`, 'experiment'), 'values at β = “fixed beta1”');
  assert.equal(onCommandLine(words`values at β = ${mention('fixedBeta1')}`), 'values at β = --fixed-beta1');
  assert.equal(inEditor(words`Give its data with ${mention('data')}.`, 'experiment'), 'Give its data with “data”.');
  assert.equal(inEditor(words`Choose one with ${at('loss')}.`, 'sweep'), 'Choose one with “Loss”.');
});

test('messages are put together and taken apart as data', () => {
  const inner = words`a ${at('limit', 3)}`;
  assert.deepEqual(words`${inner}; ${joinWords([inner, 'b'], ', ')} ${7}`, [
    'a ',
    { setting: 'limit', value: 3 },
    '; a ',
    { setting: 'limit', value: 3 },
    ', b 7',
  ]);
  assert.equal(words`a ${'b'} ${7}`, 'a b 7');
  assert.deepEqual(mentionsIn(inner), [{ setting: 'limit', value: 3 }]);
  for (const wrong of [
    3,
    null,
    undefined,
    [3],
    [{}],
    [{ setting: 3 }],
    [{ setting: 'a', value: {} }],
    { setting: 'a' },
  ])
    assert.equal(isWords(wrong), false, JSON.stringify(wrong));
});

test('a failure crosses processes: refusals stay refusals, with what they propose, and defects defects', () => {
  const refusal = failureOf(new InspectorError('No.', words`Use ${at('device', 'cpu')}.`));
  const refused = errorOf(structuredClone(refusal));
  assert.ok(refused instanceof InspectorError);
  assert.deepEqual([refused.message, refused.remedy], ['No.', 'Use --device cpu.']);
  assert.deepEqual(mentionsIn(refused.words.remedy!), [{ setting: 'device', value: 'cpu' }]);
  const defect = failureOf(new TypeError('x is undefined'));
  const met = errorOf(structuredClone(defect));
  assert.ok(!(met instanceof InspectorError));
  assert.equal(met.stack, defect.stack);
  assert.equal(failureWords(defect), 'Internal error: x is undefined. Please report this with the log.');
});

test('no message of the engine and the experiments names an option but as data', () => {
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
  const options = new Set(
    Object.entries(inspectSettings).map(([key, setting]) => optionOf(key, setting as Pick<InspectSetting, 'option'>)),
  );
  assert.ok(options.has('batch-size'));
  // `either` has words for both places.
  const texts = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      readFileSync(file, 'utf8')
        .replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
        .replace(/\beither\(\s*(['`]).*?\1/gs, '')
        .split('\n')
        // Options of other programs, which `docker run` and `nvidia-smi` have, are none of ours.
        .filter((line) => [...line.matchAll(/['` (]--([a-z][\w-]*)/g)].some(([, option]) => options.has(option))),
    );
  assert.deepEqual(texts, []);
  const named = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/\bat\('(\w+)'/g)].map(([, name]) => name));
  assert.ok(named.length > 20, `${named.length} messages name settings`);
  for (const name of named) assert.ok(Object.hasOwn(inspectSettings, name), name);
});

describe('where an error is', () => {
  const error = new InspectorError('is "a", not a number.', words`Leave out ${at('label')}.`, {
    where: { file: 'data/t.csv', line: 3, column: { number: 2, name: 'b' } },
  });

  it('is data, which the command line puts before the message', () => {
    assert.equal(error.message, '"data/t.csv", line 3, column 2 ("b"): is "a", not a number.');
    assert.deepEqual(failureOf(error).where, { file: 'data/t.csv', line: 3, column: { number: 2, name: 'b' } });
    assert.equal(onCommandLine(failureOf(error).message), 'is "a", not a number.');
  });

  it('leaves the name of the file to a link in the editor', () => {
    assert.equal(besideFile(failureOf(error)), ', line 3, column 2 ("b"): is "a", not a number.');
    assert.equal(besideFile({ message: 'It is empty.', where: { file: 'a.npz' } }), ': it is empty.');
    assert.equal(besideFile({ message: 'It is empty.' }), 'It is empty.');
  });

  it('survives the way to another process, with what lies in it', () => {
    const inner = new InspectorError('It loops.', undefined, { where: { node: 'n', operator: 'Add' } });
    const told = errorOf(structuredClone(failureOf(inner.in({ file: 'm.onnx' }))));
    assert.equal(told.message, '"m.onnx", node "n" (Add): it loops.');
  });

  it('of each part of a list stands before that part', () => {
    const parts = [{ where: { node: 'n', operator: 'Unique-17' }, message: 'it has no shape' }];
    assert.equal(
      new InspectorError('Cannot:', undefined, { parts }).message,
      'Cannot:\n  "n" (Unique-17): it has no shape',
    );
  });
});

test('every setting has a name of its own in the editor', () => {
  const titleOf = (key: string) => settingTitles[key as keyof typeof inspectSettings];
  const all = Object.entries<InspectSetting>(inspectSettings).map(([key, { line }]) => ({
    key,
    line,
    title: titleOf(key),
  }));
  const names = all.map(({ line, title }) => line ?? title);
  assert.deepEqual(
    all.filter(({ line, title }) => (line === undefined) === (title === undefined)).map(({ key }) => key),
    [],
  );
  assert.equal(new Set(names).size, names.length);
});

test('the strength of the correction in words', () => {
  assert.equal(strengthText(-0.016), 'anti-regularizing 0.016');
  assert.equal(strengthText(0.003), 'regularizing 0.003');
  assert.equal(strengthText(-1e-17), 'neutral');
  assert.equal(strengthText(null), '–');
});
