import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { data } from './data.ts';
import { onnx } from './onnx.ts';
import { runs } from './runs.ts';
import { findingOf, Random, type Target } from './target.ts';
import { text } from './text.ts';

/** What `target` makes of an input that deserves a report. */
async function findingIn(target: Target, bytes: Uint8Array, thoroughly = false): Promise<string | undefined> {
  try {
    await target.run(bytes, thoroughly);
    return undefined;
  } catch (error) {
    return findingOf(error);
  }
}

for (const [group, target] of Object.entries({ onnx, data, text, runs })) {
  describe(`fuzzing ${group}`, () => {
    const corpus = join('test', 'fuzz', 'corpus', group);
    for (const name of existsSync(corpus) ? readdirSync(corpus) : [])
      it(`what ${name} once found is mended`, async () => {
        assert.equal(await findingIn(target, readFileSync(join(corpus, name)), true), undefined);
      });

    it('its seeds, and some inputs made of them, are answered by a result or a message of ours', async () => {
      const step = Math.ceil(target.seeds.length / 100);
      for (const [i, seed] of target.seeds.entries()) {
        if (i % step > 0) continue;
        assert.equal(await findingIn(target, seed), undefined, `seed ${i}`);
        const made = target.make(new Random(`${group} ${i}`), seed);
        assert.equal(await findingIn(target, made), undefined, `made of seed ${i}`);
      }
    });

    it('an input is the same whenever it is made', () => {
      const make = () => target.make(new Random('again'), target.seeds[0]!);
      assert.deepEqual(make(), make());
    });
  });
}

it('messages of the language are findings, those of ours are not', () => {
  assert.match(findingOf(new TypeError("Cannot read properties of undefined (reading 'shape')"))!, /^TypeError/);
  assert.equal(findingOf(undefined), 'undefined');
});
