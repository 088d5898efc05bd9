import type { Range } from '../shared/range.ts';
import type { frameworks } from '../shared/request.ts';
import type { Arithmetic } from './arithmetic.ts';

// In this folder P1 is Cattaneo, Klusowski, Shigida: On the Implicit Bias of Adam (ICML 2024); "theory A2" and the like are
// the sections of the project's theory notes.

/**
 * Where the defaults come from; `paper` is the repository of Cattaneo, Klusowski, Shigida (ICML 2024) for Adam, and the
 * publication that introduced the optimizer for those that no framework has. Optax has no default learning rate.
 */
export type Framework = (typeof frameworks)[number];

/** Values by canonical name (`lr`, `beta1`, `beta2`, `eps`, `weight_decay`, `momentum`, …). Booleans and placements are structure, numbers are data. */
export interface Hyperparameters {
  readonly lr: number;
  readonly [name: string]: number | boolean | string;
}

/** One hyper-parameter: what the command line, the hovers and the panel need to know of it. */
export interface HyperparameterSpec {
  readonly name: string;
  readonly kind: 'number' | 'boolean' | 'choice';
  readonly choices?: readonly string[];
  /** Command-line option without the dashes. */
  readonly option: string;
  /** Inclusive lower and exclusive or inclusive upper bounds of what the update accepts. */
  readonly range?: Range;
  readonly description: string;
}

/** Scalars that depend on the step index n; the same keys for every n. They are inputs of the program, never constants in it. */
export type Coefficients = Readonly<Record<string, number>>;

/** What an update sees: θ⁽ⁿ⁾, ∇E(θ⁽ⁿ⁾) and the state before step n (zeros before step 0), all of shape [p]. */
export interface StepInputs<V> {
  readonly theta: V;
  readonly gradient: V;
  readonly state: Readonly<Record<string, V>>;
}

/** θ⁽ⁿ⁺¹⁾ = θ⁽ⁿ⁾ − h_n·direction, where h_n is the coefficient `stepSize`; and the state after the step. */
export interface StepOutputs<V> {
  readonly direction: V;
  readonly state: Readonly<Record<string, V>>;
}

/** What the correction is evaluated at: a parameter vector with its gradient and, for state-conditional theories, the state after the step. */
export interface CorrectionInputs<V> {
  readonly theta: V;
  readonly gradient: V;
  readonly state: Readonly<Record<string, V>>;
}

/**
 * The correction at one point, per coordinate. The modified equation is θ' = −G − h·C up to O(h²), with time h per step;
 * `correction` = D·h·C, so that θ'_j = −(g_j + correction_j)/D_j wherever G = g/D (every optimizer without decoupled
 * weight decay).
 */
export interface CorrectionTerms<V> {
  /** g: the gradient that the optimizer sees, with the L2 weight decay where it has one. */
  readonly gradient: V;
  /** G: the frozen-history update (for Adam u = g/D). */
  readonly direction: V;
  /** D_j > 0, the effective denominator (1 for gradient descent): G = g/D, plus λθ with decoupled weight decay. */
  readonly denominator: V;
  /** q = H·G; for Adam the gradient of the perturbed one-norm (for AdamW up to λHθ). */
  readonly normGradient: V;
  /** κ_j: the part of correction_j that is proportional to q_j is h·κ_j·q_j; all of it without decoupled weight decay. */
  readonly kappa: V;
  /** corr_j = D_j·h·C_j. */
  readonly correction: V;
  /** h·Mem_n: the memory part of the correction alone, without the ½ terms: the direction really taken is ≈ G + this. */
  readonly memoryCorrection: V;
  /** |predicted relative change of g_j over the memory window|: ν_j = h·max age·|q_j|/D_j . */
  readonly expansion: V;
}

/**
 * What the loss gains or loses by finite steps and memory: the loss that is followed is E + h·κ·N with N this norm of the
 * gradient. `sign`: descent along signs, where κ is 0 but at coordinates near 0; `state`: N depends on the run's state.
 */
export interface Norm {
  readonly kind: 'one-norm' | 'squared-norm' | 'sign' | 'state';
  /** "the one-norm of the loss gradient". */
  readonly words: string;
}

/** Which hyper-parameter decides how long what is remembered, by name. */
export interface Memories {
  /** Of the numerator: the longer it is, the more regularizing. */
  readonly numerator?: string;
  /** Of the denominator: the longer it is, the more anti-regularizing. */
  readonly denominator?: string;
  /** Of whole steps, behind the quotient: it lengthens the steps. */
  readonly steps?: string;
  /** What else κ depends on. */
  readonly further?: readonly string[];
}

/** Why there is no such thing, in words for people: a clause that follows "because". */
export interface Absent {
  readonly reason: string;
}

export const isAbsent = (found: object): found is Absent => 'reason' in found;

/** The run that differs from an optimizer's in nothing but that the memory's term of the theory is switched off. */
export interface Twin {
  /** All its hyper-parameters. A schedule multiplies its `lr` as it does the optimizer's. */
  readonly hyper: Hyperparameters;
  /** Follows "than": "with β₂ = β₁, where theory sees no effect of the memory on the gradient norm". */
  readonly words: string;
  /** A few characters of it: "β₂ = β₁". */
  readonly label: string;
}

/** G of the memoryless flow θ' = −G(θ): what the optimizer does after many steps on one and the same gradient. */
export interface MemorylessDirection {
  /** Scalars of `direction`, as inputs of a program. */
  readonly coefficients: Coefficients;
  /** G from θ and ∇E(θ), of shape [p] or any other. */
  direction<V>(
    a: Arithmetic<V>,
    c: Readonly<Record<string, V>>,
    inputs: { readonly theta: V; readonly gradient: V },
  ): V;
}

/** One optimizer: defaults, update and correction. One file each; `registry.ts` lists them. */
export interface Optimizer {
  /** Name on the command line: `adam`. */
  readonly name: string;
  readonly title: string;
  readonly hyperparameters: readonly HyperparameterSpec[];
  /**
   * What decides which operations `update` and `correction` emit, as a key: two settings with the same key give the same
   * program and differ in coefficients only.
   */
  structure(hyper: Hyperparameters): string;
  /** Defaults of a framework; undefined where the framework has no such optimizer. */
  defaults(framework: Framework): Hyperparameters | undefined;
  /** Names of the state vectors, each of shape [p] and zero before step 0. */
  stateNames(hyper: Hyperparameters): readonly string[];
  /** The n-dependent scalars of the update; has the key `stepSize`. `stepSizes` gives h_k for a schedule (constant lr without). */
  updateCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients;
  /** Emits step n. Scalars come from `updateCoefficients`, wrapped as V. */
  update<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: StepInputs<V>,
  ): StepOutputs<V>;
  /** Why no first-order correction exists for these settings (centered RMSProp …); undefined where it does. */
  notApplicable(hyper: Hyperparameters): string | undefined;
  /** The n-dependent scalars of the correction; `n = Infinity` gives the limit. */
  correctionCoefficients(hyper: Hyperparameters, n: number, stepSizes?: StepSizes): Coefficients;
  /** The vectors that the Hessian of E multiplies, from θ and g (for Adam: [u]); at least one, the first is G. */
  hessianDirections<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
  ): readonly V[];
  /** The correction from θ, g and the products H·v of `hessianDirections`, in that order. */
  correction<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    inputs: CorrectionInputs<V>,
    products: readonly V[],
  ): CorrectionTerms<V>;
  /** |g|* below which κ_j changes sign at step n; undefined where κ has one sign. */
  signChange(hyper: Hyperparameters, n: number): number | undefined;
  /** Names under which libraries have it as an optimizer of its own, with the hyper-parameters that they stand for. */
  readonly aliases?: Readonly<Record<string, Readonly<Record<string, number | boolean | string>>>>;
  /** The hyper-parameters that κ depends on where ε is small and steps are many. */
  readonly memory: Memories;
  /** What is recommended for its learning rate, and from which value on that is worth saying. */
  readonly learningRateAdvice?: { readonly from: number; readonly text: string };
  /** The norm that h·κ weighs. */
  norm(hyper: Hyperparameters): Norm;
  /** Why κ has no value without the state of a run, as a clause; undefined where it has one. */
  stateDependent(hyper: Hyperparameters): string | undefined;
  /** Names of the coefficients of the correction that are the same at every n and for n = ∞. */
  constantCoefficients(hyper: Hyperparameters, scheduled: boolean): readonly string[];
  /**
   * Γ = Q(−1), the gain at the period of two steps of the linear filter Q that the gradients pass, for n → ∞: with the
   * denominator D held fixed, a mode of D^{-1/2} H D^{-1/2} with eigenvalue S is stable while h·Γ·S < 2 (z − 1 + h·S·Q(z) = 0
   * at z = −1).
   */
  alternatingGain(hyper: Hyperparameters): number | Absent;
  /** D of the step that led to `state`, with the coefficients of that step's update: direction = filtered gradients/D. */
  preconditioner<V>(
    a: Arithmetic<V>,
    hyper: Hyperparameters,
    c: Readonly<Record<string, V>>,
    state: Readonly<Record<string, V>>,
  ): V;
  /** The same run with the memory's term switched off; or why there is none. */
  twin(hyper: Hyperparameters): Twin | Absent;
  /** The direction of the flow without memory; or why there is none. */
  memorylessDirection(hyper: Hyperparameters): MemorylessDirection | Absent;
  /** What is penalised or favoured, the formula in plain text, and its source. */
  readonly theory: { readonly formula: string; readonly penalises: string; readonly source: string };
}

/** h_k for k ≥ 0. */
export type StepSizes = (k: number) => number;
