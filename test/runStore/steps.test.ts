import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readHeldSteps, readSteps } from '../../extension/runStore/steps.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';
import { grown, hasTensors, lastCorrected, tensorsEveryOf } from '../../extension/shared/steps.ts';

const folder = mkdtempSync(join(tmpdir(), 'steps-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'steps.jsonl');
const line = (step: number) => ({ step, loss: 1 / (step + 1), tensors: {} });
const write = (count: number) =>
  writeFileSync(path, Array.from({ length: count }, (_, step) => `${JSON.stringify(line(step))}\n`).join(''));
const headerOf = (steps: number) =>
  ({ request: { steps, every: 1 }, tensors: Array(60).fill({}) }) as unknown as RunHeader;

describe('steps on disk', () => {
  it('come back one after the other; a line that a crash cut off is left out', () => {
    write(3);
    appendFileSync(path, '{"step":3,"loss":');
    assert.deepEqual(Array.from(readSteps(folder)), [line(0), line(1), line(2)]);
  });

  it('none where there is no file', () => {
    rmSync(path);
    assert.deepEqual(Array.from(readSteps(folder)), []);
  });

  it('of a long run an even part is held, the same as live', () => {
    const count = 20_000;
    write(count);
    const header = headerOf(count);
    const held = readHeldSteps(folder, header);
    assert.ok(held.length > 100 && held.length < count / 2, `${held.length} steps are held`);
    let live: readonly { step: number }[] = [];
    for (let step = 0; step < count; step++) live = grown(header, live as never, [line(step) as never]);
    assert.deepEqual(
      held.map(({ step }) => step),
      live.map(({ step }) => step),
    );
  });

  it('of a long run whose lines have values of tensors now and then, those that have them are held evenly', () => {
    const count = 20_000;
    const apart = 48;
    const header = {
      ...headerOf(count),
      request: { steps: count, every: 3, tensorsEvery: apart },
    } as never as RunHeader;
    const at = (step: number) => ({
      step,
      loss: 1,
      ...(step % 3 === 0 && { kappa: 1 }),
      tensors: step % apart === 0 ? { w: { kappa: step } } : {},
    });
    const lines = Array.from({ length: count }, (_, step) => at(step));
    writeFileSync(path, lines.map((each) => `${JSON.stringify(each)}\n`).join(''));
    const held = readHeldSteps(folder, header);
    const whole = held.filter(hasTensors).map(({ step }) => step);
    assert.ok(whole.length > 100, `${whole.length} of ${held.length} lines`);
    const gaps = new Set(whole.slice(1, -1).map((step, i) => step - whole[i]!));
    assert.equal(gaps.size, 1, `apart by ${[...gaps]}`);
    assert.equal(lastCorrected(held)?.step, apart * Math.floor((count - 1) / apart));
    let live: readonly StepLine[] = [];
    for (const each of lines) live = grown(header, live, [each as never]);
    assert.deepEqual(held.map(({ step }) => step), live.map(({ step }) => step)); // biome-ignore format: one line
  });

  it('of few tensors every line has their values, of many about a hundred lines', () => {
    assert.equal(tensorsEveryOf(64, { steps: 1e6 }), 1);
    // Each with the steps apart at which lines are written that have a correction.
    const rows = [
      { steps: 100, every: 1, unit: 1 },
      { steps: 10_000, every: 1, unit: 1 },
      { steps: 12_345, every: 7, unit: 7 },
      { steps: 10_000, every: 4, recordEvery: 10, unit: 20 },
    ];
    for (const { unit, ...asked } of rows) {
      const apart = tensorsEveryOf(65, asked);
      const lines = asked.steps / apart;
      assert.ok(apart % unit === 0 && lines <= 128 && (lines > 64 || apart === unit), `every ${apart}`);
    }
  });

  it('a file that is longer than any string, most of it a hole, is read', () => {
    write(2);
    truncateSync(path, 2 ** 29 + 2 ** 20);
    appendFileSync(path, `\n${JSON.stringify(line(2))}\n`);
    assert.deepEqual(
      readHeldSteps(folder, headerOf(3)).map(({ step }) => step),
      [0, 1, 2],
    );
  });
});
