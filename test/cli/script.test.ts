import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { defaultsText, ofScript, scriptBeside, scriptNamed, withScript } from '../../extension/cli/script.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';

const root = mkdtempSync(join(tmpdir(), 'script-'));
const start = process.cwd();
const script = `import torch, yaml
cfg = yaml.safe_load(open("base.yaml"))
opt = torch.optim.AdamW(p, lr=args.lr, betas=(0.9, cfg["beta2"]), weight_decay=0.1)
`;

before(() => {
  mkdirSync(join(root, 'vision'));
  writeFileSync(join(root, 'train.py'), script);
  writeFileSync(join(root, 'base.yaml'), 'beta2: 0.95\n');
  writeFileSync(join(root, 'two.py'), 'import torch\na = torch.optim.Adam(p)\nb = torch.optim.SGD(p, lr=1)\n');
  writeFileSync(join(root, 'vision', 'train.py'), 'import torch\na = torch.optim.SGD(p, lr=0.1)\n');
  process.chdir(root);
});
after(() => {
  process.chdir(start);
  rmSync(root, { recursive: true, force: true });
});

const request = { optimizer: 'adam', framework: 'pytorch', hyper: { lr: 0.1 }, model: 'train.onnx' } as unknown as InspectRequest; // biome-ignore format: one line
const hyper = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0 };

describe('what the command line does not give', () => {
  test('is told, with what the script beside the model sets otherwise', async () => {
    const found = await scriptBeside('train.onnx');
    assert.deepEqual([found?.path, found?.line], ['train.py', 3]);
    assert.equal(
      defaultsText(request, hyper, found),
      'Taken by default, since nothing says otherwise on the command line: beta1 0.9, beta2 0.999, eps 1e-8, weight_decay 0. train.py, line 3, sets otherwise: the optimizer adamw, beta2 0.95 (base.yaml:1), weight_decay 0.1. --script train.py takes them from there.',
    );
    assert.match(defaultsText({ ...request, hyper: {} }, hyper, found), /lr to a value not known from the text/);
    assert.equal(defaultsText({ ...request, hyper }, hyper, found), '');
    assert.doesNotMatch(defaultsText(request, hyper, undefined), /script/);
  });

  test('comes from the script that belongs to the model, and from none where that is not clear', async () => {
    assert.equal((await scriptBeside('vision/model.onnx'))?.path, 'vision/train.py');
    assert.equal(await scriptBeside('other.onnx'), undefined);
    writeFileSync(
      '.optimizer-bias.json',
      JSON.stringify({ inspections: [{ model: 'other.onnx', source: 'train.py' }] }),
    );
    assert.equal((await scriptBeside('other.onnx'))?.path, 'train.py');
    writeFileSync('.optimizer-bias.json', '{');
    assert.equal(await scriptBeside('other.onnx'), undefined);
  });

  test('comes from the script that is named; what it leaves open is marked', async () => {
    const named = await scriptNamed('train.py');
    const given = ofScript({ values: new Map([['lr', 0.1]]), positionals: [] }, named);
    assert.equal(given.values.get('optimizer'), 'adamw');
    const taken = withScript({ ...request, optimizer: 'adamw', hyper: {} }, named);
    assert.deepEqual(taken.hyper, {
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      eps_placement: 'outside',
      weight_decay: 0.1,
      amsgrad: false,
    });
    assert.deepEqual({ ...taken.origins, lr: 'assumed', beta2: 'base.yaml:1', eps: 'default' }, taken.origins);
    assert.equal(withScript({ ...request, optimizer: 'adamw' }, named).hyper.lr, 0.1);
    assert.throws(() => ofScript({ values: new Map([['optimizer', 'sgd']]), positionals: [] }, named), /has adamw, but --optimizer is sgd/); // biome-ignore format: one line
    await assert.rejects(scriptNamed('two.py'), /"two\.py" has 2 optimizers: line 2: adam, line 3: sgd/);
    await assert.rejects(scriptNamed('base.yaml'), /has no optimizer that can be inspected/);
  });
});
