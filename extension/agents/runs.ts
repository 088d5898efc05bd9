import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runIn } from '../runStore/list.ts';
import { type Run, readRun } from '../runStore/store.ts';
import { checkRequest } from '../shared/checkRequest.ts';
import { effectHeadline, effectLineOf, effectSentence, lastEffect, noEffect } from '../shared/effectWords.ts';
import type { InspectRequest, StepLine } from '../shared/protocol.ts';
import { inspectSettings } from '../shared/request.ts';
import type { Settings } from '../shared/setting.ts';
import { objectSchema } from '../shared/settingSchema.ts';
import { lastCorrected } from '../shared/steps.ts';
import { doubt, sentence, strength } from '../shared/verdict.ts';
import { onCommandLine } from '../shared/words.ts';
import { runRequest } from './engine.ts';
import {
  type AgentTool,
  anyText,
  count,
  flag,
  type JsonSchema,
  list,
  nullableNumber,
  nullableText,
  object,
  type ToolContext,
  text,
} from './tool.ts';

/** Most steps of a run that an agent starts: what takes longer is started by a person. */
const mostSteps = 2000;
/** Most tensors, lines and runs that an answer lists. */
const mostTensors = 100;
const mostLines = 50;
const mostRuns = 200;

/** Settings that are the program's own, or would let a run be written elsewhere. */
const withheld: readonly string[] = ['directory', 'origins', 'differs', 'out', 'saveState', 'arrays', 'threads', 'lanes', 'memory']; // biome-ignore format: one line

/** What an agent may say of an inspection: the settings of the command line. */
export const requestSchema = (more: Readonly<Record<string, JsonSchema>> = {}): JsonSchema => {
  const settings: Settings = Object.fromEntries(
    Object.entries(inspectSettings).filter(([key]) => !withheld.includes(key)),
  );
  const schema = objectSchema(settings, ['model']) as { properties: Record<string, JsonSchema> };
  const { steps, ...others } = schema.properties;
  return { ...schema, properties: { ...others, steps: { ...steps, minimum: 1, maximum: mostSteps }, ...more } };
};

/** Settings that name files, which must lie below a root. */
const files = Object.entries(inspectSettings).flatMap(([key, { kind }]) =>
  kind === 'file' && !withheld.includes(key) ? [key] : [],
);

/** The request that an agent's input stands for. Throws an InspectorError for paths outside of the roots and values that do not fit. */
export function requestOf(input: Readonly<Record<string, unknown>>, { directory, path }: ToolContext): InspectRequest {
  const { optimizer, framework, device, steps, stage } = inspectSettings;
  const defaults = { optimizer, framework, device, steps, stage };
  const named = Object.fromEntries(
    files.flatMap((key) => (typeof input[key] === 'string' ? [[key, path(input[key])]] : [])),
  );
  const order = typeof input.order === 'string' && input.order.endsWith('.npy') ? { order: path(input.order) } : {};
  return checkRequest({
    ...Object.fromEntries(Object.entries(defaults).map(([key, setting]) => [key, setting.default])),
    ...{ hyper: {}, freeze: [], trainable: [], arrays: false },
    ...{ ...input, ...named, ...order, directory },
  });
}

const tensor = object({
  name: anyText('tensor'),
  effect: nullableNumber('measured effect, as `effect`'),
  effectPredicted: nullableNumber('what theory predicts for it'),
  selfCheck: nullableNumber('of the theory, for this tensor'),
});

const line = object({
  step: count('steps taken', 0),
  loss: nullableNumber('over all samples'),
  gradientNorm1: nullableNumber('one-norm of the gradient'),
  effect: nullableNumber('measured effect at this loss'),
  edge: nullableNumber('preconditioned sharpness over the threshold of stability, where measured'),
});

const runAnswer = object({
  measured: anyText('what was measured, in plain words: the first thing to tell; or why nothing was'),
  effect: nullableNumber(
    'gradient one-norm against the reference at equal loss, relative: 0.12 is 12 % larger. Null where not measured',
  ),
  reference: anyText('what the run was held against'),
  validity: anyText(
    'whether the theory holds in this run; where it does not, its numbers must not be passed on as facts',
  ),
  theoryHolds: flag('false where the theory does not hold or no correction exists'),
  theory: anyText('what theory predicts'),
  effectPredicted: nullableNumber('what theory predicts for `effect`'),
  slowOscillation: nullableNumber(
    'share of the gradient one-norm at the end that is an oscillation over many steps, which the mean of the parameters over them does not have. Null where not measured',
  ),
  run: anyText('folder of the run'),
  status: anyText('finished, cancelled, failed, interrupted or running'),
  problem: nullableText('why it failed'),
  model: anyText('model'),
  optimizer: anyText('optimizer and all its hyper-parameters'),
  samples: count('samples', 0),
  firstLoss: nullableNumber('loss at the start'),
  lastLoss: nullableNumber('loss at the end'),
  tensors: list(tensor, `by tensor, ${mostTensors} at most, largest effect first`),
  steps: list(line, `${mostLines} lines at most, spread over the run`),
  warnings: list({ type: 'string' }, 'signs that model or data are not those of the training'),
});

const numberOr = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/** A run as an agent is told of it: what was measured and whether theory holds come before any number of the theory. */
export function runReport(run: Run): object {
  const { header, steps, folder, interrupted } = run;
  const corrected = lastCorrected(steps);
  const measured = lastEffect(steps);
  const shown = effectLineOf(run);
  const problem =
    corrected && !header.notApplicable ? doubt(corrected) : (header.notApplicable ?? 'no correction was computed');
  const { optimizer } = header;
  const spread = steps.filter((_, i) => i % Math.ceil(steps.length / mostLines) === 0 || i === steps.length - 1);
  return {
    measured:
      effectSentence(header, measured) ??
      `No effect was measured: ${noEffect(header, measured) ?? 'the run was held against nothing'}.`,
    effect: numberOr(shown?.effect),
    reference: header.reference?.words ?? '',
    validity:
      problem === undefined
        ? 'The theory holds in this run, as far as its own checks tell.'
        : `The theory does not hold here: ${problem}. Do not pass its numbers on as facts.`,
    theoryHolds: problem === undefined,
    theory: corrected ? `${sentence(header, corrected)} In the long run: ${strength(header.hKappaLimit)}.` : '',
    effectPredicted: numberOr(measured?.effectPredicted),
    slowOscillation: numberOr(measured?.slowOscillation),
    run: folder,
    status: interrupted ? 'interrupted' : header.status,
    problem: header.message === undefined ? null : onCommandLine(header.message),
    model: header.model.path,
    optimizer: `${optimizer.title} ${JSON.stringify(optimizer.hyper)}`,
    samples: header.data.samples,
    firstLoss: numberOr(steps[0]?.loss),
    lastLoss: numberOr(steps.at(-1)?.loss),
    tensors: tensorsOf(shown ?? corrected),
    steps: spread.map(({ step, loss, gradientNorm1, effect, edge }) => ({
      ...{
        step,
        loss: numberOr(loss),
        gradientNorm1: numberOr(gradientNorm1),
        effect: numberOr(effect),
        edge: numberOr(edge),
      },
    })),
    warnings: header.warnings.map(
      ({ title, detail, remedy }) => `${title}. ${onCommandLine(detail)} ${onCommandLine(remedy)}`,
    ),
  };
}

const tensorsOf = (from: StepLine | undefined) =>
  Object.entries(from?.tensors ?? {})
    .map(([name, fields]) => ({
      name,
      effect: numberOr(fields.effect),
      effectPredicted: numberOr(fields.effectPredicted),
      selfCheck: numberOr(fields.selfCheck),
    }))
    .sort((a, b) => Math.abs(b.effect ?? 0) - Math.abs(a.effect ?? 0))
    .slice(0, mostTensors);

export const inspectModel: AgentTool = {
  name: 'inspect_model',
  title: 'Measure what an optimizer’s settings do',
  description: `Takes real steps (${mostSteps} at most) of an optimizer on an ONNX model and a data set, on all samples or mini-batches, and measures its effect on the gradient norm at equal loss against a run without memory, beside what theory predicts and whether that holds. Writes a run below runs/ of the first root.`,
  readOnly: false,
  input: requestSchema(),
  output: runAnswer,
  confirmation: ({ model, optimizer, steps }) =>
    `Take ${String(steps ?? inspectSettings.steps.default)} steps of ${String(optimizer ?? inspectSettings.optimizer.default)} on ${String(model)}, and write a run.`,
  async run(input: Readonly<Record<string, unknown>>, context: ToolContext) {
    const request = requestOf(input, context);
    const { folder } = await runRequest({ type: 'inspect', request }, context);
    return runReport(readRun(folder));
  },
};

export const getRun: AgentTool = {
  name: 'get_run',
  title: 'Read a run',
  description: 'What an earlier inspection measured, with its validity, from its folder.',
  readOnly: true,
  input: object({ run: text('folder of the run') }),
  output: runAnswer,
  run: async ({ run }: { run: string }, context: ToolContext) => runReport(readRun(context.path(run))),
};

/** The runs below `runs/` of a folder, newest first. */
export function runsBelow(directory: string) {
  const parent = join(directory, 'runs');
  const names = existsSync(parent) ? readdirSync(parent) : [];
  return names
    .flatMap((name) => runIn(join(parent, name)) ?? [])
    .sort((a, b) => (a.header.started < b.header.started ? 1 : -1));
}

export const listRuns: AgentTool = {
  name: 'list_runs',
  title: 'List the runs',
  description: 'The inspections below runs/ of a folder, newest first, each with what it measured.',
  readOnly: true,
  input: object({ path: text('folder (default: the first root)') }, ['path']),
  output: object({
    runs: list(
      object({
        run: anyText('folder'),
        measured: nullableText('measured effect in a few words'),
        status: anyText('how it ended'),
        started: anyText('date and time'),
        model: anyText('model'),
        optimizer: anyText('optimizer and hyper-parameters'),
      }),
      `${mostRuns} at most`,
    ),
  }),
  async run({ path = '.' }: { path?: string }, context: ToolContext) {
    const runs = runsBelow(context.path(path)).slice(0, mostRuns);
    return {
      runs: runs.map(({ folder, header, interrupted }) => ({
        run: folder,
        measured: effectHeadline(header, undefined) ?? null,
        status: interrupted ? 'interrupted' : header.status,
        started: header.started,
        model: header.model.path,
        optimizer: `${header.optimizer.title} ${JSON.stringify(header.optimizer.hyper)}`,
      })),
    };
  },
};
