import * as vscode from 'vscode';
import type { Timing } from '../../jobs/timing.ts';
import { setting } from '../../shared/format.ts';
import { groupText } from '../../shared/groupLabel.ts';
import {
  type DeviceChoice,
  type GroupRequest,
  type InspectSetting,
  inspectSettings,
  type ScheduleRequest,
} from '../../shared/request.ts';
import { problemsOf } from '../../shared/setting.ts';
import type { Target } from '../../shared/target.ts';
import { type Files, pickData, pickFile } from './pickFile.ts';
import type { Training } from './proposal.ts';
import { defaultSteps } from './targets.ts';

interface Context {
  readonly folder: string;
  readonly files: Files;
  readonly training: Training;
  /** Names of the model's outputs. */
  readonly outputs: readonly string[];
  /** Takes a step to see how long it is; undefined where that failed or was left. */
  time(): Promise<Timing | undefined>;
}

/** A line of the sheet: one setting of an inspection, what it is, and the question for another value. */
export interface Row {
  readonly id: string;
  readonly icon: string;
  readonly label: string;
  /** It makes no sense for what else is done with a model and data. */
  readonly ofInspections?: true;
  text(target: Partial<Target>, training: Training): string;
  /** What the script has, where the run would have something else. */
  hint?(target: Partial<Target>, training: Context['training']): string | undefined;
  /** The change; undefined where the user leaves. */
  ask(target: Partial<Target>, context: Context): Promise<Partial<Target> | undefined>;
}

const losses: readonly (readonly [Target['loss'], string, string])[] = [
  [undefined, 'automatic', 'the only one that fits the output and the labels'],
  ['cross-entropy', 'cross-entropy', 'class labels'],
  ['cross-entropy-on-probabilities', 'cross-entropy-on-probabilities', 'class labels; the model ends in a softmax'],
  ['mse', 'mse', 'mean squared error'],
  ['bce-with-logits', 'bce-with-logits', 'binary labels'],
  ['bce', 'bce', 'binary labels; the model ends in a sigmoid'],
  ['output', 'output', 'the model’s output is the loss'],
];
const devices: readonly (readonly [DeviceChoice, string])[] = [
  ['auto', 'CUDA where it starts, else CPU'],
  ['cpu', 'works everywhere'],
  ['cuda', 'NVIDIA GPU; see “Set Up GPU”'],
  ['webgpu', 'any GPU; experimental'],
];

export const dataText = ({ data, x, y }: Partial<Target>): string | undefined =>
  data ?? (x ? [x, y].filter(Boolean).join(' + ') : undefined);

/** A number of the table of settings; empty for its default, where that is allowed. */
async function askNumber(
  title: string,
  name: 'limit' | 'batchSize' | 'clipNorm' | 'steps',
  value: number | undefined,
  prompt: string,
): Promise<{ readonly value: number | undefined } | undefined> {
  const text = await vscode.window.showInputBox({
    title,
    prompt,
    value: value === undefined ? '' : setting(value),
    validateInput: (given) =>
      given.trim() === '' ? undefined : problemsOf(title, inspectSettings[name] as InspectSetting, Number(given))[0],
  });
  if (text === undefined) return undefined;
  return { value: text.trim() === '' ? undefined : Number(text) };
}

async function askSchedule(): Promise<Partial<Target> | undefined> {
  const kinds: readonly (readonly [ScheduleRequest['kind'], string])[] = [
    ['constant', 'the learning rate of the code throughout'],
    ['cosine', 'falls to 0 over the steps of the run'],
    ['linear', 'falls to 0 over the steps of the run'],
    ['step', 'a factor of 0.1 every so many steps'],
  ];
  const items = kinds.map(([kind, description]) => ({ label: kind, description, kind_: kind }));
  const chosen = await vscode.window.showQuickPick(items, { title: 'Schedule' });
  if (!chosen) return undefined;
  const kind = chosen.kind_;
  const count = async (title: string) => {
    const text = await vscode.window.showInputBox({
      title,
      value: '0',
      validateInput: (given) => (/^\d{1,9}$/.test(given.trim()) ? undefined : 'A whole number, 0 or more'),
    });
    return text === undefined ? undefined : Number(text);
  };
  const every = kind === 'step' ? await count('Lower it every … steps') : 0;
  const warmup = every === undefined ? undefined : await count('Steps of linear warm-up');
  if (every === undefined || warmup === undefined) return undefined;
  if (kind === 'constant' && warmup === 0) return { schedule: undefined };
  return { schedule: { kind, ...(every > 0 && { every }), ...(warmup > 0 && { warmup }) } };
}

const groupsText = (groups: readonly GroupRequest[]): string =>
  groups.length === 0 ? 'all parameters alike' : groups.map(groupText).join(' · ');

/** Every line of the sheet, in its order. */
export const rows = {
  model: {
    id: 'model',
    icon: 'symbol-misc',
    label: inspectSettings.model.line,
    text: ({ model }) => model ?? '–',
    ask: async (_, { files, folder }) => {
      const model = await pickFile('Model', files.models, folder, { ONNX: ['onnx'] });
      return model === undefined ? undefined : { model };
    },
  },
  data: {
    id: 'data',
    icon: 'database',
    label: inspectSettings.data.line,
    text: (target) => dataText(target) ?? '–',
    ask: (_, { files, folder }) => pickData('Data with samples and labels', files.data, folder),
  },
  loss: {
    id: 'loss',
    icon: 'target',
    label: inspectSettings.loss.line,
    text: ({ loss }) => loss ?? 'automatic',
    ask: async ({ loss }) => {
      const items = losses.map(([value, label, description]) => ({
        label,
        description,
        value,
        picked: value === loss,
      }));
      const chosen = await vscode.window.showQuickPick(items, { title: 'Loss' });
      return chosen && { loss: chosen.value };
    },
  },
  steps: {
    id: 'steps',
    icon: 'debug-step-over',
    label: inspectSettings.steps.line,
    text: ({ steps }) => String(steps ?? defaultSteps),
    ask: async ({ steps }) => {
      const prompt = 'Steps to take';
      const answer = await askNumber('Steps', 'steps', steps ?? defaultSteps, prompt);
      return answer && { steps: answer.value ?? defaultSteps };
    },
  },
  output: {
    id: 'output',
    icon: 'export',
    label: inspectSettings.output.line,
    text: ({ output }) => output ?? 'automatic',
    hint: ({ output }) => (output === undefined ? 'the one that fits the labels' : undefined),
    ask: async (_, { outputs }) => {
      const automatic = {
        label: 'automatic',
        description: 'the one that most parameters reach and that fits the labels',
      };
      const items = [automatic, ...outputs.map((label) => ({ label, description: '' }))];
      const chosen = await vscode.window.showQuickPick(items, { title: 'Output that the loss looks at' });
      return chosen && { output: chosen === automatic ? undefined : chosen.label };
    },
  },
  device: {
    id: 'device',
    icon: 'chip',
    label: inspectSettings.device.line,
    text: ({ device }) => device ?? 'auto',
    ask: async () => {
      const items = devices.map(([label, description]) => ({ label, description }));
      const chosen = await vscode.window.showQuickPick(items, { title: 'Device' });
      return chosen && { device: chosen.label };
    },
  },
  samples: {
    id: 'limit',
    icon: 'list-selection',
    label: inspectSettings.limit.line,
    text: ({ limit }) => (limit === undefined ? 'all' : `the first ${limit}`),
    hint: () => 'a step can be timed',
    ask: async ({ limit, model }, { time }) => {
      const ways = {
        all: { label: '$(list-flat) All samples' },
        time: { label: '$(watch) As many as keep a step under two seconds', description: 'takes a step to see' },
        number: { label: '$(edit) The first so many…' },
      };
      const offered = model === undefined ? [ways.all, ways.number] : [ways.all, ways.time, ways.number];
      const way = await vscode.window.showQuickPick(offered, { title: 'Samples' });
      if (way === ways.all) return { limit: undefined };
      if (way === ways.time) {
        const timing = await time();
        return timing && { limit: timing.samples };
      }
      if (way === undefined) return undefined;
      const prompt = 'Use the first so many samples only; empty for all';
      const answer = await askNumber('Samples', 'limit', limit, prompt);
      return answer && { limit: answer.value };
    },
  },
  batchSize: {
    id: 'batchSize',
    icon: 'layers',
    label: inspectSettings.batchSize.line,
    text: ({ batchSize }) => (batchSize === undefined ? 'full batch' : String(batchSize)),
    hint: ({ batchSize }, training) =>
      training.batchSize === undefined || training.batchSize === batchSize
        ? undefined
        : `your script has ${training.batchSize}`,
    ask: async ({ batchSize }, { training }) => {
      const prompt = 'Samples of a mini-batch; empty for the full batch';
      const answer = await askNumber('Batch size', 'batchSize', batchSize ?? training.batchSize, prompt);
      return answer && { batchSize: answer.value };
    },
  },
  schedule: {
    id: 'schedule',
    icon: 'graph-line',
    label: inspectSettings.schedule.line,
    text: ({ schedule }) =>
      schedule === undefined
        ? 'constant'
        : [schedule.kind, schedule.warmup ? `warm-up ${schedule.warmup}` : ''].filter(Boolean).join(', '),
    hint: ({ schedule }, training) =>
      training.schedule === undefined || schedule ? undefined : `your script has ${training.schedule}`,
    ask: askSchedule,
  },
  groups: {
    id: 'groups',
    icon: 'group-by-ref-type',
    label: inspectSettings.groups.line,
    text: ({ groups }, training) => groupsText(groups ?? training.groups ?? []),
    hint: ({ groups }, { groups: own = [], openGroups = [] }) =>
      groups === undefined
        ? [...own.flatMap(({ place }) => place ?? []), ...openGroups.map((each) => `not known: ${each}`)].join(' · ')
        : `your script has ${groupsText(own)}`,
    ask: async ({ groups }, { training }) => {
      const own = training.groups ?? [];
      const items = [
        { label: 'As in the script', description: groupsText(own), groups: undefined },
        { label: 'All parameters alike', description: '', groups: [] },
        ...(groups && groups.length > 0 ? [{ label: 'As remembered', description: groupsText(groups), groups }] : []),
      ];
      const placeHolder = 'Others are written in .optimizer-bias.json, under "groups"';
      const chosen = await vscode.window.showQuickPick(items, { title: 'Parameter Groups', placeHolder });
      return chosen && { groups: chosen.groups };
    },
  },
  clipping: {
    id: 'clipNorm',
    icon: 'fold',
    label: inspectSettings.clipNorm.line,
    text: ({ clipNorm }) => (clipNorm === undefined ? 'none' : setting(clipNorm)),
    hint: ({ clipNorm }, training) =>
      training.clipNorm === undefined || training.clipNorm === clipNorm
        ? undefined
        : training.clipNorm === true
          ? 'your script clips'
          : `your script has ${setting(training.clipNorm)}`,
    ask: async ({ clipNorm }, { training }) => {
      const found = training.clipNorm === true ? undefined : training.clipNorm;
      const prompt = 'Largest two-norm of the gradient; empty for none';
      const answer = await askNumber('Clipping', 'clipNorm', clipNorm ?? found, prompt);
      return answer && { clipNorm: answer.value };
    },
  },
  state: {
    id: 'state',
    icon: 'history',
    label: inspectSettings.state.line,
    ofInspections: true,
    text: ({ state }) => state ?? 'from the beginning',
    ask: async (_, { folder }) => {
      const fresh = 'From the beginning';
      const file = 'From a file with the optimizer’s state…';
      const answer = await vscode.window.showQuickPick([fresh, file], { title: 'State' });
      if (answer === undefined) return undefined;
      if (answer === fresh) return { state: undefined };
      const state = await pickFile('State', [], folder, { State: ['safetensors', 'npz'] });
      return state === undefined ? undefined : { state };
    },
  },
} satisfies Readonly<Record<string, Row>>;
