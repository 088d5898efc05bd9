import { place } from '../../extension/shared/format.ts';
/** The values over the run as a small line, from the least to the greatest of them; 0 is dotted where it lies between. */
export function Sparkline({
  points,
}: {
  readonly points: readonly { readonly step: number; readonly value: number }[];
}) {
  const [width, height] = [72, 16];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { value } of points) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const last = points.at(-1)?.step || 1;
  const x = (step: number) => 1 + ((width - 2) * step) / last;
  const y = (value: number) => (high > low ? height - 2 - ((height - 4) * (value - low)) / (high - low) : height / 2);
  const line = points.map(({ step, value }) => `${place(x(step))},${place(y(value))}`).join(' ');
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
      {low < 0 && high > 0 && <line class="zero" x1={0} x2={width} y1={y(0)} y2={y(0)} />}
      <polyline points={line} />
    </svg>
  );
}
