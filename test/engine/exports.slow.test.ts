import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readNpz } from '../../extension/datasets/npz.ts';
import type { Tensor } from '../../extension/onnx/tensor.ts';
import { readRun } from '../../extension/runStore/store.ts';
import { cli, exports } from '../support/paths.ts';

/** Files of real exporters, without an option that would help, against float64 numbers of TensorFlow and PyTorch. */

const scratch = mkdtempSync(join(tmpdir(), 'exports-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function relativeError(
  kind: string,
  expected: ReadonlyMap<string, Tensor>,
  found: ReadonlyMap<string, Tensor>,
): number {
  let [error, size] = [0, 0];
  for (const [name, { data }] of expected) {
    if (!name.startsWith(`${kind}/`)) continue;
    const own = found.get(`initial/${name}`)!.data;
    for (let i = 0; i < data.length; i++) {
      error += (Number(own[i]) - Number(data[i])) ** 2;
      size += Number(data[i]) ** 2;
    }
  }
  return Math.sqrt(error / size);
}

describe('models as exporters write them', () => {
  for (const name of readdirSync(exports, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  ))
    it(name, async () => {
      const at = (file: string) => join(exports, name, file);
      const out = join(scratch, name);
      const options = ['--dtype', 'float64', '--eps', '1e-6', '--eps-placement', 'inside', '--steps', '0', '--arrays'];
      execFileSync(
        process.execPath,
        [cli, 'inspect', '--model', at('model.onnx'), '--data', at('data.npz'), '--out', out, ...options],
        { stdio: ['ignore', 'ignore', 'inherit'] },
      );
      const expected = await readNpz(at('expected.npz'));
      const found = await readNpz(join(out, 'arrays.npz'));
      const parameters = (kind: string, from: ReadonlyMap<string, Tensor>) =>
        [...from.keys()].filter((key) => key.startsWith(kind)).map((key) => key.slice(kind.length));
      assert.deepEqual(
        parameters('initial/gradient/', found).sort(),
        parameters('gradient/', expected).sort(),
        'what is trained',
      );
      const loss = Number(expected.get('loss')!.data[0]);
      // Constants of the models, such as the ε of a normalisation, are rounded to float32.
      assert.ok(Math.abs(readRun(out).steps[0].loss! / loss - 1) < 1e-8);
      assert.ok(relativeError('gradient', expected, found) < 1e-7);
      assert.ok(relativeError('normGradient', expected, found) < 1e-7);
    });
});
