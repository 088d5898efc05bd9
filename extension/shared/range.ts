/** Bounds of a number. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly minExclusive?: boolean;
  readonly maxExclusive?: boolean;
}

export const positive = { min: 0, minExclusive: true } as const;
export const nonNegative = { min: 0 } as const;
/** Of a decay rate β, ρ ∈ [0, 1). */
export const decay = { min: 0, max: 1, maxExclusive: true } as const;

/** Whether a value is a finite number within the bounds. */
export function within({ min, max, minExclusive, maxExclusive }: Range, value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  const aboveMin = min === undefined || (minExclusive ? value > min : value >= min);
  const belowMax = max === undefined || (maxExclusive ? value < max : value <= max);
  return aboveMin && belowMax;
}

/** ` of at least 0 and below 1`; nothing where there are no bounds. */
export function rangeText({ min, max, minExclusive, maxExclusive }: Range): string {
  const low = min === undefined ? '' : ` ${minExclusive ? 'above' : 'of at least'} ${min}`;
  const high = max === undefined ? '' : ` ${maxExclusive ? 'below' : 'of at most'} ${max}`;
  return low && high ? `${low} and${high}` : low || high;
}
