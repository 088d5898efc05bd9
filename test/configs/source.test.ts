import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineMap } from '../../extension/configs/source.ts';

test('lines end at \\n, \\r\\n and \\r', () => {
  const map = new LineMap('ab\ncd\r\ne\rf');
  assert.equal(map.lineCount, 4);
  const positions = [0, 2, 3, 5, 7, 9, 99, -1].map((offset) => map.position(offset));
  const expected = [
    [0, 0],
    [0, 2],
    [1, 0],
    [1, 2],
    [2, 0],
    [3, 0],
    [3, 1],
    [0, 0],
  ];
  assert.deepEqual(
    positions,
    expected.map(([line, column]) => ({ line, column })),
  );
});

test('offset and position are inverse', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r', '😀') });
  fc.assert(
    fc.property(text, fc.nat(), (source, seed) => {
      const map = new LineMap(source);
      const offset = seed % (source.length + 1);
      const { line, column } = map.position(offset);
      assert.equal(map.offset(line, column), offset);
    }),
  );
  const map = new LineMap('ab\ncd');
  assert.deepEqual([map.offset(-1, 5), map.offset(9, 0), map.offset(1, 99)], [0, 5, 5]);
});
