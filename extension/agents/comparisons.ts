import { readExperiment } from '../jobs/store.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import { onCommandLine } from '../shared/words.ts';
import { runRequest } from './engine.ts';
import { requestOf, requestSchema } from './runs.ts';
import { type AgentTool, anyText, list, object, type ToolContext, text } from './tool.ts';

/** Most settings, and orders of each, that an agent compares. */
const mostSettings = 8;
const mostSeeds = 16;

interface Input extends Readonly<Record<string, unknown>> {
  readonly settings: readonly Readonly<Record<string, number | boolean | string>>[];
  readonly seeds?: readonly number[];
  readonly testData?: string;
}

export const compareSettings: AgentTool = {
  name: 'compare_settings',
  title: 'Compare settings of an optimizer',
  description:
    'Trains with the given setting and with others from the same point on the same orders of mini-batches, and says how they differ in gradient norm, loss and (with a test set) accuracy, each with a 95 % interval; "none found" where the interval holds zero. Writes the comparison below runs/ of the first root.',
  readOnly: false,
  input: requestSchema({
    settings: {
      type: 'array',
      minItems: 1,
      maxItems: mostSettings,
      items: { type: 'object', minProperties: 1, additionalProperties: { type: ['number', 'boolean', 'string'] } },
      description: 'what each other setting changes, by hyper-parameter: [{"beta2": 0.95}, {"lr": 0.0003}]',
    },
    seeds: {
      type: 'array',
      minItems: 1,
      maxItems: mostSeeds,
      uniqueItems: true,
      items: { type: 'integer', minimum: 0 },
      description: 'orders of the mini-batches, or without batchSize initial weights (default 0, 1, 2, 3)',
    },
    testData: text('test set, as data'),
  }),
  output: object({
    found: anyText('what was found, in plain words, with its intervals: the first thing to tell'),
    validity: anyText('how far it may be believed'),
    tables: list(
      object({
        title: anyText('title'),
        columns: list({ type: 'string' }, 'columns'),
        rows: list({ type: 'array' }, 'rows'),
      }),
      'differences from the given setting, with intervals',
    ),
    notes: list({ type: 'string' }, 'remarks'),
    folder: anyText('folder of the comparison'),
    status: anyText('finished or cancelled'),
  }),
  confirmation: ({ model, settings, seeds }) =>
    `Train ${String(model)} with ${(settings as unknown[]).length + 1} settings on ${(seeds as unknown[] | undefined)?.length ?? 4} orders, and write a comparison.`,
  async run({ settings, seeds = [0, 1, 2, 3], testData, ...given }: Input, context: ToolContext) {
    const base = requestOf(given, context);
    const { title, hyperparameters } = optimizerNamed(base.optimizer);
    const unknown = settings.flatMap(Object.keys).filter((name) => !hyperparameters.some((spec) => spec.name === name));
    if (unknown.length > 0)
      throw new InspectorError(
        `${unknown.map((name) => quoteName(name)).join(', ')}: no hyper-parameter of ${title}.`,
        `It has ${hyperparameters.map(({ name }) => name).join(', ')}.`,
      );
    const test = testData === undefined ? undefined : { data: context.path(testData) };
    const { folder, status } = await runRequest({ type: 'compare', request: { base, settings, seeds, test } }, context);
    const { result } = readExperiment(folder);
    return {
      found: result?.sentence ?? 'Nothing was finished.',
      validity: `Measured on ${seeds.length === 1 ? 'one order, which tells no difference from chance' : `${seeds.length} orders, paired`}, for ${base.steps} steps of this model and data; a longer training may differ.`,
      tables: (result?.tables ?? []).map(({ title: name, columns, rows }) => ({ title: name, columns, rows })),
      notes: (result?.notes ?? []).map(onCommandLine),
      folder,
      status,
    };
  },
};
