import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { applyWeights, readWeights } from '../../extension/engine/weights.ts';
import { decodeModel } from '../../extension/onnx/read.ts';
import { type Tensor, tensorOf } from '../../extension/onnx/tensor.ts';
import { describeError, InspectorError } from '../../extension/shared/errors.ts';
import { f64, npy, npyHeader, safetensors, useTemporaryFolder, zip } from '../datasets/files.ts';
import { DataType, float, linear, node } from '../onnx/files.ts';
import { messageOf } from '../support/errors.ts';

useTemporaryFolder();

const model = () =>
  decodeModel(
    linear({
      initializer: [
        float('w', [2, 1], [1, 2]),
        float('onnx::MatMul_3', [2, 3], [1, 2, 3, 4, 5, 6]),
        { name: 'd', dims: [1n], dataType: DataType.DOUBLE, doubleData: [5] },
        { name: 'h', dims: [1n], dataType: DataType.FLOAT16, int32Data: [0x3c00] },
        { name: 'n', dims: [1n], dataType: DataType.INT64, int64Data: [7n] },
        { name: 's', dims: [1n], dataType: DataType.STRING },
      ],
    }),
    'm.onnx',
  );
const apply = (tensors: Record<string, Tensor>) => applyWeights(model(), new Map(Object.entries(tensors)));

describe('weights of a checkpoint', () => {
  it('replace values by name, in the type of the model', () => {
    const { model: changed, notes } = apply({
      w: tensorOf('float64', [2, 1], [0.1, -3]),
      d: tensorOf('float32', [1], [0.5]),
      h: tensorOf('float16', [1], [0x4000]),
      n: tensorOf('int64', [1], [9]),
    });
    const read = (name: string) => changed.graph.initializers.get(name)!.read();
    assert.deepEqual(read('w'), tensorOf('float32', [2, 1], [Math.fround(0.1), -3]));
    assert.deepEqual(read('d'), tensorOf('float64', [1], [0.5]));
    assert.deepEqual(read('h'), tensorOf('float32', [1], [2]));
    assert.deepEqual(read('n'), tensorOf('int64', [1], [9]));
    assert.deepEqual(Array.from(read('onnx::MatMul_3').data, Number), [1, 2, 3, 4, 5, 6]);
    assert.equal(changed.graph.initializers.get('h')!.type, 'float32');
    assert.deepEqual(notes, [
      '4 initializers have their values from the checkpoint.',
      'Not in the checkpoint, and so as in the model: "onnx::MatMul_3".',
    ]);
    assert.equal(changed.graph.nodes.length, 1);
  });

  it('may cover a part, and hold more than the model', () => {
    assert.deepEqual(apply({ w: tensorOf('float32', [2, 1], [3, 4]), step: tensorOf('int64', [], [1]) }).notes, [
      '1 initializer has its values from the checkpoint.',
      'Not in the checkpoint, and so as in the model: "onnx::MatMul_3", "d", "h".',
      'Only in the checkpoint, and so unused: "step".',
    ]);
  });

  it('every mismatch in one message; a transposed weight is not guessed', () => {
    assert.equal(
      messageOf(() =>
        apply({
          w: tensorOf('float32', [2], [3, 4]),
          'onnx::MatMul_3': tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]),
          d: tensorOf('int64', [1], [1]),
          n: tensorOf('int32', [1], [1]),
          s: tensorOf('int8', [1], [1]),
          h: tensorOf('float32', [1], [1]),
        }),
      ),
      [
        '5 of 6 tensors of the checkpoint do not fit the model:',
        '  "w": the model has shape [2, 1], the checkpoint [2]',
        '  "onnx::MatMul_3": the model has shape [2, 3], the checkpoint [3, 2]',
        '  "d": the model has the type float64, the checkpoint int64',
        '  "n": the model has the type int64, the checkpoint int32',
        '  "s": the model has the type string, which is not supported',
        'Take the checkpoint and the model from the same network; a transposed weight must be transposed in the file.',
      ].join('\n'),
    );
  });

  it('nothing in common, with the names of both sides', () => {
    assert.equal(
      messageOf(() =>
        apply({ 'module.v': tensorOf('float32', [2, 1], [3, 4]), __proto__x: tensorOf('int8', [], [1]) }),
      ),
      'No tensor of the checkpoint has the name of an initializer. The checkpoint has "module.v", "__proto__x"; the model has "w", "onnx::MatMul_3", "d", "h", "n", "s".\nRename the tensors, or export the model so that its names survive: torch.onnx.export(model, args, "model.onnx", dynamo=True, optimize=False, external_data=False).',
    );
    assert.match(
      messageOf(() => apply({})),
      /The checkpoint has none; the model has "w"/,
    );
  });
});

describe('names that differ', () => {
  const two = (more: Parameters<typeof linear>[0] = {}) =>
    decodeModel(
      linear({
        node: [node('MatMul(x, net.a.weight) -> h'), node('MatMul(h, net.b.weight) -> y')],
        initializer: [float('net.a.weight', [2, 3], [1, 2, 3, 4, 5, 6]), float('net.b.weight', [3, 1], [1, 2, 3])],
        ...more,
      }),
      'm.onnx',
    );
  const a = tensorOf('float32', [2, 3], [6, 5, 4, 3, 2, 1]);
  const b = tensorOf('float32', [3, 1], [3, 2, 1]);
  const taken = (names: Record<string, Tensor>) => {
    const { model: changed, notes } = applyWeights(two(), new Map(Object.entries(names)));
    assert.deepEqual(changed.graph.initializers.get('net.a.weight')!.read(), a);
    assert.deepEqual(changed.graph.initializers.get('net.b.weight')!.read(), b);
    assert.equal(notes[0], '2 initializers have their values from the checkpoint.');
    return notes.slice(1);
  };

  for (const wrapper of ['module.', 'model.', 'state.module.'])
    it(`by ${wrapper} before them`, () =>
      assert.deepEqual(taken({ [`${wrapper}net.a.weight`]: a, [`${wrapper}net.b.weight`]: b }), [
        `"${wrapper}" was taken off the names of the checkpoint.`,
      ]));

  it('by what torch.compile puts among them', () =>
    assert.deepEqual(taken({ 'module.net._orig_mod.a.weight': a, 'module.net.b._orig_mod.weight': b }), [
      '"_orig_mod.", "module." was taken off the names of the checkpoint.',
    ]));

  it('by a wrapper around the model that was exported, and by one on each side', () => {
    assert.deepEqual(taken({ 'a.weight': a, 'b.weight': b }), ['"net." was put before the names of the checkpoint.']);
    assert.deepEqual(taken({ 'model.a.weight': a, 'model.b.weight': b }), [
      '"model." was taken off the names of the checkpoint, and "net." was put before them.',
    ]);
  });

  it('not where two parts of the checkpoint would do', () =>
    assert.equal(
      messageOf(() =>
        applyWeights(
          two(),
          new Map([
            ['student.net.a.weight', a],
            ['teacher.net.a.weight', a],
          ]),
        ),
      ),
      'Several parts of the checkpoint have the names of the model: "student.", "teacher.".\nSave the tensors of one of them alone.',
    ));

  it('as the exporter renamed and transposed them', () => {
    const exported = two({
      node: [node('MatMul(x, onnx::MatMul_7) -> h', { name: '/net/a/MatMul' }), node('MatMul(h, net.b.weight) -> y')],
      initializer: [float('onnx::MatMul_7', [2, 3], [1, 2, 3, 4, 5, 6]), float('net.b.weight', [3, 1], [1, 2, 3])],
    });
    const weight = tensorOf('float32', [3, 2], [6, 3, 5, 2, 4, 1]);
    const { model: changed, notes } = applyWeights(
      exported,
      new Map([
        ['net.a.weight', weight],
        ['net.b.weight', b],
      ]),
    );
    assert.deepEqual(changed.graph.initializers.get('onnx::MatMul_7')!.read(), a);
    assert.deepEqual(notes, [
      '2 initializers have their values from the checkpoint.',
      'The exporter renamed "onnx::MatMul_7" from "net.a.weight" (transposed).',
    ]);
  });
});

describe('files of weights', () => {
  it('npz and safetensors', async () => {
    writeFileSync('w.npz', zip([{ name: 'w.npy', data: npy(npyHeader('<f8', [2, 1]), f64(3, 4)) }]));
    writeFileSync(
      'w.safetensors',
      safetensors({ w: { dtype: 'F64', shape: [2, 1], data_offsets: [0, 16] } }, f64(3, 4)),
    );
    for (const path of ['w.npz', 'w.safetensors'])
      assert.deepEqual(await readWeights(path), new Map([['w', tensorOf('float64', [2, 1], [3, 4])]]));
  });

  it('others are refused', async () => {
    const error = await readWeights('w.pt').catch((reason: unknown) => reason);
    assert.ok(error instanceof InspectorError);
    assert.equal(
      describeError(error),
      '"w.pt": weights are read from .safetensors and .npz files.\nSave them with safetensors.torch.save_file(model.state_dict(), "weights.safetensors"); pickles (.pt, .pth, .bin) are never loaded because a pickle can run any code.',
    );
  });
});
