/** `0,2-5,9`: many numbers, as schedulers and people write them. */
export function rangesOf(numbers: readonly number[], separator = ','): string {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = i;
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++;
    ranges.push(end === i ? `${sorted[i]}` : `${sorted[i]}-${sorted[end]}`);
    i = end + 1;
  }
  return ranges.join(separator);
}

/** The numbers of `0,2-5,9`; what is no number is left out. */
export function numbersOf(ranges: string): number[] {
  return ranges.split(',').flatMap((range) => {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range.trim()) ?? [];
    if (first === undefined) return [];
    return Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, i) => Number(first) + i);
  });
}
