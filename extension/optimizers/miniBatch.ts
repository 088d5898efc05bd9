import { accumulatedWeight } from './theory.ts';

/** Adam on a sequence of mini-batches, seen from one point θ. */
export interface MiniBatchInputs {
  /** β, ρ, ε and where it stands; `biasCorrection: false` drops the normalisers 1−β^{n+1}, 1−ρ^{n+1}. */
  readonly beta: number;
  readonly rho: number;
  readonly eps: number;
  readonly epsInside: boolean;
  readonly biasCorrection: boolean;
  /** ∇E_b(θ) of each distinct mini-batch b, shape [p]. */
  readonly gradients: readonly Float64Array[];
  /** The mini-batch of step k, for k = 0 … n; n is the step that is about to be taken. */
  readonly sequence: readonly number[];
  /** ∇²E_b(θ)·v; called three times for each mini-batch that occurs. */
  hessianProduct(batch: number, v: Float64Array): Float64Array;
}

/** The quantities of Theorem 3.1 of P1 at step n (theory A2), each of shape [p]. */
export interface MiniBatchTerms {
  readonly M: Float64Array;
  /** With ε inside the root; √Σ r (∂E_k)² without ε where ε stands outside. */
  readonly R: Float64Array;
  readonly L: Float64Array;
  readonly Lbar: Float64Array;
  readonly P: Float64Array;
  readonly Pbar: Float64Array;
  /** G = M/R, or M/(R + ε). */
  readonly direction: Float64Array;
  /** θ⁽ⁿ⁺¹⁾ = θ⁽ⁿ⁾ − h·direction − h²·memory + O(h³): equation (11), the iteration without memory. */
  readonly memory: Float64Array;
  /** θ' = −direction − h·correction: equation (9). */
  readonly correction: Float64Array;
}

/**
 * Theorem 3.1 of Cattaneo, Klusowski, Shigida (ICML 2024) at one point: all gradients and Hessians are taken at the same
 * θ, and the past directions U⁽ˡ⁾ are those that Adam would have had there. ε outside the root: Theorem D.4.
 */
export function miniBatchTerms(inputs: MiniBatchInputs): MiniBatchTerms {
  const { beta, rho, eps, epsInside, biasCorrection, gradients, sequence, hessianProduct } = inputs;
  const n = sequence.length - 1;
  const p = gradients[sequence[0]].length;
  const { moment, root, past } = history(inputs, p);
  const denominator = root.map((r) => Math.max(epsInside ? r : r + eps, Number.MIN_VALUE));
  const direction = moment.map((m, j) => m / denominator[j]);

  const [L, Lbar, P, Pbar] = Array.from({ length: 4 }, () => new Float64Array(p));
  const norm1 = biasCorrection ? accumulatedWeight(beta, n) : 1;
  const norm2 = biasCorrection ? accumulatedWeight(rho, n) : 1;
  for (const batch of new Set(sequence)) {
    // Σ_k w_{n,k} S^{(n,k)}, Σ_k r_{n,k} S^{(n,k)} and the weights themselves, over the steps k with this mini-batch.
    const ofL = new Float64Array(p);
    const ofP = new Float64Array(p);
    let weight1 = 0;
    let weight2 = 0;
    for (let k = 0; k <= n; k++) {
      if (sequence[k] !== batch) continue;
      const w = ((1 - beta) * beta ** (n - k)) / norm1;
      const r = ((1 - rho) * rho ** (n - k)) / norm2;
      weight1 += w;
      weight2 += r;
      for (let j = 0; j < p; j++) {
        ofL[j] += w * past[k][j];
        ofP[j] += r * past[k][j];
      }
    }
    const products = [ofL, ofP, direction].map((v) => hessianProduct(batch, v));
    const g = gradients[batch];
    for (let j = 0; j < p; j++) {
      L[j] += products[0][j];
      P[j] += g[j] * products[1][j];
      Lbar[j] += weight1 * products[2][j];
      Pbar[j] += weight2 * g[j] * products[2][j];
    }
  }
  // M·(·)/(D²R) − (·)/D with D = R inside, R + ε outside; no contribution where R = 0.
  const change = (ofP: Float64Array, ofL: Float64Array) =>
    moment.map((m, j) => {
      const d = denominator[j];
      return (root[j] === 0 ? 0 : (m * ofP[j]) / (d * d * root[j])) - ofL[j] / d;
    });
  const memory = change(P, L).map((x) => -x);
  const bar = change(Pbar, Lbar);
  return {
    M: moment,
    R: root,
    L,
    Lbar,
    P,
    Pbar,
    direction,
    memory,
    correction: memory.map((x, j) => x - bar[j] / 2),
  };
}

/** M⁽ⁿ⁾, R⁽ⁿ⁾, and past[k] = S^{(n,k)} = Σ_{l=k}^{n−1} U⁽ˡ⁾. */
function history({ beta, rho, eps, epsInside, biasCorrection, gradients, sequence }: MiniBatchInputs, p: number) {
  const first = new Float64Array(p);
  const second = new Float64Array(p);
  const updates: Float64Array[] = [];
  let moment = first;
  let root = second;
  sequence.forEach((batch, l) => {
    const norm1 = biasCorrection ? accumulatedWeight(beta, l) : 1;
    const norm2 = biasCorrection ? accumulatedWeight(rho, l) : 1;
    const g = gradients[batch];
    for (let j = 0; j < p; j++) {
      first[j] = beta * first[j] + (1 - beta) * g[j];
      second[j] = rho * second[j] + (1 - rho) * g[j] * g[j];
    }
    moment = first.map((m) => m / norm1);
    root = second.map((v) => Math.sqrt(v / norm2 + (epsInside ? eps : 0)));
    const added = epsInside ? 0 : eps;
    updates.push(moment.map((m, j) => m / Math.max(root[j] + added, Number.MIN_VALUE)));
  });
  const past: Float64Array[] = [];
  past[sequence.length - 1] = new Float64Array(p);
  for (let k = sequence.length - 2; k >= 0; k--) past[k] = past[k + 1].map((s, j) => s + updates[k][j]);
  return { moment, root, past };
}
