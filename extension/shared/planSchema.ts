import { compareRequest, digests, parameters, sweepRequest } from './experimentSchema.ts';
import type { ExperimentRequest } from './experiments.ts';
import type { Plan, PlanInput, PlanKind, PlanNumerics, PlanPoint } from './plans.ts';
import { count, draft, list, object, sha256, type Table, text } from './schemaTable.ts';

type Common = Omit<Plan, 'kind' | 'request'>;
type PlanOf<K extends PlanKind> = Extract<Plan, { readonly kind: K }>;

const atLeastOne = { type: 'integer', minimum: 1 };

const common: Table<Common> = {
  format: ['Version of the format.', { const: 1 }],
  tool: ['Name and version of the program that made it, which alone may run it.', text],
  numerics: [
    'What numbers depend on beside the request: the same on every machine.',
    object<PlanNumerics>({
      device: ['Where points are run.', { enum: ['cpu', 'cuda', 'webgpu'] }],
      threads: ['CPU threads of the runtime, which divides sums among them.', { type: 'integer', minimum: 1 }],
      lanes: ['Most parts of a large data set that are summed side by side.', atLeastOne],
      memory: ['Bytes that a program may take, by which samples are divided.', { type: 'number', exclusiveMinimum: 0 }],
    }),
  ],
  inputs: [
    'Files that the points read.',
    list(
      object<PlanInput>({
        role: ['Which part of the request names it: model, data, test.x, or a parameter of an experiment.', text],
        path: ['Where it was when the plan was made; absolute.', text],
        sha256: ['Hash of the file, hexadecimal.', sha256],
        copy: ['Its copy, relative to the plan.', text, 'optional'],
      }),
    ),
  ],
  digests: ['Hashes of model and data, as results tell them; not of experiments.', digests, 'optional'],
  group: ['Points of one task.', atLeastOne],
  points: [
    'Units of work, which do not depend on each other.',
    list(
      object<PlanPoint>({
        number: ['Its number.', count],
        label: ['What it is, in words.', text],
        folder: ['Folder of its result, relative to the plan; there whole or not at all.', text],
      }),
    ),
  ],
};

const experimentRequest: Table<ExperimentRequest> = {
  name: ['The experiment.', text],
  directory: ['Directory that paths among the parameters are relative to.', text],
  parameters: ['Values that differ from the defaults.', parameters],
  threads: ['Threads of the processor.', count, 'optional'],
  out: ['Folder that the results were asked to be in.', text, 'optional'],
};

const sweep: Table<PlanOf<'sweep'>> = {
  ...common,
  kind: ['What it is a plan of.', { const: 'sweep' }],
  request: ['What was asked for.', object(sweepRequest)],
};
const compare: Table<PlanOf<'compare'>> = {
  ...common,
  kind: ['What it is a plan of.', { const: 'compare' }],
  request: ['What was asked for.', object(compareRequest)],
};
const experiment: Table<PlanOf<'experiment'>> = {
  ...common,
  kind: ['What it is a plan of.', { const: 'experiment' }],
  request: ['What was asked for.', object(experimentRequest)],
};

/** JSON Schema (draft 2020-12) of `plan.json`. */
export const planSchema = (): object => ({
  $schema: draft,
  title: 'plan.json: a sweep, a comparison or an experiment whose points any program can start',
  type: 'object',
  anyOf: [object(sweep), object(compare), object(experiment)],
});
