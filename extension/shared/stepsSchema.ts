import type { EdgeFields, EffectFields, MeasureFields, SelfCheckFields, StepLine, TensorLine } from './protocol.ts';
import { count, draft, list, named, object, orNull, share, size, type Table, text } from './schemaTable.ts';

const measures: Table<MeasureFields> = {
  kappa: [
    'κ, dimensionless mean over the coordinates, weighted by q²/D; negative: anti-regularizing.',
    orNull,
    'optional',
  ],
  hKappa: [
    'h·κ: the weight of the norm in the loss that is followed, dimensionless; negative: anti-regularizing.',
    orNull,
    'optional',
  ],
  kappaMin: ['Smallest κ of a coordinate, dimensionless.', orNull, 'optional'],
  kappaMax: ['Largest κ of a coordinate, dimensionless.', orNull, 'optional'],
  negativeShare: ['Share of the coordinates (with a gradient) with κ < 0, 0 to 1.', share, 'optional'],
  belowSwitchShare: [
    'Share of the coordinates (with a gradient) with κ > 0: mostly those below switchGradient; 0 to 1.',
    share,
    'optional',
  ],
  relativeSize: [
    'Two-norm of the correction over that of the gradient, dimensionless; the theory needs it to be small.',
    size,
    'optional',
  ],
  cosine: ['Cosine of the angle between correction and gradient, −1 to 1.', orNull, 'optional'],
  normRate: [
    'Change of the norm by the correction per unit of time, a step being h; times h: per step, in the unit of the norm.',
    orNull,
    'optional',
  ],
  normRateBase: ['The same by the optimizer without its memory.', orNull, 'optional'],
  lossRate: [
    'Change of the loss by the correction per unit of time, a step being h; times h: per step, in the unit of the loss.',
    orNull,
    'optional',
  ],
  lossRateBase: ['The same by the optimizer without its memory.', orNull, 'optional'],
  net: [
    'Effect of the correction on the norm at equal loss, in the unit of normRate; above 0 the norm stays larger.',
    orNull,
    'optional',
  ],
  validShare: [
    'Share of the coordinates whose gradient is predicted to change by less than 30 % within the memory, 0 to 1.',
    share,
    'optional',
  ],
  selfCheck: [
    'Error of the predicted step with the memory over that without it, dimensionless; below 1 the correction explains the step.',
    size,
    'optional',
  ],
};

const selfCheck: Table<SelfCheckFields> = {
  selfCheckRun: ['selfCheck of all lines with a correction so far, together, dimensionless.', size, 'optional'],
  selfCheckAveraged: [
    'The same of means of three neighbouring steps, in which oscillation cancels; full batch only.',
    size,
    'optional',
  ],
};

const effectFields: Table<EffectFields> = {
  effect: [
    'One-norm of the gradient against that of the reference at equal loss, relative: 0.12 where it is 12 % larger; null where undefined.',
    orNull,
    'optional',
  ],
  effectReason: ['Why effect is null, where it is.', text, 'optional'],
  effectAveraged: ['effect of the norms at averaged points, relative; once the run has ended.', orNull, 'optional'],
  oscillation: [
    'Share of the norm that is oscillation: 1 − norm at the averaged point / norm; below 0 where averaging makes it larger; once the run has ended.',
    orNull,
    'optional',
  ],
  slowOscillation: [
    'Share of the norm that is an oscillation over many steps, of the stretch of effect.slow in run.json that the line lies in, 0 to 1; once the run has ended.',
    orNull,
    'optional',
  ],
  effectPredicted: ['What the theory predicts for effect, accumulated along the run, relative.', orNull, 'optional'],
};

const tensorLine: Table<TensorLine> = {
  perturbedNorm: ['Σ√(g² + ε) over the coordinates, in the unit of the gradient; null where it is not finite.', size],
  gradientNorm1: [
    'One-norm of the gradient, Σ|g|, in its unit (loss per parameter); null where it is not finite.',
    size,
  ],
  gradientNorm2: ['Two-norm of the gradient, in its unit; null where it is not finite.', size],
  ...measures,
  ...selfCheck,
  ...effectFields,
};

const edge: Table<EdgeFields> = {
  zeta: [
    'Realized edge of the step from here, dimensionless: near 0 the loss falls as the gradient says, at 1 the step gains nothing, above it loses.',
    orNull,
    'optional',
  ],
  preconditionedSharpness: [
    'Largest eigenvalue of the Hessian preconditioned by the denominator D of that step, in the unit of 1/h; at some lines only.',
    orNull,
    'optional',
  ],
  edge: [
    'preconditionedSharpness over the threshold of the optimizer, dimensionless: from 1 on a mode oscillates without end.',
    orNull,
    'optional',
  ],
  edgeResidual: ['Residual of that eigenvalue, relative to it.', size, 'optional'],
  staleShare: [
    'Share of the coordinates whose second moment is over ten times their squared gradient, 0 to 1; full batch.',
    share,
    'optional',
  ],
  gradientCurvature: [
    'Curvature along the preconditioned gradient over 2/h, dimensionless: before a spike it passes 1.',
    orNull,
    'optional',
  ],
};

const line: Table<StepLine> = {
  step: ['Steps taken before: what the line says was measured at the parameters after so many. From 0.', count],
  loss: ['Loss over all samples, in its unit; null where it is not finite.', orNull],
  batchLosses: [
    'Losses of the mini-batches since the line before, each at the parameters that its step began with.',
    list(orNull),
    'optional',
  ],
  correctionNorm: ['Two-norm of the correction, in the unit of the gradient.', size, 'optional'],
  averagedReason: ['Why there is no averaged point, where oscillation is null.', text, 'optional'],
  slowReason: ['Why slowOscillation is null, where it is.', text, 'optional'],
  effectMethod: ['How equal loss was found for effect.', { enum: ['crossing', 'bins'] }, 'optional'],
  ...tensorLine,
  ...edge,
  tensors: [
    'The same of each tensor, by its name in the file of the model; empty in lines between those that have them (tensorsEvery).',
    named(object(tensorLine)),
  ],
};

/** JSON Schema (draft 2020-12) of one line of `steps.jsonl`. */
export const stepsSchema = (): object => ({
  $schema: draft,
  title: 'A line of steps.jsonl: what was measured at one step',
  ...object(line),
});
