import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { decodeModel, readModel } from '../../extension/onnx/read.ts';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';
import { useTemporaryFolder } from '../datasets/files.ts';
import { badGraphs } from './badGraphs.ts';
import { badModels } from './badModels.ts';
import { float, info, linear, node, record } from './files.ts';

useTemporaryFolder();

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof InspectorError, `${error instanceof Error ? error.stack : error}`);
    return describeError(error);
  }
  assert.fail('was read');
}

describe('bad model files', () => {
  for (const [name, bytes, message] of [...badModels, ...badGraphs]) {
    it(name, () => {
      assert.equal(
        messageOf(() => decodeModel(bytes, 'm.onnx')),
        `"m.onnx"${message}`,
      );
    });
  }
});

describe('paths that are no model files', () => {
  const messageOfPath = async (path: string): Promise<string> => {
    const error = await readModel(path).then(
      () => assert.fail('was read'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof InspectorError, `${error}`);
    return describeError(error);
  };

  it('missing', async () => {
    assert.equal(await messageOfPath('none.onnx'), '"none.onnx": no such file.\nCheck the path of the model.');
    assert.equal(
      await messageOfPath('a\0b.onnx'),
      '"a\\u0000b.onnx": this is no valid path.\nCheck the path of the model.',
    );
  });

  it('directory, pipe, device, file below a file', async () => {
    mkdirSync('folder.onnx');
    execFileSync('mkfifo', ['pipe.onnx']);
    writeFileSync('file', '');
    const remedy = 'Give the path of an ONNX model.';
    assert.equal(await messageOfPath('folder.onnx'), `"folder.onnx": is a directory, not a file.\n${remedy}`);
    assert.equal(await messageOfPath('pipe.onnx'), `"pipe.onnx": is a pipe, not a file.\n${remedy}`);
    assert.equal(await messageOfPath('/dev/zero'), `"/dev/zero": is a device, not a file.\n${remedy}`);
    assert.equal(await messageOfPath('file/m.onnx'), '"file/m.onnx": no such file.\nCheck the path of the model.');
  });

  it('file above 2 GiB', async () => {
    writeFileSync('large.onnx', '');
    truncateSync('large.onnx', 2 ** 31);
    assert.equal(
      await messageOfPath('large.onnx'),
      '"large.onnx": is too large: it has 2147483648 bytes, at most 2147483647 are read.\nSave the model with its weights as external data (onnx.save(..., save_as_external_data=True)).',
    );
  });

  it('links in a circle', async () => {
    symlinkSync('circle.onnx', 'circle.onnx');
    assert.equal(
      await messageOfPath('circle.onnx'),
      '"circle.onnx": too many symbolic links.\nCheck the path of the model.',
    );
  });
});

describe('bounded work', () => {
  it('refuses messages and numbers that would not fit the memory, before it decodes them', { timeout: 60_000 }, () => {
    // Two bytes in the file, an object of hundreds of bytes in memory; one byte in the file, a bigint in memory.
    const nodes = record(7, Buffer.alloc(2e7, Buffer.from([0x0a, 0])));
    const integers = record(7, record(5, record(7, Buffer.alloc(1.5e8, 1))));
    for (const bytes of [nodes, integers]) {
      assert.match(
        messageOf(() => decodeModel(bytes, 'm.onnx')),
        /^"m.onnx": decoding it would take more than the [\d.]+ GiB of memory that are set aside for this\.\nStore tensors as raw data/,
      );
    }
  });

  it('decodes 100 MB of weights without a copy', (t) => {
    const bytes = linear({
      initializer: [{ ...float('w', [2, 1], [1, 2]), dims: [25_000_000n], rawData: new Uint8Array(1e8) }],
    });
    const start = performance.now();
    const model = decodeModel(bytes, 'm.onnx');
    t.diagnostic(`100 MB: ${(performance.now() - start).toFixed(0)} ms`);
    assert.equal(model.graph.initializers.get('w')!.read().data.length, 25_000_000);
  });

  it('sorts 200,000 nodes that come in reverse order', () => {
    const count = 200_000;
    const nodes = Array.from({ length: count }, (_, i) => node(`Relu(${i === 0 ? 'x' : `v${i}`}) -> v${i + 1}`));
    const model = decodeModel(linear({ node: nodes.reverse(), output: [info(`v${count}`, [])] }), 'm.onnx');
    assert.equal(model.graph.nodes.length, count);
  });
});
