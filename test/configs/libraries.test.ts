import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeLensText, optimizerTitle } from '../../extension/advice/hover.ts';
import { scanText } from '../../extension/advice/scan.ts';
import { ownDefaults } from '../../extension/configs/defaults.ts';
import { LIBRARIES } from '../../extension/configs/libraries/index.ts';
import {
  huggingFaceOptimizer,
  kerasClass,
  optimizerNamed,
  otherOptimizer,
  otherTitle,
} from '../../extension/configs/names.ts';
import { parseSignature } from '../../extension/configs/signature.ts';
import { optimizers } from '../../extension/optimizers/registry.ts';

const rows = LIBRARIES.flatMap((library) =>
  library.rows.flatMap(([names, optimizer, signature, extra]) =>
    names.split(' ').map((name) => ({ library, name, optimizer, signature, extra })),
  ),
);

/** Whose tensors a library's optimizers work on. */
const familyOf = (framework: string) => (framework === 'keras' || framework === 'optax' ? framework : 'pytorch');

test('every optimizer is found in each framework that has defaults for it, and by its own name', () => {
  for (const optimizer of optimizers) {
    for (const framework of ['pytorch', 'keras', 'optax'] as const)
      if (optimizer.defaults(framework))
        assert.ok(
          rows.some((row) => row.optimizer === optimizer.name && familyOf(row.library.framework) === framework),
          `no row of a library of ${framework} has ${optimizer.name}`,
        );
    const text = `optimizer:\n  type: ${optimizer.title}\n  lr: 0.125\n`;
    const [found] = scanText({ path: 'config.yaml', language: 'yaml', text });
    assert.equal(found?.config.optimizer, optimizer.name, `type: ${optimizer.title}`);
  }
});

test('every row of every library is reached by a scan', () => {
  for (const { library, name, optimizer, extra } of rows) {
    const where = `${library.example}.${name}`;
    assert.match(library.example, library.modules, where);
    if (library.example === 'deepspeed.json') {
      const text = JSON.stringify({ optimizer: { type: name, params: { lr: 0.125 } } });
      const [found] = scanText({ path: 'ds.json', language: 'json', text });
      assert.equal(found?.config.optimizer, optimizer, where);
      assert.equal(found.config.hyperparameters.get('lr')?.value, 0.125, where);
    } else if (library.framework === 'detectron2') {
      const text = `import detectron2.config\ncfg = detectron2.config.get_cfg()\ncfg.SOLVER.BASE_LR = 0.125\n`;
      const [found] = scanText({ path: 'a.py', language: 'python', text });
      assert.equal(found?.config.hyperparameters.get('lr')?.value, 0.125, where);
    } else {
      const by = extra?.namedBy === undefined || library.framework === 'huggingface' ? '' : `, ${extra.namedBy}="sgd"`;
      const text = `import ${library.example}\nx = ${where}(p${by})\n`;
      const found = scanText({ path: 'a.py', language: 'python', text });
      assert.deepEqual(
        found.map(({ config }) => [config.optimizer, config.framework])[0],
        [optimizer, library.framework],
        where,
      );
    }
  }
});

test('what a signature says is what a scan says where nothing is given', () => {
  for (const { library, name, extra } of rows) {
    if (library.example === 'deepspeed.json' || library.framework === 'detectron2' || extra?.namedBy) continue;
    const text = `import ${library.example}\n${library.example}.${name}()\n`;
    const [found] = scanText({ path: 'a.py', language: 'python', text });
    for (const [key, { from }] of found.config.hyperparameters)
      assert.ok(from === 'default' || from === 'unknown', `${name} ${key} ${from}`);
  }
});

test('a signature states only what is not the optimizer’s own default', () => {
  let own = 0;
  for (const { library, name, optimizer, signature, extra } of rows) {
    const defaults = ownDefaults(optimizer, library.framework);
    const written = parseSignature(signature, extra?.rename);
    for (const [i, { sets, defaults: values }] of parseSignature(signature, extra?.rename, defaults).entries()) {
      const where = `${library.example}.${name} ${sets}`;
      if (written[i].defaults === undefined) {
        if (values) own++;
        assert.ok(!values?.includes(undefined as never), where);
        // Where no framework that the library follows has the optimizer, a learning rate may be its own by chance.
      } else if (sets.length > 0 && sets[0] !== 'lr')
        assert.notDeepEqual(
          values,
          sets.map((each) => defaults?.[each]),
          where,
        );
    }
    assert.ok(!signature.includes('~') || defaults, name);
  }
  assert.ok(own > 150, String(own));
});

test('names in texts: other optimizers have a title and no prediction', () => {
  for (const [name, optimizer, title] of [
    ['Prodigy', 'prodigy', 'Prodigy'],
    ['ademamix', 'ademamix', 'AdEMAMix'],
    ['SophiaG', 'sophia', 'Sophia'],
    ['AdamWScheduleFree', 'schedulefree', 'ScheduleFree'],
    ['GaLoreAdamW8bit', 'galore', 'GaLore'],
    ['soap', 'soap', 'SOAP'],
    ['Adan', 'adan', 'Adan'],
    ['DistributedShampoo', 'shampoo', 'Shampoo'],
    ['MuonWithAuxAdam', 'muon', 'Muon'],
    ['lookahead_radam', 'lookahead', 'Lookahead'],
  ]) {
    assert.equal(optimizerNamed(name), optimizer, name);
    assert.equal(optimizerTitle(optimizer), title, name);
  }
  const text = 'optimizer: prodigy\nlr: 1.0\n';
  const [{ config }] = scanText({ path: 'c.yaml', language: 'yaml', text });
  assert.equal(codeLensText(config), 'Prodigy: no prediction without a run');
});

test('variants are their originals', () => {
  for (const [name, optimizer] of [
    ['fused_adam', 'adamw'],
    ['AdamW8bit', 'adamw'],
    ['paged_adamw_32bit', 'adamw'],
    ['AdamWFp8', 'adamw'],
    ['Lion8bit', 'lion'],
    ['distributed_fused_adam', 'adamw'],
  ])
    assert.equal(optimizerNamed(name), optimizer, name);
  assert.equal(huggingFaceOptimizer('galore_adamw'), undefined);
  assert.equal(kerasClass('adamax'), 'Adamax');
  assert.equal(kerasClass('Custom>Adam'), 'Adam');
  assert.equal(otherOptimizer('Adam'), undefined);
});

test('no optimizer with a theory is among those for which nothing is predicted', () => {
  for (const { name } of optimizers) assert.equal(otherTitle(name), undefined, name);
  assert.equal(otherOptimizer('Signum'), 'signum');
  const text = 'from somewhere import Signum\nopt = Signum(model.parameters(), lr=1e-4, momentum=0.8)\n';
  const [{ config }] = scanText({ path: 'a.py', language: 'python', text });
  assert.equal(config.optimizer, 'signum');
});
