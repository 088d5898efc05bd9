/** A network of one tanh layer with softmax and cross-entropy, its gradient and optimizers, in plain float64 loops. */
export interface Network {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly hidden: number;
  readonly classes: number;
}

/** Sizes of the tensors, in the order of θ: W₁, b₁, W₂, b₂. */
export const sizesOf = ({ x, hidden, classes }: Network): number[] => [
  hidden * x[0].length,
  hidden,
  classes * hidden,
  classes,
];

export function lossAndGradient(network: Network, theta: readonly number[]): { loss: number; gradient: number[] } {
  const { x, y, hidden, classes } = network;
  const inputs = x[0].length;
  const [w1, b1, w2] = sizesOf(network);
  const [atB1, atW2, atB2] = [w1, w1 + b1, w1 + b1 + w2];
  const gradient = theta.map(() => 0);
  let loss = 0;
  x.forEach((sample, s) => {
    const h: number[] = [];
    for (let i = 0; i < hidden; i++) {
      let sum = theta[atB1 + i];
      for (let j = 0; j < inputs; j++) sum += theta[i * inputs + j] * sample[j];
      h.push(Math.tanh(sum));
    }
    const z: number[] = [];
    for (let c = 0; c < classes; c++) {
      let sum = theta[atB2 + c];
      for (let i = 0; i < hidden; i++) sum += theta[atW2 + c * hidden + i] * h[i];
      z.push(sum);
    }
    const top = Math.max(...z);
    const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0);
    loss += (Math.log(total) + top - z[y[s]]) / x.length;
    const back = h.map(() => 0);
    for (let c = 0; c < classes; c++) {
      const d = (Math.exp(z[c] - top) / total - (c === y[s] ? 1 : 0)) / x.length;
      gradient[atB2 + c] += d;
      for (let i = 0; i < hidden; i++) {
        gradient[atW2 + c * hidden + i] += d * h[i];
        back[i] += d * theta[atW2 + c * hidden + i];
      }
    }
    for (let i = 0; i < hidden; i++) {
      const d = back[i] * (1 - h[i] ** 2);
      gradient[atB1 + i] += d;
      for (let j = 0; j < inputs; j++) gradient[i * inputs + j] += d * sample[j];
    }
  });
  return { loss, gradient };
}

/** A step: the change of θ, from θ, its gradient and the index of the step. */
export type Rule = (theta: readonly number[], gradient: readonly number[], n: number) => number[];

/** Adam as PyTorch has it, with decoupled weight decay; from moments m and v, where given. */
export function adam({
  lr,
  beta1,
  beta2,
  eps = 1e-8,
  decay = 0,
  m = [],
  v = [],
}: Record<'lr' | 'beta1' | 'beta2', number> & { eps?: number; decay?: number; m?: number[]; v?: number[] }): Rule {
  return (theta, gradient, n) =>
    gradient.map((g, j) => {
      m[j] = beta1 * (m[j] ?? 0) + (1 - beta1) * g;
      v[j] = beta2 * (v[j] ?? 0) + (1 - beta2) * g * g;
      const direction = m[j] / (1 - beta1 ** (n + 1)) / (Math.sqrt(v[j] / (1 - beta2 ** (n + 1))) + eps);
      return -lr * (direction + decay * theta[j]);
    });
}

export function momentum(lr: number, mu: number): Rule {
  const buffer: number[] = [];
  return (_theta, gradient) =>
    gradient.map((g, j) => {
      buffer[j] = mu * (buffer[j] ?? 0) + g;
      return -lr * buffer[j];
    });
}

/** Adam's memoryless flow, g/(|g| + ε), by Euler's method. */
export const signFlow =
  (step: number, eps = 1e-8): Rule =>
  (_theta, gradient) =>
    gradient.map((g) => (-step * g) / (Math.abs(g) + eps));

export interface Point {
  readonly loss: number;
  /** ‖∇E‖₁ of the model first, then of each tensor. */
  readonly norms: readonly number[];
}

/** Loss and norms at one θ. */
export function pointAt(network: Network, theta: readonly number[]): Point {
  const { loss, gradient } = lossAndGradient(network, theta);
  let offset = 0;
  const norms = sizesOf(network).map((size) => {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += Math.abs(gradient[offset + j]);
    offset += size;
    return sum;
  });
  return { loss, norms: [norms.reduce((sum, norm) => sum + norm, 0), ...norms] };
}

/** θ⁽ᵏ⁾ … θ⁽ᵏ⁺ᴺ⁾; with `rows`, step n sees the samples of its row only. */
export function trace(
  network: Network,
  start: readonly number[],
  rule: Rule,
  steps: number,
  { first = 0, rows }: { first?: number; rows?: readonly (readonly number[])[] } = {},
): number[][] {
  const { x, y } = network;
  const thetas = [[...start]];
  for (let n = first; n < first + steps; n++) {
    const theta = thetas[n - first];
    const batch = rows && { ...network, x: rows[n].map((i) => x[i]), y: rows[n].map((i) => y[i]) };
    const change = rule(theta, lossAndGradient(batch ?? network, theta).gradient, n);
    thetas.push(theta.map((value, j) => value + change[j]));
  }
  return thetas;
}

/** θ⁽⁰⁾ … θ⁽ᴺ⁾ as losses and norms. */
export const walk = (network: Network, start: readonly number[], rule: Rule, steps: number): Point[] =>
  trace(network, start, rule, steps).map((theta) => pointAt(network, theta));

/** What averaging leaves of the norms at step n: those at (θ⁽ⁿ⁻¹⁾ + 2θ⁽ⁿ⁾ + θ⁽ⁿ⁺¹⁾)/4 over those at θ⁽ⁿ⁾. */
export function leftByAveraging(network: Network, thetas: readonly (readonly number[])[], n: number): number[] {
  const middle = thetas[n].map((value, j) => (thetas[n - 1][j] + 2 * value + thetas[n + 1][j]) / 4);
  const here = pointAt(network, thetas[n]).norms;
  return pointAt(network, middle).norms.map((norm, t) => norm / here[t]);
}

/** The effect of a point against a reference at the first crossing of its loss, of the model and of each tensor. */
export function effectAt(point: Point, reference: readonly Point[]): number[] {
  const at = reference.findIndex(({ loss }) => loss <= point.loss);
  if (at <= 0) return point.norms.map((norm, t) => (at === 0 ? norm / reference[0].norms[t] - 1 : Number.NaN));
  const [a, b] = [reference[at - 1], reference[at]];
  const share = (a.loss - point.loss) / (a.loss - b.loss);
  return point.norms.map((norm, t) => norm / (a.norms[t] + share * (b.norms[t] - a.norms[t])) - 1);
}
