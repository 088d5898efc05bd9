import * as vscode from 'vscode';
import type { TrainingFacts } from '../../configs/training.ts';
import { projectFile, type Target } from '../../shared/target.ts';
import { type ConfiguredOptimizer, describeOptimizer } from './hyper.ts';
import { findFiles } from './pickFile.ts';
import { type Proposal, propose, trainingDifferences, withModel } from './proposal.ts';
import { dataText, type Row, rows } from './sheetRows.ts';
import { defaultSteps } from './targets.ts';

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
  readonly training: TrainingFacts & { readonly schedule?: string };
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

type Chosen = { readonly row: Row } | { readonly line: string } | 'run' | 'file' | 'export';

/**
 * Shows what will be inspected with what, one line for each setting, and lets the user change any of them. Resolves with the
 * target once the first line is chosen, and with undefined where the user leaves.
 */
export async function confirm(sheet: Sheet): Promise<Target | undefined> {
  const { folder, targets, purpose, training } = sheet;
  const files = await findFiles(folder);
  const known = { ...files, targets };
  const context = { folder, files, training };
  let proposal: Proposal = propose(sheet.target, known);
  for (;;) {
    const chosen = await choose(proposal, sheet);
    if (chosen === undefined) return undefined;
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
      if (purpose?.problem() === undefined) return target as Target;
      continue;
    }
    if (typeof chosen === 'object' && 'line' in chosen) {
      await purpose?.change(chosen.line);
      continue;
    }
    const row = typeof chosen === 'object' ? chosen.row : rows.model;
    const change = await row.ask(target, context);
    if (!change) continue;
    if (row === rows.model && change.model !== undefined) {
      if (change.model !== target.model) proposal = withModel(target, change.model, known);
    } else {
      const { [row.id as 'data']: _, ...others } = marks;
      proposal = { target: { ...target, ...change }, marks: others };
    }
  }
}

async function choose(
  { target, marks }: Proposal,
  { source, optimizer, targets, purpose, training }: Sheet,
): Promise<Chosen | undefined> {
  const { model, loss, steps = defaultSteps } = target;
  const ready = model !== undefined;
  const from = source ? `${source.path}, line ${source.line}` : 'defaults of PyTorch';
  const unknown =
    optimizer.unknown.length > 0 ? ` · not known from the text, so the default: ${optimizer.unknown.join(', ')}` : '';
  const problem = ready ? purpose?.problem() : undefined;
  const start = purpose ? purpose.action(model ?? '') : `Inspect ${model ?? ''}`;
  const differs = source ? trainingDifferences(target, training) : [];
  const differsText = differs.length > 0 ? ` · differs from your training: ${differs.join(', ')}` : '';
  const items: (vscode.QuickPickItem & { chosen: Chosen })[] = [
    {
      chosen: 'run',
      label: ready ? (problem ? `$(warning) ${problem}` : `$(play) ${start}`) : `$(add) Choose a model (.onnx)…`,
      description: ready
        ? [dataText(target) ?? 'without data', loss, `${steps} steps`, purpose?.summary()].filter(Boolean).join(' · ')
        : '',
      detail: `${describeOptimizer(optimizer)} · ${from}${unknown}${differsText}`,
    },
    ...(!ready && source?.path.endsWith('.py')
      ? [
          {
            chosen: 'export' as const,
            label: `$(export) ${'Export from This Script…'}`,
            description: `no model yet: ${source.path} is run until enough samples were seen`,
          },
        ]
      : []),
    { chosen: 'run', label: 'Change', kind: vscode.QuickPickItemKind.Separator },
    ...(purpose?.lines() ?? []).map(({ id, label, description = '' }) => ({
      chosen: { line: id },
      label: `$(list-ordered) ${label}`,
      description,
    })),
    ...Object.values<Row>(rows)
      .filter(({ ofInspections }) => !purpose || !ofInspections)
      .map((row) => ({
        chosen: { row },
        label: `$(${row.icon}) ${row.label}: ${row.text(target)}`,
        description: markText(marks[row.id as 'data']) || (row.hint?.(target, training) ?? ''),
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

const markText = (mark: 'guessed' | 'used last' | undefined): string =>
  mark === undefined ? '' : mark === 'guessed' ? 'guessed' : 'used last';
