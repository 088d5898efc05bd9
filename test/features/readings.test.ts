import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readings } from '../../extension/features/reading/readings.ts';
import { writeExperiment } from '../../extension/jobs/store.ts';
import type { Chart, ExperimentHeader } from '../../extension/shared/experiments.ts';

test('the curves of a result reach its page with as many points in all as a message carries, ends included', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'readings-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const x = Array.from({ length: 3001 }, (_, i) => i);
  const series = Array.from({ length: 60 }, (_, k) => ({ label: `run ${k}`, x, y: x.map((each) => each + k) }));
  const axis = { label: 'step' };
  const chart = (id: string, count: number): Chart => ({
    id,
    title: id,
    x: axis,
    y: axis,
    series: series.slice(0, count),
  });
  const header = (charts: Chart[]): ExperimentHeader => ({
    ...{ format: 1, status: 'finished', started: '2026-11-29T00:00:00Z', process: 0, tool: '', name: 'made' },
    ...{ title: 'Made', figure: '', parameters: {} },
    result: { sentence: '', agreement: 'measured', numbers: {}, tables: [], notes: [], charts },
  });
  const shownOf = (charts: Chart[]) => {
    writeExperiment(folder, header(charts));
    return readings.result(folder).header.result!.charts.flatMap((each) => each.series);
  };
  const many = shownOf([chart('a', 60), chart('b', 60)]);
  const points = many.reduce((sum, each) => sum + each.x.length, 0);
  assert.ok(points > 10_000 && points <= 20_000 + many.length, `${points}`);
  for (const each of many) assert.deepEqual([each.x[0], each.x.at(-1), each.x.length], [0, 3000, each.y.length]);
  assert.equal(shownOf([chart('a', 2)])[0].x.length, 3001);
});
