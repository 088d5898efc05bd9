import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { writeNpzFile } from '../../extension/datasets/npz.ts';
import { tensorOf } from '../../extension/onnx/tensor.ts';
import { obeyed } from '../fuzz/target.ts';
import { float, info, linear } from '../onnx/files.ts';
import { cli } from '../support/paths.ts';

const scratch = mkdtempSync(join(tmpdir(), 'names-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

describe('names of a damaged file', () => {
  const evil = (word: string) => `${word}\u001b[31m\n\u202e`;
  const names = ['x', 'w', 'y', 'z', 'N'].map(evil);
  const [x, w, y, z, batch] = names;
  const operators: Readonly<Record<string, string>> = { known: 'Relu', unknown: evil('Relu') };
  const values = tensorOf('float32', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  before(async () => {
    for (const [file, opType] of Object.entries(operators))
      writeFileSync(
        join(scratch, `${file}.onnx`),
        linear(
          {
            name: evil('graph'),
            node: [
              { opType: 'MatMul', name: evil('product'), input: [x, w], output: [y] },
              { opType, name: evil('node'), domain: '', input: [y], output: [z] },
            ],
            initializer: [float(w, [2, 1], [1, 2])],
            input: [info(x, [batch, 2])],
            output: [info(z, [batch, 1])],
          },
          { producerName: evil('producer') },
        ),
      );
    const labels = tensorOf('float32', [4, 1], [1, 2, 3, 4]);
    await writeNpzFile(join(scratch, 'evil.npz'), new Map([['x', values], ['y', labels]])); // biome-ignore format: one list
  });

  for (const file of Object.keys(operators))
    for (const args of [
      ['model', `${file}.onnx`],
      ['inspect', '--model', `${file}.onnx`, '--data', 'evil.npz', '--steps', '2', '--out', `of-${file}`],
      ['inspect', '--model', `${file}.onnx`, '--data', 'evil.npz', '--dry-run'],
      ['graph', `${file}.onnx`, '--write', 'gradient', '-o', 'g.onnx'],
    ])
      it(`of an operator that is ${file}: ${args[0]} ${args.at(-1)} writes nothing that a terminal obeys`, () => {
        const { stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: scratch });
        assert.ok(stdout.length + stderr.length > 0 || args[0] === 'graph');
        assert.doesNotMatch(stdout + stderr, obeyed);
      });
});
