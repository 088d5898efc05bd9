import type {
  Axis,
  Chart,
  CompareHeader,
  CompareRequest,
  Differences,
  Digests,
  ExperimentHeader,
  ExperimentResult,
  Interval,
  ResultTable,
  Series,
  SweepAxis,
  SweepHeader,
  SweepPoint,
  SweepRequest,
  Times,
} from './experiments.ts';
import { requestSchema } from './runSchema.ts';
import {
  count,
  draft,
  flag,
  list,
  named,
  number,
  object,
  orNull,
  type Row,
  sha256,
  share,
  size,
  type Table,
  text,
  time,
} from './schemaTable.ts';
import { words, wordsSchema } from './wordsSchema.ts';

const value = { type: ['number', 'boolean', 'string'] };
const setting = named(value);
const seeds = (of: string): Row => [of, { ...list(count), minItems: 1 }];

const statusRow: Row = [
  'How it stands or has ended; interrupted: its process ended without closing it.',
  { enum: ['running', 'finished', 'cancelled', 'failed', 'interrupted'] },
];

/** Parameters of an experiment, by name. */
export const parameters = named({ anyOf: [value, list(number)] });

/** What is in `times.json`, so that equal results are equal files. */
const earlier = (what: string, schema: object): readonly [string, object, 'optional'] => [
  `${what}: in files of earlier versions; others have it in times.json.`,
  schema,
  'optional',
];

/** Hashes of what runs are made of. */
export const digests = object<Digests>({
  model: ['Hash of the file of the model, hexadecimal.', sha256],
  data: ['Hash of the files of the data, hexadecimal.', sha256],
});

const testSet = object<NonNullable<CompareRequest['test']>>({
  data: ['Its file.', text, 'optional'],
  x: ['File of its samples alone.', text, 'optional'],
  y: ['File of its labels alone.', text, 'optional'],
});

/** What sweeps and comparisons ask for alike. */
const common = {
  test: ['Test set.', testSet, 'optional'],
  testEvery: ['How often the test set is evaluated, in steps.', { type: 'integer', minimum: 1 }, 'optional'],
  out: ['Folder that the results were asked to be in.', text, 'optional'],
} as const;

/** What a comparison is asked for. */
export const compareRequest: Table<CompareRequest> = {
  base: ["The user's own setting; what all have in common.", requestSchema],
  settings: ['What each other setting changes, by canonical name.', { ...list(setting), minItems: 1 }],
  seeds: seeds('Of the orders of mini-batches; without them of initial weights, 0: those of the model.'),
  unpaired: ['Every setting has seeds of its own: comparisons are not paired.', flag, 'optional'],
  ...common,
};

const compare: Table<CompareHeader> = {
  request: ['What was asked for.', object(compareRequest)],
  digests: ['What it was asked of.', digests],
};

/** What a sweep is asked for. */
export const sweepRequest: Table<SweepRequest> = {
  base: ['What all points have in common.', requestSchema],
  axes: [
    'The hyper-parameters that are swept.',
    list(
      object<SweepAxis>({
        name: ['Its canonical name.', text],
        values: ['Its values.', { ...list(value), minItems: 1 }],
      }),
    ),
  ],
  together: ['The k-th value of each axis is taken together, instead of all combinations.', flag],
  seeds: seeds('0: the weights of the model; others: weights drawn anew.'),
  ...common,
};

const accuracy = (of: string) => [`${of} (0.9: 90 %); null where there is none.`, share, 'optional'] as const;

const point: Table<SweepPoint> = {
  index: ['Its place, from 0.', count],
  label: ['Its values in words.', text],
  values: ['Its hyper-parameters, by canonical name.', setting],
  seed: ['Seed of its initial weights; 0: those of the model.', count],
  folder: ['Folder of its run, relative to the sweep.', text],
  status: ['How it stands.', { enum: ['waiting', 'running', 'finished', 'cancelled', 'failed'] }],
  message: ['Why it failed.', text, 'optional'],
  finalLoss: ['Loss after the last step.', orNull, 'optional'],
  effect: [
    'Measured effect at the lowest loss that run and reference have both reached, relative (0.12: the norm is 12 % larger).',
    orNull,
    'optional',
  ],
  peakNorm: [
    'Largest one-norm of the gradient after its initial fall, above the floor p·√ε; null where it only falls.',
    orNull,
    'optional',
  ],
  finalNorm: ['One-norm of the gradient after the last step, above the floor.', orNull, 'optional'],
  normAtEqualLoss: [
    'The norm where the loss first reaches the level that every point reaches, above the floor.',
    orNull,
    'optional',
  ],
  finalAccuracy: accuracy('Accuracy on the test set after the last step'),
  bestAccuracy: accuracy('Best accuracy on the test set'),
  finalTestLoss: ['Loss on the test set after the last step.', orNull, 'optional'],
  kappa: ['κ at the last corrected step, in steps; negative: anti-regularizing.', orNull, 'optional'],
  hKappa: ['h·κ there, dimensionless; negative: anti-regularizing.', orNull, 'optional'],
  validShare: accuracy('Share of parameters with ν < 0.3 there'),
  selfCheck: ['Self-check there, dimensionless.', size, 'optional'],
  selfCheckRun: ['Self-check of the run so far.', size, 'optional'],
  selfCheckAveraged: ['The same by averages of three neighbouring steps.', size, 'optional'],
};

const sweep: Table<SweepHeader> = {
  format: ['Version of the format.', { const: 1 }],
  status: statusRow,
  started: earlier('Beginning, ISO 8601, UTC', time),
  request: ['What was asked for.', object(sweepRequest)],
  digests: ['What it was asked of.', digests],
  points: ['The points of the grid, in the order in which they are run.', list(object(point))],
};

const axis = object<Axis>({
  label: ['What it shows, with its unit.', text],
  scale: ['Linear, if not given.', { enum: ['linear', 'log'] }, 'optional'],
});
const range = { type: 'array', items: number, minItems: 2, maxItems: 2 };

const chart: Table<Chart> = {
  id: ['Its name; the picture is the file of that name, ID.svg.', text],
  title: ['Its title.', text],
  x: ['Horizontal axis.', axis],
  y: ['Vertical axis.', axis],
  series: [
    'Empty: the points are in series.json and series.csv.',
    {
      ...list(
        object<Series>({
          label: ['Its name in the legend.', text],
          x: ['Where its points are.', list(number)],
          y: ['Their values; null: a gap.', list(orNull)],
          style: ['How it is drawn.', { enum: ['line', 'dashed', 'points', 'reference'] }, 'optional'],
          color: ['Index of its colour; its position, if not given.', count, 'optional'],
        }),
      ),
      maxItems: 0,
    },
  ],
  xRange: ['Where the horizontal axis ends; from the data, if not given.', range, 'optional'],
  yRange: ['Where the vertical axis ends; from the data, if not given.', range, 'optional'],
};

const interval: Table<Interval> = {
  mean: ['Mean of the differences, relative or in parts of one (0.1: 10 %, or ten percentage points).', number],
  low: ['Lower end of the 95 % interval.', number],
  high: ['Upper end of the 95 % interval.', number],
  pairs: ['Pairs of runs behind it.', count],
  more: [
    'Further pairs that would settle the sign, if they scatter as those so far; 0: settled; null: no number would.',
    { ...count, type: ['integer', 'null'] },
  ],
};

const differences: Table<Differences> = {
  quantities: [
    'What is compared.',
    list(
      object<Differences['quantities'][number]>({
        title: ['In words.', text],
        points: ['Counted in percentage points, not relative.', flag],
      }),
    ),
  ],
  rows: [
    'One for each other setting.',
    list(
      object<Differences['rows'][number]>({
        label: ['What it changes.', text],
        intervals: [
          'For each quantity; null where there are too few runs.',
          list({ anyOf: [object(interval), { type: 'null' }] }),
        ],
      }),
    ),
  ],
  pairs: ['What further pairs are.', { enum: ['orders', 'initial weights'] }],
};

const result: Table<ExperimentResult> = {
  agreement: [
    'Whether the numbers came out as claimed; measured: nothing is claimed.',
    { enum: ['agrees', 'disagrees', 'undecided', 'measured'] },
  ],
  sentence: ['What was seen and what follows from it.', text],
  claim: ['What it is held against.', { enum: ['the theory', 'what the paper saw'] }, 'optional'],
  reason: ['Why the numbers cannot tell.', text, 'optional'],
  numbers: ['The numbers behind it, by name; null where undefined.', named(orNull)],
  tables: [
    'Tables, as they are shown.',
    list(
      object<ResultTable>({
        title: ['What it shows.', text],
        columns: ['Heads of its columns.', list(text)],
        rows: ['Its rows; null: empty.', list(list({ type: ['string', 'number', 'null'] }))],
      }),
    ),
  ],
  differences: ['Of a comparison: how settings differ.', object(differences), 'optional'],
  charts: ['Frames of the pictures.', list(object(chart))],
  notes: ['What else is to be known.', list(words)],
};

const experiment: Table<Omit<ExperimentHeader, keyof Times> & Partial<Times>> = {
  format: ['Version of the format.', { const: 1 }],
  status: statusRow,
  message: ['Why it failed.', words, 'optional'],
  started: earlier('Beginning, ISO 8601, UTC', time),
  finished: earlier('End, ISO 8601, UTC', time),
  process: earlier('Number of the process that writes or wrote it', count),
  tool: ['Name and version of this program.', text],
  name: ['Name of the experiment; compare and sweep for those.', text],
  title: ['Its title.', text],
  figure: ['What it reproduces, or what it was done with.', text],
  directory: ['Directory that paths among the parameters are relative to.', text, 'optional'],
  files: [
    'Hashes of the files that the parameters name, hexadecimal; empty where one could not be read.',
    named({ anyOf: [sha256, { const: '' }] }),
    'optional',
  ],
  parameters: ['All its parameters.', parameters],
  result: ['What there is, so far or in the end.', object(result), 'optional'],
};

const times: Table<Times> = {
  started: ['Beginning, ISO 8601, UTC.', time],
  finished: ['End, ISO 8601, UTC.', time, 'optional'],
  process: ['Number of the process that works on the result, or that has ended it.', count],
};

/** JSON Schema (draft 2020-12) of the `times.json` of comparisons, sweeps and experiments. */
export const timesSchema = (): object => ({
  $schema: draft,
  title: 'times.json: what differs from one making of the same result to the next',
  ...object(times),
});

/** JSON Schema (draft 2020-12) of `compare.json`. */
export const compareSchema = (): object => ({
  $schema: draft,
  title: 'compare.json: what is compared',
  ...object(compare),
});

/** JSON Schema (draft 2020-12) of `sweep.json`. */
export const sweepSchema = (): object => ({
  $schema: draft,
  title: 'sweep.json: what is swept, and how far it is',
  ...object(sweep),
});

/** JSON Schema (draft 2020-12) of `experiment.json`, which experiments, comparisons and sweeps have. */
export const experimentSchema = (): object => ({
  $schema: draft,
  title: 'experiment.json: what an experiment, a comparison or a sweep has found',
  ...object(experiment),
  $defs: { words: wordsSchema },
});
