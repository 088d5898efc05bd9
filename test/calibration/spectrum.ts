/**
 * The spectral measure of a vector over a symmetric map, by Lanczos with full reorthogonalisation: nodes and weights (they sum to 1)
 * of the Gauss quadrature with `products` nodes.
 */
export async function spectrum(
  apply: (v: Float64Array) => Promise<Float64Array>,
  start: Float64Array,
  products: number,
): Promise<{ values: number[]; weights: number[] }> {
  const norm = (v: Float64Array) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const kept = [start.map((x) => x / norm(start))];
  const diagonal: number[] = [];
  const beside: number[] = [];
  for (let k = 0; k < products; k++) {
    const next = Float64Array.from(await apply(kept[k]));
    const along = (v: Float64Array) => v.reduce((sum, x, j) => sum + x * next[j], 0);
    diagonal.push(along(kept[k]));
    for (let pass = 0; pass < 2; pass++)
      for (const v of kept) {
        const part = along(v);
        for (let j = 0; j < next.length; j++) next[j] -= part * v[j];
      }
    const size = norm(next);
    if (k === products - 1 || size < 1e-9 * Math.abs(diagonal[0])) break;
    beside.push(size);
    kept.push(next.map((x) => x / size));
  }
  return ofTridiagonal(diagonal, beside);
}

/** Eigenvalues of a symmetric tridiagonal matrix, and the squares of the first components of its unit eigenvectors, by Jacobi. */
function ofTridiagonal(diagonal: readonly number[], beside: readonly number[]) {
  const n = diagonal.length;
  const a = diagonal.map((d, i) =>
    diagonal.map((_, j) => (i === j ? d : Math.abs(i - j) === 1 ? (beside[Math.min(i, j)] ?? 0) : 0)),
  );
  const first: number[] = diagonal.map((_, i) => (i === 0 ? 1 : 0));
  for (let sweep = 0; sweep < 30; sweep++)
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-300) continue;
        const angle = Math.atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const [c, s] = [Math.cos(angle), Math.sin(angle)];
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        [first[p], first[q]] = [c * first[p] - s * first[q], s * first[p] + c * first[q]];
      }
  return { values: a.map((row, i) => row[i]), weights: first.map((x) => x * x) };
}
