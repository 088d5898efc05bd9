import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abbreviate, tensorLabel, tensorLabels } from '../../extension/shared/format.ts';

test('long names shrink from the front; numbers and the last part stay', () => {
  assert.equal(abbreviate('0.weight', 24), '0.weight');
  assert.equal(abbreviate('encoder.layers.0.linear1.bias', 24), 'e.l.0.linear1.bias');
  assert.equal(abbreviate('encoder.layers.0.linear1.weight', 24), 'e.l.0.linear1.weight');
  assert.equal(abbreviate('encoder.layers.11.self_attn.in_proj_weight', 24), 'e.l.11.s.in_proj_weight');
  assert.equal(abbreviate('layer1.0.downsample.0.weight', 24), 'l1.0.d.0.weight');
  assert.equal(abbreviate('model/dense_12/attention_output/kernel', 24), 'm/d12/a/kernel');
  assert.equal(abbreviate('a_single_part_that_is_much_too_long', 10), 'a_single_part_that_is_much_too_long');
});

test('tensors of one model are told apart by their labels', () => {
  const names = Array.from(
    { length: 200 },
    (_, i) => `encoder_blocks_with_a_long_name.${i}.self_attention_output_projection.weight`,
  );
  for (const limit of [40, 48, 60]) assert.equal(new Set(names.map((name) => tensorLabel(name, limit))).size, 200);
});

test('names that stand beside each other are abbreviated alike', () => {
  const names = ['blocks.0.attn.proj.weight', 'blocks.0.attn.proj.bias', 'blocks.0.ln1.bias', 'head.weight'];
  assert.deepEqual(names.map(tensorLabels(names, 24)), ['b.0.a.proj.weight', 'b.0.a.proj.bias', 'b.0.ln1.bias', 'head.weight']); // biome-ignore format: one line
  assert.deepEqual(names.map(tensorLabels(names, 25)), names);
  const alike = [
    'block.0.dense.wi.weight',
    'block.0.dense.wo.weight',
    'block.0.attention.relative_attention_bias.weight',
  ];
  assert.equal(new Set(alike.map(tensorLabels(alike, 24))).size, 3);
});
