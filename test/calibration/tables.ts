// Prints the tables of THEORY.md, C7, from what is stored. Called by run.mjs.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decisiveSelfCheck } from '../../extension/shared/verdict.ts';
import { checkedAt, countsOf, rankCorrelation, readStored } from './stored.ts';

const candidates = ['turns', 'turnsWithinFirst', 'against', 'far', 'outsideTwo', 'ringing', 'ringingByBeta2', 'nuMedian', 'nuAbove1', 'relativeSize', 'sharpness', 'edge', 'zeta']; // biome-ignore format: one line
const [folder] = process.argv.slice(2);

for (const set of ['calibration', 'validation']) {
  const path = join(folder, `${set}.jsonl`);
  if (!existsSync(path)) continue;
  const stored = readStored(path);
  console.log(`\n${set}: ${stored.length} settings, ${stored.filter(({ failed }) => failed).length} failed`);
  for (const tensors of [false, true])
    for (const withEffect of [false, true]) {
      const { trueValid, falseValid, falseInvalid, trueInvalid } = countsOf(stored, {
        withEffect,
        tensors,
        factor: 1.5,
      });
      console.log(
        `  ${tensors ? 'tensors' : 'models '} ${withEffect ? 'self-check and effect' : 'self-check alone     '}: valid and right ${trueValid}, valid and wrong ${falseValid}, invalid and right ${falseInvalid}, invalid and wrong ${trueInvalid}`,
      );
    }
  const rows = stored.flatMap(({ marks }) => {
    const mark = marks?.at(-1);
    const check = mark && decisiveSelfCheck(checkedAt(mark, 0, false));
    return mark && typeof check === 'number' ? [{ mark, check }] : [];
  });
  const correlations = ['valid', ...candidates].map((name) => {
    const pairs = rows.flatMap(({ mark, check }) => {
      const value = name === 'valid' ? mark.valid[0] : mark[name];
      return typeof value === 'number' ? [[value, check] as const] : [];
    });
    return { name, correlation: rankCorrelation(pairs), of: pairs.length };
  });
  for (const { name, correlation, of } of correlations.sort(
    (a, b) => Math.abs(b.correlation) - Math.abs(a.correlation),
  ))
    console.log(`  ${name.padEnd(18)} ${correlation.toFixed(2)} (${of})`);
}
