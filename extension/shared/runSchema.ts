import type {
  EffectCurve,
  EffectPart,
  EffectSummary,
  RunHeader,
  RunReference,
  RunTensor,
  SlowOscillation,
  SlowStretch,
} from './protocol.ts';
import { inspectSettings, referenceKinds } from './request.ts';
import {
  count,
  draft,
  flag,
  hyper,
  list,
  named,
  number,
  object,
  orNull,
  sha256,
  size,
  type Table,
  text,
  time,
} from './schemaTable.ts';
import { objectSchema } from './settingSchema.ts';
import { words, wordsSchema } from './wordsSchema.ts';

const reference: Table<RunReference> = {
  kind: ['What the run is held against; see request.reference.', { enum: referenceKinds }],
  words: ['The reference in words that follow "than"; empty where there is none.', text],
  label: ['The same in a few characters.', text],
  hyper: ['All hyper-parameters of the twin, by canonical name.', hyper, 'optional'],
  stepSize: ['Step size of the reference, in the unit of the learning rate; null where there is no reference.', size],
  tolerance: [
    'Largest relative change of the norm of the model that halving the step of the flow may make (0.01: 1 %); null for a twin.',
    size,
  ],
  tensorTolerance: ['The same for the norm of one tensor; for the flow only.', number, 'optional'],
  moved: [
    'The largest such relative change of the norm of the model that was found; for the flow only.',
    size,
    'optional',
  ],
  converged: [
    'False where the numbers of the flow still move by more than the tolerance: then no effect is shown.',
    flag,
  ],
  steps: ['Steps taken of the reference, of its finest version.', count, 'optional'],
  stepsInAll: ['Steps taken of all versions of a flow.', count, 'optional'],
  reason: ['Why there is no reference, or why it is not shown.', text, 'optional'],
};

const curve: Table<EffectCurve> = {
  early: [
    'Effect at the first loss that the run has clearly reached, relative (0.12: the norm is 12 % larger).',
    orNull,
  ],
  late: [
    'Effect at the lowest loss that run and reference have both reached, relative; the number that is shown first.',
    orNull,
  ],
  effect: ['Effect at each of effect.losses, relative; null where undefined.', list(orNull)],
  averaged: ['The same of the norms at averaged points, in which oscillation cancels.', list(orNull)],
  oscillation: [
    'Share of the norm of the run that is oscillation, at each of effect.losses; below 0 where averaging makes it larger.',
    list(orNull),
  ],
};

const part: Table<EffectPart> = {
  lossFrom: ['Loss at its beginning, in the unit of the loss.', number],
  lossTo: ['Loss at its end; lower.', number],
  low: ['Smallest effect in it, relative.', number],
  high: ['Largest effect in it, relative.', number],
  oscillating: ['Which of the two oscillates in it.', { enum: ['run', 'reference', 'both', null] }],
};

const stretch: Table<SlowStretch> = {
  from: ['Step at which it begins.', count],
  to: ['Step at which it ends.', count],
  loss: ['Mean of the losses at its steps, in the unit of the loss.', number],
  lossAtMean: ['Loss at the mean of its parameters, in the unit of the loss; null where it is not finite.', orNull],
  normAtMean: [
    'One-norm of the gradient at the mean of its parameters over the mean of its norms, dimensionless.',
    size,
  ],
  share: [
    'Share of the norm that is an oscillation over many steps: 1 − normAtMean / what averaged points leave of the norm, 0 to 1; null where it cannot be told.',
    orNull,
  ],
  reason: ['Why it cannot be told.', text, 'optional'],
  tensors: ['The share of each tensor, by its name.', named(orNull)],
};

const slow: Table<SlowOscillation> = {
  stretches: ['Stretches of the run, in the order of the steps.', list(object(stretch))],
  reason: ['Why there are none.', text, 'optional'],
};

const effect: Table<EffectSummary> = {
  ...curve,
  sentence: ['What was measured, in words.', text],
  headline: ['The same in a few words.', text],
  method: ['How equal loss was found.', { enum: ['crossing', 'bins', 'both'] }],
  binWidth: ['Half width of a bin, relative to the loss.', number],
  parts: ['Parts of the way down in which the effect has one sign; from high loss to low.', list(object(part))],
  losses: ['Levels of the loss, falling, at which the curves are given; in the unit of the loss.', list(number)],
  predicted: ['Effect that the theory predicts at each of losses, relative; null where it has none.', list(orNull)],
  reason: ['The commonest reason why the effect is null where it is.', text, 'optional'],
  slow: ['What is seen at means of the parameters over many steps, Hann-weighted.', object(slow), 'optional'],
  tensors: ['The curves of each tensor, by its name.', named(object(curve))],
};

const limits = {
  hKappaLimit: [
    'h·κ in the limit of small ε and many steps, dimensionless: the weight of the norm in the loss that is followed; negative: anti-regularizing; null where there is none.',
    orNull,
  ],
  switchGradient: [
    'Size of a gradient coordinate below which κ changes sign, in the limit; in the unit of the gradient.',
    orNull,
  ],
} as const;

/** What an inspection was asked for; paths are as they were written, relative to directory. */
export const requestSchema = objectSchema(inspectSettings, [
  ...['directory', 'model', 'optimizer', 'framework', 'hyper', 'steps', 'stage', 'device'],
]);

const header: Table<RunHeader> = {
  format: ['Version of the format.', { const: 1 }],
  status: [
    'How the run stands or has ended; interrupted: its process ended without closing it.',
    { enum: ['running', 'finished', 'cancelled', 'failed', 'interrupted'] },
  ],
  message: ['Why it failed.', words, 'optional'],
  started: ['Beginning, ISO 8601, UTC.', time],
  finished: ['End, ISO 8601, UTC.', time, 'optional'],
  process: ['Number of the process that writes or wrote the run.', count],
  tool: ['Name and version of this program.', text],
  runtime: ['Versions of what it ran on.', text],
  request: ['What was asked for; paths are as they were written, relative to directory.', requestSchema],
  model: [
    'The model.',
    object<RunHeader['model']>({
      path: ['Its file.', text],
      sha256: ['Hash of the file, hexadecimal.', sha256],
      producer: ['What has written the file.', text],
      parameters: ['How many numbers are trained.', count],
    }),
  ],
  data: [
    'The data.',
    object<RunHeader['data']>({
      files: ['Its files.', list(text)],
      sha256: ['Hash of the files, hexadecimal.', sha256],
      samples: ['Samples that were used.', count],
    }),
  ],
  loss: ['What is minimised.', text],
  optimizer: [
    'The optimizer.',
    object<RunHeader['optimizer']>({
      name: ['Its name, as in request.', text],
      title: ['Its name as people write it.', text],
      framework: ['Whose defaults hold.', text],
      hyper: ['All hyper-parameters, by canonical name; lr is the step size h.', hyper],
      norm: ['The norm that h·κ weighs, in words.', text, 'optional'],
      condition: ['Why κ has no value without the state of the run.', text, 'optional'],
    }),
  ],
  groups: [
    'Parameters with hyper-parameters of their own.',
    list(
      object<NonNullable<RunHeader['groups']>[number]>({
        glob: ['Which parameters it takes, in words: the glob, where it is one.', text],
        place: ['The place in the code that it was found at.', text, 'optional'],
        hyper: ['All its hyper-parameters, by canonical name.', hyper],
        tensors: ['Names of its tensors in the file of the model.', list(text)],
        ...limits,
      }),
    ),
    'optional',
  ],
  ...limits,
  notApplicable: ['Why no correction is computed.', text, 'optional'],
  reference: ['What the run is held against at equal loss; known once it begins.', object(reference), 'optional'],
  effect: ['The measured effect, once the run has ended; not where there is no reference.', object(effect), 'optional'],
  dtype: ['Precision of the computation.', text],
  device: ['Where it ran.', text],
  microBatch: [
    'Samples per pass.',
    object<RunHeader['microBatch']>({
      plain: ['Where only loss and gradient are computed.', count],
      corrected: ['Where the correction is computed, too.', count],
    }),
  ],
  batches: [
    'Mini-batches; missing where every step sees all samples.',
    object<NonNullable<RunHeader['batches']>>({
      size: ['Samples of a mini-batch.', count],
      order: ['Their order: a name, or a file.', text],
      seed: ['Seed of a random order.', count, 'optional'],
      dropLast: ['Whether a smaller last mini-batch of an epoch is left out.', flag],
      perEpoch: ['Steps of an epoch; missing where the order comes from a file.', count, 'optional'],
    }),
    'optional',
  ],
  tensors: [
    'The tensors that are trained.',
    list(
      object<RunTensor>({
        name: ['Name in the file of the model; the key of the tensor in steps.jsonl.', text],
        shape: ['Its dimensions.', list(count)],
        source: ['Its name in the original module, where the exporter has renamed it.', text, 'optional'],
      }),
    ),
  ],
  notTrained: [
    'Initializers that are not trained.',
    list(
      object<RunHeader['notTrained'][number]>({
        name: ['Name in the file of the model.', text],
        reason: ['Why it is not trained.', words],
      }),
    ),
  ],
  notes: ['What else is to be known of the run.', list(words)],
  warnings: [
    'What may make its numbers mean something else.',
    list(
      object<RunHeader['warnings'][number]>({
        code: ['Its kind, for programs.', text],
        title: ['What is the matter.', text],
        detail: ['The same at length.', words],
        remedy: ['What to do.', words],
      }),
    ),
  ],
};

/** JSON Schema (draft 2020-12) of `run.json`. */
export const runSchema = (): object => ({
  $schema: draft,
  title: 'run.json: what was run',
  ...object(header),
  $defs: { words: wordsSchema },
});
