import * as vscode from 'vscode';
import { verdict } from '../../advice/hover.ts';
import { measuredHint, measuredTitle } from '../../advice/measured.ts';
import { summarize } from '../../advice/summary.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { MeasuredRun } from '../../shared/protocol.ts';
import { type Configurations, SELECTOR } from '../configurations.ts';
import { eitherOf } from '../events.ts';
import type { Inspections } from '../inspect/inspections.ts';
import type { Settings } from '../settings.ts';
import { measuredAnew, measuredFor } from './measuredFor.ts';
import type { MeasuredRuns } from './measuredRuns.ts';

/** How long hints wait for the disk, in milliseconds. */
const patience = 200;

/** What was measured, else what the theory says, behind each configuration; off unless the user turns it on. */
export function registerInlayHints(
  configurations: Configurations,
  settings: Settings,
  runs: MeasuredRuns,
  inspections: Inspections,
): vscode.Disposable {
  const edited = eitherOf(settings.onDidChange, configurations.onDidChange);
  return vscode.languages.registerInlayHintsProvider(SELECTOR, {
    onDidChangeInlayHints: eitherOf(edited, measuredAnew(inspections, runs)),
    async provideInlayHints(document, range, token) {
      if (token.isCancellationRequested || !settings.get('inlayHints.enabled', document)) return [];
      const found = (await configurations.of(document)).map(async (config) =>
        hint(document, config, await measuredFor(runs, config, document, patience)),
      );
      return (await Promise.all(found)).flatMap((each) => (each && range.contains(each.position) ? [each] : []));
    },
  });
}

function hint(
  document: vscode.TextDocument,
  config: OptimizerConfig,
  run: MeasuredRun | undefined,
): vscode.InlayHint | undefined {
  const measured = run && measuredHint(run);
  const summary = summarize(config);
  if (measured === undefined && summary.kappa === null) return undefined;
  // A call ends where it closes; a mapping in a configuration file has no such place, its optimizer's line has.
  const position =
    document.languageId === 'python'
      ? document.positionAt(config.callRange.to)
      : document.lineAt(document.positionAt(config.range.to)).range.end;
  const { kappa } = summary;
  const theory =
    kappa === 0
      ? 'theory: no effect on the gradient norm'
      : kappa !== null && kappa < 0
        ? 'theory: larger gradient norm'
        : 'theory: smaller gradient norm';
  // Editors cut hints after 43 characters.
  const result = new vscode.InlayHint(position, measured ?? theory);
  result.paddingLeft = true;
  result.tooltip = [run && measuredTitle(run), verdict(config, summary)].filter(Boolean).join('\n\n');
  return result;
}
