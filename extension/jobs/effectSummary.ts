import type { Path } from '../engine/path.ts';
import type { EffectCurve, EffectPart, EffectSummary, RunReference } from '../shared/protocol.ts';
import type { Comparison, Found } from './comparison.ts';
import { effectHeadline, effectSentence, negligible } from './effectSentence.ts';
import { binWidth } from './equalLoss.ts';
import { oscillationOf, slowOscillation } from './slowOscillation.ts';

/** What the theory predicts where a run has a loss. */
export interface PredictedPoint {
  readonly loss: number;
  readonly predicted: number | null;
}

/** Levels of the loss at which the curve is given. */
const levels = 32;
/** The way down, in the logarithm of the loss, after which "early" begins. */
const earlyShare = 0.15;

interface Level {
  readonly loss: number;
  readonly found: Found | undefined;
  readonly reason: string | undefined;
  readonly averaged: readonly (number | null)[];
  readonly kept: readonly number[] | undefined;
  readonly swings: EffectPart['oscillating'];
}

/** The curve of the effect over the loss, and what is said of it. */
export function effectSummary(
  comparison: Comparison,
  path: Path,
  about: {
    readonly names: readonly string[];
    readonly curve: readonly PredictedPoint[];
    readonly reference: RunReference;
    /** Why there are no stretches of many steps, where there are none. */
    readonly noStretches?: string;
    /** Step of the last record. */
    readonly last?: number;
  },
): EffectSummary {
  const rows = levelsOf(path).map((loss) => levelAt(comparison, loss));
  const defined = rows.flatMap(({ found }) => (found ? [found.method] : []));
  const parts = partsOf(rows);
  const curveOf = (t: number): EffectCurve => {
    const effect = rows.map(({ found }) => found?.effect[t] ?? null);
    const early = effect.slice(Math.floor(earlyShare * levels)).find((value) => value !== null);
    return {
      early: early ?? null,
      late: effect.findLast((value) => value !== null) ?? null,
      effect,
      averaged: rows.map(({ averaged }) => averaged[t] ?? null),
      oscillation: rows.map(({ kept }) => oscillationOf(kept?.[t])),
    };
  };
  const model = curveOf(0);
  const slow = slowOscillation(path, about.names, about.noStretches);
  const said = { ...model, parts, reference: about.reference, slow, last: about.last };
  return {
    sentence: effectSentence(said),
    headline: effectHeadline(said),
    method: new Set(defined).size > 1 ? 'both' : (defined[0] ?? 'crossing'),
    binWidth,
    parts,
    losses: rows.map(({ loss }) => loss),
    predicted: rows.map(({ loss }) => predictedAt(about.curve, loss)),
    reason: commonest(rows.flatMap(({ reason }) => (reason ? [reason] : []))),
    ...model,
    slow,
    tensors: Object.fromEntries(about.names.map((name, i) => [name, curveOf(i + 1)])),
  };
}

/** Losses from that of the start down to the lowest, in equal ratios; equal steps where the lowest is not above 0. */
function levelsOf({ losses, lowest }: Path): number[] {
  const [start] = losses;
  if (start === undefined || !(lowest < start)) return start === undefined ? [] : [start];
  const ratio = lowest > 0 ? lowest / start : 0;
  return Array.from({ length: levels }, (_, k) => {
    const share = k / (levels - 1);
    // The ends are met exactly.
    if (k === levels - 1) return lowest;
    return ratio > 0 ? start * ratio ** share : start + share * (lowest - start);
  });
}

function levelAt(comparison: Comparison, loss: number): Level {
  const found = comparison.at(loss);
  if ('reason' in found)
    return { loss, found: undefined, reason: found.reason, averaged: [], kept: undefined, swings: null };
  const binned = found.method === 'bins';
  const kept = comparison.run.averaged(loss, binned);
  return {
    loss,
    found,
    reason: undefined,
    averaged: comparison.averaged(loss, found),
    kept,
    swings: comparison.swingsAt(loss, found),
  };
}

/** Stretches of one sign, or without effect; a stretch of a single level joins the one before it. */
function partsOf(rows: readonly Level[]): EffectPart[] {
  const points = rows.flatMap(({ loss, found, swings }) => {
    const effect = found?.effect[0];
    return effect === null || effect === undefined ? [] : [{ loss, effect, swings, sign: signOf(effect) }];
  });
  let groups: (typeof points)[] = [];
  for (const point of points) {
    const group = groups.at(-1);
    if (group && group[0].sign === point.sign && (group[0].swings === null) === (point.swings === null))
      group.push(point);
    else groups.push([point]);
  }
  // A few levels in between are no part of their own.
  const least = Math.max(2, Math.ceil(points.length / 10));
  for (let k = groups.findIndex((group) => group.length < least); k >= 0 && groups.length > 1; ) {
    const into = k === 0 ? 1 : k - 1;
    const joined = [...groups[Math.min(k, into)], ...groups[Math.max(k, into)]];
    groups = groups.flatMap((group, i) =>
      i === Math.min(k, into) ? [joined] : i === Math.max(k, into) ? [] : [group],
    );
    k = groups.findIndex((group) => group.length < least);
  }
  const parts = groups.map((group): EffectPart => {
    const effects = group.map(({ effect }) => effect).sort((a, b) => a - b);
    const swings = group.map((point) => point.swings);
    const commonestSwing = (['both', 'reference', 'run'] as const).find(
      (each) => swings.filter((swing) => swing === each).length > group.length / 2,
    );
    return {
      lossFrom: group[0].loss,
      lossTo: group[group.length - 1].loss,
      low: effects[0],
      high: effects[effects.length - 1],
      oscillating: commonestSwing ?? null,
    };
  });
  // Neighbours that say the same are one.
  const told: EffectPart[] = [];
  for (const part of parts) {
    const last = told.at(-1);
    const same = last && last.oscillating === part.oscillating && directionOf(last) === directionOf(part);
    if (!same) told.push(part);
    else {
      const [low, high] = [Math.min(last.low, part.low), Math.max(last.high, part.high)];
      told[told.length - 1] = { ...last, lossTo: part.lossTo, low, high };
    }
  }
  return told;
}

/** The sign of a part that has one. */
const directionOf = ({ low, high }: EffectPart): number => (signOf(low) * signOf(high) < 0 ? 0 : signOf(low + high));

const signOf = (effect: number): number => (Math.abs(effect) < negligible ? 0 : Math.sign(effect));

/** Linear in the loss between the lines on both sides of where the run first reaches it. */
function predictedAt(curve: readonly PredictedPoint[], loss: number): number | null {
  const after = curve.findIndex((point) => point.loss <= loss);
  if (after < 0) return null;
  const [a, b] = [curve[Math.max(0, after - 1)], curve[after]];
  if (a.predicted === null || b.predicted === null) return null;
  const share = a.loss === b.loss ? 1 : (a.loss - loss) / (a.loss - b.loss);
  return a.predicted + share * (b.predicted - a.predicted);
}

function commonest(texts: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}
