import { relative } from 'node:path';
import * as vscode from 'vscode';
import { dataExtensions } from '../../datasets/formats.ts';
import type { DeviceChoice } from '../../shared/protocol.ts';
import { projectFile, type Target } from '../../shared/target.ts';
import { type ConfiguredOptimizer, describeOptimizer } from './hyper.ts';
import { defaultSteps, guess, isNamedLike } from './targets.ts';

/** What is to be inspected, before the user has confirmed it. */
export interface Sheet {
  readonly folder: string;
  readonly source: { readonly path: string; readonly line: number } | undefined;
  readonly optimizer: ConfiguredOptimizer;
  /** Something is remembered in the project file. */
  readonly known: boolean;
  /** What was inspected last, where nothing is remembered of this source. */
  readonly last: Target | undefined;
  readonly target: Partial<Target>;
  /** What the target is for, where it is not an inspection. */
  readonly purpose?: Purpose;
}

/** Something else that is done with a model and data, and its own lines of the sheet. */
export interface Purpose {
  readonly title: string;
  /** Steps where none are remembered. */
  readonly steps: number;
  /** What the first line says. */
  action(model: string): string;
  /** What is added to the description of the first line. */
  summary(): string;
  /** Why it cannot start yet. */
  problem(): string | undefined;
  lines(): readonly { readonly id: string; readonly label: string; readonly description?: string }[];
  change(id: string): Promise<void>;
}

const dataFiles = `**/*.{${dataExtensions.join(',')}}`;
const skipped = '{**/node_modules/**,**/.venv/**,**/venv/**,**/.git/**,**/runs/**,**/site-packages/**}';
const mostFiles = 500;

const losses: readonly (readonly [string | undefined, string, string])[] = [
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

type Line = { readonly line: string };
/** Where the values of lines come from that the user has not confirmed. */
type Marks = Map<Field, string>;
type Field = 'run' | 'model' | 'data' | 'loss' | 'steps' | 'device' | 'file';

/**
 * Shows what will be inspected with what, one line for each setting, and lets the user change any of them. Resolves with the
 * target once the first line is chosen, and with undefined where the user leaves.
 */
export async function confirm({
  folder,
  source,
  optimizer,
  known,
  last,
  target: initial,
  purpose,
}: Sheet): Promise<Target | undefined> {
  const files = await findFiles(folder);
  const guessed: Marks = new Map();
  let target: Partial<Target> = { ...initial };
  if (target.model === undefined && last && !files.models.some((model) => isNamedLike(model, source?.path))) {
    target = { ...last, ...target, model: last.model };
    for (const field of ['model', 'data'] as const) guessed.set(field, vscode.l10n.t('used last'));
  } else if (target.model === undefined) {
    const model = guess(files.models, source?.path);
    if (model !== undefined) guessed.set('model', vscode.l10n.t('guessed'));
    target = { ...target, model };
  }
  if (target.data === undefined && target.x === undefined && target.model !== undefined) {
    const data = guess(files.data, target.model);
    if (data !== undefined) guessed.set('data', vscode.l10n.t('guessed'));
    target = { ...target, data };
  }
  for (;;) {
    const field = await choose(target, guessed, { source, optimizer, known, purpose });
    if (field === undefined) return undefined;
    if (typeof field === 'object') {
      await purpose?.change(field.line);
      continue;
    }
    if (field === 'file') {
      await vscode.window.showTextDocument(vscode.Uri.joinPath(vscode.Uri.file(folder), projectFile));
      return undefined;
    }
    if (field === 'run' && target.model !== undefined) {
      if (purpose?.problem() === undefined) return target as Target;
      continue;
    }
    const change = await ask(field === 'run' ? 'model' : field, folder, target, files);
    if (!change) continue;
    guessed.delete(field);
    target = { ...target, ...change };
  }
}

async function choose(
  target: Partial<Target>,
  guessed: Marks,
  { source, optimizer, known, purpose }: Pick<Sheet, 'source' | 'optimizer' | 'known' | 'purpose'>,
): Promise<Field | Line | undefined> {
  const { model, data, x, y, loss, steps = defaultSteps, device = 'auto' } = target;
  const dataText = data ?? (x ? [x, y].filter(Boolean).join(' + ') : undefined);
  const mark = (field: Field) => guessed.get(field) ?? '';
  const ready = model !== undefined;
  const from = source ? vscode.l10n.t('{0}, line {1}', source.path, source.line) : vscode.l10n.t('defaults of PyTorch');
  const unknown =
    optimizer.unknown.length > 0
      ? vscode.l10n.t(' · not known from the text, so the default: {0}', optimizer.unknown.join(', '))
      : '';
  const problem = ready ? purpose?.problem() : undefined;
  const start = purpose ? purpose.action(model ?? '') : vscode.l10n.t('Inspect {0}', model ?? '');
  const items: (vscode.QuickPickItem & { field: Field | Line })[] = [
    {
      field: 'run',
      label: ready
        ? problem
          ? `$(warning) ${problem}`
          : `$(play) ${start}`
        : `$(add) ${vscode.l10n.t('Choose a model (.onnx)…')}`,
      description: ready
        ? [dataText ?? vscode.l10n.t('without data'), loss, `${steps} steps`, purpose?.summary()]
            .filter(Boolean)
            .join(' · ')
        : '',
      detail: `${describeOptimizer(optimizer)} · ${from}${unknown}`,
    },
    { field: 'run', label: vscode.l10n.t('Change'), kind: vscode.QuickPickItemKind.Separator },
    ...(purpose?.lines() ?? []).map(({ id, label, description = '' }) => ({
      field: { line: id },
      label: `$(list-ordered) ${label}`,
      description,
    })),
    { field: 'model', label: `$(symbol-misc) ${vscode.l10n.t('Model')}: ${model ?? '–'}`, description: mark('model') },
    { field: 'data', label: `$(database) ${vscode.l10n.t('Data')}: ${dataText ?? '–'}`, description: mark('data') },
    { field: 'loss', label: `$(target) ${vscode.l10n.t('Loss')}: ${loss ?? vscode.l10n.t('automatic')}` },
    { field: 'steps', label: `$(debug-step-over) ${vscode.l10n.t('Steps')}: ${steps}` },
    { field: 'device', label: `$(chip) ${vscode.l10n.t('Device')}: ${device}` },
    ...(known ? [{ field: 'file' as const, label: `$(json) ${vscode.l10n.t('All settings')}: ${projectFile}` }] : []),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: purpose?.title ?? vscode.l10n.t('Inspect'),
    placeHolder: ready
      ? vscode.l10n.t('Press Enter to start, or choose what to change')
      : vscode.l10n.t('Which model?'),
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return chosen?.field;
}

interface Files {
  readonly models: readonly string[];
  readonly data: readonly string[];
}

export async function findFiles(folder: string): Promise<Files> {
  const find = async (pattern: string) => {
    const found = await vscode.workspace.findFiles(new vscode.RelativePattern(folder, pattern), skipped, mostFiles);
    return found.map((uri) => relative(folder, uri.fsPath).replaceAll('\\', '/')).sort();
  };
  const [models, data] = await Promise.all([find('**/*.onnx'), find(dataFiles)]);
  return { models, data };
}

/** The change of a target for one of its lines; undefined where the user leaves it. */
async function ask(
  field: Exclude<Field, 'run' | 'file'>,
  folder: string,
  target: Partial<Target>,
  files: Files,
): Promise<Partial<Target> | undefined> {
  switch (field) {
    case 'model': {
      const model = await pickFile(vscode.l10n.t('Model'), files.models, folder, { ONNX: ['onnx'] });
      return model === undefined ? undefined : { model };
    }
    case 'data': {
      return pickData(vscode.l10n.t('Data with samples and labels'), files.data, folder);
    }
    case 'loss': {
      const items = losses.map(([value, label, description]) => ({
        label,
        description,
        value,
        picked: value === target.loss,
      }));
      const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Loss') });
      return chosen && { loss: chosen.value };
    }
    case 'steps': {
      const text = await vscode.window.showInputBox({
        title: vscode.l10n.t('Steps'),
        prompt: vscode.l10n.t('Full-batch steps to take'),
        value: String(target.steps ?? defaultSteps),
        validateInput: (value) =>
          /^\d{1,7}$/.test(value.trim()) ? undefined : vscode.l10n.t('A whole number, 0 or more'),
      });
      return text === undefined ? undefined : { steps: Number(text) };
    }
    case 'device': {
      const chosen = await vscode.window.showQuickPick(
        devices.map(([label, description]) => ({ label, description })),
        { title: vscode.l10n.t('Device') },
      );
      return chosen && { device: chosen.label as DeviceChoice };
    }
  }
}

/** Samples with their labels: in one file, or in one for each; undefined where the user leaves. */
export async function pickData(
  title: string,
  files: readonly string[],
  folder: string,
): Promise<Pick<Partial<Target>, 'data' | 'x' | 'y'> | undefined> {
  const data = await pickFile(title, files, folder);
  if (data === undefined) return undefined;
  // A file with a single array needs a second one with the labels.
  if (!/\.npy(\.gz)?$|ubyte(\.gz)?$/.test(data)) return { data, x: undefined, y: undefined };
  const others = files.filter((file) => file !== data);
  const y = await pickFile(vscode.l10n.t('Labels'), others, folder);
  return y === undefined ? undefined : { data: undefined, x: data, y };
}

export async function pickFile(
  title: string,
  files: readonly string[],
  folder: string,
  filters?: Record<string, string[]>,
): Promise<string | undefined> {
  const browse = `$(folder-opened) ${vscode.l10n.t('Browse…')}`;
  const chosen = await vscode.window.showQuickPick([...files, browse], {
    title,
    placeHolder: vscode.l10n.t('A file of the workspace, or browse'),
  });
  if (chosen !== browse) return chosen;
  const [uri] =
    (await vscode.window.showOpenDialog({ title, defaultUri: vscode.Uri.file(folder), ...(filters && { filters }) })) ??
    [];
  if (!uri) return undefined;
  const inside = relative(folder, uri.fsPath).replaceAll('\\', '/');
  return inside.startsWith('../') ? uri.fsPath : inside;
}
