import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { isPlan } from '../../plans/plan.ts';
import { inEditor } from '../../shared/editorWords.ts';
import { failureOf } from '../../shared/errors.ts';
import type {
  ExperimentDescription,
  ExperimentHeader,
  ParameterSpec,
  ParameterValue,
} from '../../shared/experiments.ts';
import { folderFor, isTrusted } from '../inspect/inspect.ts';
import { findFiles, pickFile } from '../inspect/pickFile.ts';
import { reader } from '../reading/reader.ts';
import { tellFailure } from '../told.ts';
import { registerCommand } from '../typedCommand.ts';
import { describeExperiments, runWithProgress } from './engineRun.ts';
import { changedValues, formLines, readParameter, type Values, valueText } from './form.ts';
import type { ResultPages } from './pages.ts';

/** The experiments of the papers, from the palette to their results. */
export function registerExperiments(
  extension: vscode.Uri,
  pages: ResultPages,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  let known: Promise<readonly ExperimentDescription[]> | undefined;
  const list = () => {
    known ??= describeExperiments(extension).catch((error) => {
      known = undefined;
      throw error;
    });
    return known;
  };
  const start = async (name: string | undefined, values: Values = {}, place?: string) => {
    if (!(await isTrusted())) return;
    try {
      const experiment = name === undefined ? await pick(list()) : (await list()).find((each) => each.name === name);
      if (!experiment) return;
      const directory = place ?? (await folderFor(undefined))?.path;
      if (directory === undefined) return;
      const parameters = await fillIn(experiment, onlyChanged(experiment, values), directory);
      if (!parameters) return;
      const request = { name: experiment.name, directory, parameters };
      await runWithProgress(extension, log, experiment.title, { type: 'experiment', request }, pages);
    } catch (error) {
      log.error(error as Error);
      void tellFailure(failureOf(error), { place: 'experiment', folder: place });
    }
  };
  /** Continues a stopped experiment in its folder, with its own parameters. */
  const resume = async (folder: string, { name, title, directory, parameters }: ExperimentHeader) => {
    if (!(await isTrusted()) || pages.isWorkedOn(folder)) return;
    const request = { name, directory: directory ?? dirname(dirname(folder)), parameters, out: folder };
    await runWithProgress(extension, log, title, { type: 'experiment', request }, pages);
  };
  return vscode.Disposable.from(
    registerCommand('optimizerBias.runExperiment', (name) => start(name)),
    registerCommand('optimizerBias.openExperiment', (item) => (item ? pages.show(item.folder) : openResult(pages))),
    pages.onRepeat(({ folder, header, resume: again }) => {
      if (header.name === 'sweep' || header.name === 'compare' || (again && isPlan(folder))) return;
      if (again) {
        void resume(folder, header);
        return;
      }
      const own = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder));
      void start(header.name, header.parameters, own?.uri.fsPath ?? dirname(dirname(folder)));
    }),
  );
}

/** Shows an earlier result. */
async function openResult(pages: ResultPages): Promise<void> {
  const places = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file');
  const found = await reader.ask(
    'results',
    places.map(({ uri }) => uri.fsPath),
  );
  const items = found.map(({ folder, header }) => ({
    label: header.title,
    description: `${header.started.slice(0, 10)} · ${basename(folder)}`,
    detail: header.result?.sentence ?? (header.message && inEditor(header.message, 'experiment')) ?? header.status,
    folder,
  }));
  if (items.length === 0) {
    const run = 'Run Experiment…';
    const none = 'There are no results of experiments or sweeps in this workspace yet.';
    if ((await vscode.window.showInformationMessage(none, run)) === run)
      await vscode.commands.executeCommand('optimizerBias.runExperiment');
    return;
  }
  const options = { title: 'Which result?', matchOnDescription: true, matchOnDetail: true };
  const chosen = await vscode.window.showQuickPick(items, options);
  if (chosen) pages.show(chosen.folder);
}

/** Of the values of an earlier run, those that are not the defaults. */
const onlyChanged = (experiment: ExperimentDescription, values: Values): Values =>
  Object.entries(values).reduce<Values>(
    (sum, [key, value]) => (key in experiment.parameters ? changedValues(experiment, sum, key, value) : sum),
    {},
  );

async function pick(list: Promise<readonly ExperimentDescription[]>): Promise<ExperimentDescription | undefined> {
  const items = list.then((experiments) =>
    experiments.map((experiment) => ({
      label: experiment.title,
      description: experiment.figure,
      detail: experiment.summary,
      experiment,
    })),
  );
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Run Experiment',
    placeHolder: 'Which experiment?',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.experiment;
}

/** One list of all parameters, until the first line is chosen; undefined where the user leaves. */
async function fillIn(
  experiment: ExperimentDescription,
  initial: Values,
  directory: string,
): Promise<Values | undefined> {
  let values = initial;
  for (;;) {
    const lines = formLines(experiment, values);
    const changed = lines.filter((line) => line.changed).length;
    const items: (vscode.QuickPickItem & { key?: string })[] = [
      {
        label: `$(play) Run`,
        description: changed === 0 ? 'with the defaults' : `${changed} changed`,
        detail: experiment.summary,
      },
      { label: 'Change', kind: vscode.QuickPickItemKind.Separator },
      ...lines.map((line) => ({
        label: `$(${line.changed ? 'edit' : 'settings'}) ${line.label}`,
        description: line.help,
        key: line.key,
      })),
    ];
    const chosen = await vscode.window.showQuickPick(items, {
      title: experiment.title,
      placeHolder: 'Press Enter to start, or choose what to change',
      matchOnDescription: true,
      ignoreFocusOut: true,
    });
    if (!chosen) return undefined;
    if (chosen.key === undefined) return values;
    const answer = await ask(experiment, chosen.key, values[chosen.key], directory);
    if (answer) values = changedValues(experiment, values, chosen.key, answer.value);
  }
}

/** The new value of a parameter, undefined for its default; nothing where the user leaves. */
async function ask(
  experiment: ExperimentDescription,
  key: string,
  current: ParameterValue,
  directory: string,
): Promise<{ readonly value: ParameterValue } | undefined> {
  const spec: ParameterSpec = experiment.parameters[key];
  const title = formLines(experiment, {})
    .find((line) => line.key === key)!
    .label.replace(/:.*$/, '');
  if (spec.kind === 'switch') return { value: !(current ?? spec.default) };
  if (spec.kind === 'choice') {
    const value = await vscode.window.showQuickPick([...(spec.choices ?? [])], {
      title,
      placeHolder: inEditor(spec.help, 'experiment'),
    });
    return value === undefined ? undefined : { value };
  }
  if (spec.kind === 'file') {
    if (current !== undefined) return { value: undefined };
    const { models, data } = await findFiles(directory);
    const value = await pickFile(title, [...data, ...models], directory);
    return value === undefined ? undefined : { value };
  }
  const shown = current ?? spec.default;
  const text = await vscode.window.showInputBox({
    title,
    prompt: `${inEditor(spec.help, 'experiment')} (empty: the default)`,
    value: shown === undefined ? '' : valueText(shown),
    ignoreFocusOut: true,
    validateInput: (typed) => {
      const read = readParameter(experiment, key, typed);
      return 'problem' in read ? read.problem : undefined;
    },
  });
  if (text === undefined) return undefined;
  const read = readParameter(experiment, key, text);
  return 'problem' in read ? undefined : read;
}
