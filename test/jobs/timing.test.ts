import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EngineClient } from '../../extension/engine/client.ts';
import { millisecondsOf } from '../../extension/jobs/timing.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { root, sample } from '../support/paths.ts';

describe('the time of a step from when a run was seen to go on', () => {
  const rows: readonly (readonly [
    name: string,
    seen: readonly (readonly [step: number, at: number])[],
    expected: number,
  ])[] = [
    [
      'loading does not count',
      [
        [0, 0],
        [1, 500],
        [2, 512],
        [3, 522],
      ],
      10,
    ],
    [
      'several steps in a report',
      [
        [0, 0],
        [2, 300],
        [6, 340],
      ],
      10,
    ],
    [
      'one report has loading in it',
      [
        [0, 0],
        [4, 400],
      ],
      100,
    ],
  ];
  for (const [name, seen, expected] of rows)
    it(name, () => assert.equal(millisecondsOf(seen.map(([step, at]) => ({ step, at }))), expected));
});

it('a report says when its step was there, so that it does not matter when it is read', async () => {
  const client = new EngineClient(join(root, 'dist', 'engineProcess.js'));
  const folder = mkdtempSync(join(tmpdir(), 'timing-'));
  const at: number[] = [];
  const request: InspectRequest = {
    ...{ directory: sample, model: 'digits.onnx', data: 'digits.npz', optimizer: 'adam', framework: 'pytorch' },
    ...{ hyper: {}, steps: 4, every: 1, stage: 'step', device: 'cpu', freeze: [], trainable: [], arrays: false },
    out: join(folder, 'run'),
  };
  try {
    const begun = Date.now();
    await client.inspect({ ...request, reference: 'none', edgeEvery: 0 }, (event) => {
      if (event.type !== 'progress' || event.progress.phase !== 'running' || event.progress.step === 0) return;
      at.push(event.progress.at!);
      // This process is busy: what comes meanwhile is read at once.
      for (const until = Date.now() + 200; Date.now() < until; );
    });
    assert.ok(at.length > 1 && at[0]! > begun - 1000, String(at));
    for (const [i, time] of at.slice(1).entries()) assert.ok(time > at[i]! && time - at[i]! < 10_000);
  } finally {
    client.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
});
