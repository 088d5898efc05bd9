import * as vscode from 'vscode';
import { verdict } from '../../advice/hover.ts';
import { summarize } from '../../advice/summary.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { type Configurations, SELECTOR } from '../configurations.ts';
import { eitherOf } from '../events.ts';
import type { Settings } from '../settings.ts';

/** The strength behind each configuration; off unless the user turns it on. */
export function registerInlayHints(configurations: Configurations, settings: Settings): vscode.Disposable {
  return vscode.languages.registerInlayHintsProvider(SELECTOR, {
    onDidChangeInlayHints: eitherOf(settings.onDidChange, configurations.onDidChange),
    async provideInlayHints(document, range, token) {
      if (token.isCancellationRequested || !settings.get('inlayHints.enabled', document)) return [];
      return (await configurations.of(document))
        .flatMap((config) => hint(document, config) ?? [])
        .filter(({ position }) => range.contains(position));
    },
  });
}

function hint(document: vscode.TextDocument, config: OptimizerConfig): vscode.InlayHint | undefined {
  const summary = summarize(config);
  if (summary.kappa === null) return undefined;
  // A call ends where it closes; a mapping in a configuration file has no such place, its optimizer's line has.
  const position =
    document.languageId === 'python'
      ? document.positionAt(config.callRange.to)
      : document.lineAt(document.positionAt(config.range.to)).range.end;
  const { kappa } = summary;
  const said =
    kappa === 0
      ? 'theory: no effect on the gradient norm'
      : kappa < 0
        ? 'theory: larger gradient norm'
        : 'theory: smaller gradient norm';
  // Editors cut hints after 43 characters.
  const result = new vscode.InlayHint(position, said);
  result.paddingLeft = true;
  result.tooltip = verdict(config, summary);
  return result;
}
