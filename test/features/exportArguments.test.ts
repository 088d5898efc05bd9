import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { argumentsFor, scriptsFor, trainsAt } from '../../extension/features/export/arguments.ts';

const main = "if __name__ == '__main__':\n    main()\n";
const at = (path: string, text: string) => ({ path: `/w/${path}`, text });

describe('the command line of a script that reads a configuration file', () => {
  const cases: readonly [string, string, string, readonly string[] | undefined][] = [
    ['Lightning', 'main.py', 'LightningCLI(Model, Data)', ['fit', '--config', 'configs/fit.yaml']],
    ['a subclass of its, in a folder', 'src/main.py', 'class MyCLI(LightningCLI):', ['fit', '--config', '../configs/fit.yaml']],
    ['the Trainer', 'train.py', 'parser.parse_yaml_file(sys.argv[1])', ['configs/fit.yaml']],
    ['Hydra, another file than its own', 'train.py', '@hydra.main(config_path="configs", config_name="base")', ['--config-name', 'fit']],
    ['Hydra, its own file', 'train.py', '@hydra.main(config_path="configs", config_name="fit.yaml")', []],
    ['argparse', 'tools/train.py', 'p.add_argument("-c", "--config-file", default="x")', ['--config-file', '../configs/fit.yaml']],
    ['argparse, by position', 'train.py', "p.add_argument('config')", ['configs/fit.yaml']],
    ['click', 'train.py', '@click.option("--cfg")', ['--cfg', 'configs/fit.yaml']],
    ['a name in the text', 'train.py', 'yaml.safe_load(open("configs/fit.yaml"))', []],
    ['none', 'train.py', 'p.add_argument("--lr")', undefined],
  ]; // biome-ignore format: a table
  for (const [name, path, text, due] of cases)
    it(`of ${name}`, () => assert.deepEqual(argumentsFor(at(path, text), '/w/configs/fit.yaml'), due));

  it('belongs to the script that names the file, runs as a program and lies near', () => {
    const scripts = [
      at('other/tool.py', `p.add_argument("--config")\n${main}`),
      at('lib.py', 'def cli(): LightningCLI()'),
      at('main.py', `LightningCLI()\n${main}`),
      at('named.py', `load("fit.yaml")\n${main}`),
      at('unrelated.py', main),
    ];
    assert.deepEqual(
      scriptsFor(scripts, '/w/configs/fit.yaml').map(({ path }) => path),
      ['/w/named.py', '/w/main.py', '/w/other/tool.py', '/w/lib.py'],
    );
  });
});

describe('where a script trains that names no optimizer', () => {
  const cases: readonly (readonly [name: string, text: string, due: string | undefined])[] = [
    ['the Trainer of transformers', 'import x\n    trainer = Trainer(model=model)\n', 'trainer = Trainer('],
    ['a Trainer of another kind', 'trainer = SFTTrainer(model)', 'trainer = SFTTrainer('],
    ['a command line of Lightning', 'if main:\n    LightningCLI(Net)\n', 'LightningCLI('],
    ['a class of its own', 'class MyTrainer(Trainer):\n    pass\n', undefined],
    ['a comment', '# Trainer(model)\n', undefined],
    ['none', 'import torch\n', undefined],
  ];
  for (const [name, text, due] of cases)
    it(`of ${name}`, () => {
      const at = trainsAt(text);
      assert.equal(at === undefined ? undefined : text.slice(at).startsWith(due ?? '?') ? due : text.slice(at), due);
    });
});
