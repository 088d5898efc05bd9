import { resolve } from 'node:path';
import * as vscode from 'vscode';
import type { ConfiguredOptimizer } from '../../advice/configured.ts';
import { isDataFile } from '../../configs/languages.ts';
import { planLines, planShortSteps, type RunPlan } from '../../jobs/plan.ts';
import { type Timing, timingText } from '../../jobs/timing.ts';
import { outputsOf } from '../../onnx/outputs.ts';
import { failureOf } from '../../shared/errors.ts';
import { setting } from '../../shared/format.ts';
import type { InspectRequest } from '../../shared/request.ts';
import { projectFile, type Target } from '../../shared/target.ts';
import { exportTitle } from '../export/configured.ts';
import { tellFailure } from '../told.ts';
import { askHyper } from './askHyper.ts';
import { describeOptimizer, hyperOf, hyperTitle, type OpenValue, openValues, optimizerWithoutText } from './hyper.ts';
import { findFiles } from './pickFile.ts';
import { type Proposal, propose, type Training, trainingDifferences, withModel } from './proposal.ts';
import { dataText, type Row, rows } from './sheetRows.ts';
import { defaultSteps, requestOf } from './targets.ts';

/** What is to be inspected, before the user has confirmed it. */
export interface Sheet {
  readonly folder: string;
  readonly source: { readonly path: string; readonly line: number } | undefined;
  readonly optimizer: ConfiguredOptimizer;
  /** What the project file remembers, the last used first. */
  readonly targets: readonly Target[];
  /** What is known of the target already. */
  readonly target: Partial<Target>;
  /** What the script's own training is like. */
  readonly training: Training;
  /** What the target is for, where it is not an inspection. */
  readonly purpose?: Purpose;
}

/** Something else that is done with a model and data, at the batch size and clipping of the script, and its own lines of the sheet. */
export interface Purpose {
  readonly title: string;
  /** Steps where none are remembered. */
  readonly steps: number;
  /** What the first line says. */
  action(model: string): string;
  /** What is added to the description of the first line. */
  summary(target: Partial<Target>): string;
  /** Why it cannot start yet. */
  problem(): string | undefined;
  lines(
    target: Partial<Target>,
  ): readonly { readonly id: string; readonly label: string; readonly description?: string }[];
  change(id: string, target: Partial<Target>): Promise<void>;
}

type Chosen = { readonly row: Row } | { readonly line: string } | { readonly open: OpenValue } | 'run' | 'file' | 'export' | 'none'; // biome-ignore format: one line

/** What the user has confirmed. */
export interface Confirmed {
  readonly target: Target;
  readonly optimizer: ConfiguredOptimizer;
  /** Hyper-parameters that were answered here. */
  readonly asked: readonly string[];
}

/** What the sheet holds while it is filled in. */
interface State {
  readonly proposal: Proposal;
  readonly optimizer: ConfiguredOptimizer;
  readonly open: readonly OpenValue[];
  readonly outputs: readonly string[];
  readonly timing: Timing | undefined;
  /** What the run will take, where it was asked for with these settings. */
  readonly plan: RunPlan | undefined;
}

/**
 * Shows what will be inspected with what, one line for each setting, and lets the user change any of them. Resolves with what is
 * to be run once the first line is chosen, and with undefined where the user leaves. What the text leaves open is asked before.
 */
export async function confirm(sheet: Sheet): Promise<Confirmed | undefined> {
  const { folder, targets, purpose, training, source } = sheet;
  const files = await findFiles(folder);
  const known = { ...files, targets };
  const asked: string[] = [];
  let proposal: Proposal = propose(sheet.target, known);
  let timing: Timing | undefined;
  let plan: RunPlan | undefined;
  const answer = async (open: OpenValue): Promise<boolean> => {
    const where = source ? `Not known from ${source.path}, line ${source.line}` : 'No script says it';
    const standard = open.standard === undefined ? '' : `; the library’s default is ${setting(open.standard)}`;
    const value = await askHyper(open, `${open.spec.description}. ${where}${standard}.`);
    if (value === undefined) return false;
    const { target, marks } = proposal;
    const { optimizer } = optimizerIn(sheet, target);
    const before = target.optimizer === undefined || target.optimizer === optimizer ? target.hyper : {};
    const hyper = { ...before, [open.spec.name]: value };
    proposal = { target: { ...target, optimizer, hyper }, marks };
    if (!asked.includes(open.spec.name)) asked.push(open.spec.name);
    return true;
  };
  const stateOf = (): State => {
    const { target } = proposal;
    const optimizer = optimizerIn(sheet, target);
    const where = source && `line ${source.line}`;
    const open = purpose && !source ? [] : openValues(optimizer, { known: target, asked, where });
    const outputs = target.model === undefined ? [] : outputsOf(resolve(folder, target.model));
    return { proposal, optimizer, open, outputs, timing, plan };
  };
  for (;;) {
    const state = stateOf();
    const { optimizer, open } = state;
    const context = {
      ...{ folder, files, training, outputs: state.outputs },
      async time() {
        plan = await planned(requestOf(folder, proposal.target as Target, optimizer));
        timing = plan?.timing;
        return timing;
      },
    };
    const chosen = await choose(state, sheet);
    if (chosen === undefined) return undefined;
    if (chosen === 'none') continue;
    if (chosen === 'export') {
      const script = vscode.Uri.joinPath(vscode.Uri.file(folder), sheet.source!.path);
      void vscode.commands.executeCommand('optimizerBias.exportFromScript', script.toString());
      return undefined;
    }
    if (chosen === 'file') {
      await vscode.window.showTextDocument(vscode.Uri.joinPath(vscode.Uri.file(folder), projectFile));
      return undefined;
    }
    const { target, marks } = proposal;
    if (chosen === 'run' && target.model !== undefined) {
      if (purpose?.problem() !== undefined) continue;
      let isComplete = true;
      if (source)
        for (const each of open) if (each.value === undefined) isComplete = isComplete && (await answer(each));
      if (isComplete) return { target: proposal.target as Target, optimizer, asked };
      continue;
    }
    if (typeof chosen === 'object' && 'open' in chosen) {
      await answer(chosen.open);
      continue;
    }
    if (typeof chosen === 'object' && 'line' in chosen) {
      await purpose?.change(chosen.line, target);
      continue;
    }
    const row: Row = typeof chosen === 'object' ? chosen.row : rows.model;
    const before = plan;
    const change = await row.ask(target, context);
    if (!change) continue;
    // Of other settings.
    if (plan === before) plan = undefined;
    if (row === rows.model || row === rows.data) timing = undefined;
    if (row === rows.model && change.model !== undefined) {
      if (change.model !== target.model) proposal = withModel(target, change.model, known);
    } else {
      const { [row.id as 'data']: _, ...others } = marks;
      proposal = { target: { ...target, ...change }, marks: others };
    }
  }
}

/** Without a script, what the project file knows of the model's training. */
const optimizerIn = ({ source, optimizer }: Sheet, target: Partial<Target>): ConfiguredOptimizer =>
  source ? optimizer : optimizerWithoutText(target);

/** Steps are taken with a bar that can be left. */
function planned(request: InspectRequest): Thenable<RunPlan | undefined> {
  const bar = { location: vscode.ProgressLocation.Notification, title: 'Measuring a step…', cancellable: true };
  return vscode.window.withProgress(bar, async (_, token) => {
    const abort = new AbortController();
    token.onCancellationRequested(() => abort.abort());
    try {
      return await planShortSteps(request, abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) void tellFailure(failureOf(error), { folder: request.directory });
      return undefined;
    }
  });
}

async function choose(
  { proposal: { target, marks }, optimizer, open, outputs, timing, plan }: State,
  { source, targets, purpose, training }: Sheet,
): Promise<Chosen | undefined> {
  const { model, loss, steps = defaultSteps } = target;
  const ready = model !== undefined;
  const from = source ? ` · ${source.path}, line ${source.line}` : '';
  const missing = source
    ? open.filter(({ value }) => value === undefined).map(({ spec }) => hyperTitle(spec.name))
    : [];
  const unknown = missing.length > 0 ? ` · to be asked: ${missing.join(', ')}` : '';
  const problem = ready ? purpose?.problem() : undefined;
  const start = purpose ? purpose.action(model ?? '') : `Inspect ${model ?? ''}`;
  const differs = trainingDifferences(target, training);
  const items: (vscode.QuickPickItem & { chosen: Chosen })[] = [
    {
      chosen: 'run',
      label: ready ? (problem ? `$(warning) ${problem}` : `$(play) ${start}`) : `$(add) Choose a model (.onnx)…`,
      description: ready
        ? [dataText(target) ?? 'without data', loss, `${steps} steps`, purpose?.summary(target)]
            .filter(Boolean)
            .join(' · ')
        : '',
      detail: `${describeOptimizer(hyperOf(optimizer, target))}${unknown}${from}`,
    },
    ...(ready && differs.length > 0
      ? [{ chosen: 'none' as const, label: `$(info) Differs from your training: ${differs.join(' · ')}` }]
      : []),
    ...(ready && plan
      ? planLines(plan, { steps }).map(([about, text]) => ({
          chosen: 'none' as const,
          label: `$(info) ${about.charAt(0).toUpperCase()}${about.slice(1)}: ${text}`,
        }))
      : []),
    ...(!ready && source && (source.path.endsWith('.py') || isDataFile(source.path))
      ? [
          {
            chosen: 'export' as const,
            label: `$(export) ${exportTitle(source)}`,
            description: `no model yet: ${source.path.endsWith('.py') ? source.path : 'the script'} is run until enough samples were seen`,
          },
        ]
      : []),
    { chosen: 'run', label: 'Change', kind: vscode.QuickPickItemKind.Separator },
    ...(purpose?.lines(target) ?? []).map(({ id, label, description = '' }) => ({
      chosen: { line: id },
      label: `$(list-ordered) ${label}`,
      description,
    })),
    ...open.map((each) => ({
      chosen: { open: each },
      label: `$(${each.value === undefined && source ? 'question' : 'symbol-numeric'}) ${hyperTitle(each.spec.name)}: ${valueText(each, source === undefined)}`,
      description: each.description,
    })),
    ...Object.values<Row>(rows)
      .filter((row) => (!purpose || !row.ofInspections) && (row !== rows.output || outputs.length > 1))
      .map((row) => ({
        chosen: { row },
        label: `$(${row.icon}) ${row.label}: ${row.text(target, training)}`,
        description:
          (row === rows.samples && timing && timingText(timing)) ||
          markText(marks[row.id as 'data']) ||
          (row.hint?.(target, training) ?? ''),
      })),
    ...(targets.length > 0 ? [{ chosen: 'file' as const, label: `$(json) All settings: ${projectFile}` }] : []),
  ];
  const answer = await vscode.window.showQuickPick(items, {
    title: purpose?.title ?? 'Inspect',
    placeHolder: ready ? 'Press Enter to start, or choose what to change' : 'Which model?',
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return answer?.chosen;
}

const valueText = ({ value, standard }: OpenValue, proposed: boolean): string =>
  value !== undefined ? setting(value) : proposed && standard !== undefined ? setting(standard) : '?';

const markText = (mark: 'guessed' | 'used last' | undefined): string =>
  mark === undefined ? '' : mark === 'guessed' ? 'guessed' : 'used last';
