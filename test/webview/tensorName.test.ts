import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abbreviate } from '../../webview/tensorName.ts';

test('long names shrink from the front; numbers and the last part stay', () => {
  assert.equal(abbreviate('0.weight', 24), '0.weight');
  assert.equal(abbreviate('encoder.layers.0.linear1.bias', 24), 'e.l.0.linear1.bias');
  assert.equal(abbreviate('encoder.layers.0.linear1.weight', 24), 'e.l.0.linear1.weight');
  assert.equal(abbreviate('encoder.layers.11.self_attn.in_proj_weight', 24), 'e.l.11.s.in_proj_weight');
  assert.equal(abbreviate('a_single_part_that_is_much_too_long', 10), 'a_single_part_that_is_much_too_long');
});
