import * as vscode from 'vscode';
import { codeLensText } from '../../advice/hover.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import { type Configurations, rangeIn, SELECTOR } from '../configurations.ts';
import { configuredOptimizer } from '../inspect/hyper.ts';
import type { Settings } from '../settings.ts';
import { typedCommand } from '../typedCommand.ts';

/** The verdict above each configuration. */
export function registerCodeLens(configurations: Configurations, settings: Settings): vscode.Disposable {
  return vscode.languages.registerCodeLensProvider(SELECTOR, {
    onDidChangeCodeLenses: settings.onDidChange,
    provideCodeLenses(document, token) {
      if (token.isCancellationRequested || !settings.get('codeLens.enabled', document)) return [];
      return configurations.in(document).flatMap((config) => lenses(document, config));
    },
  });
}

/** What stands above one configuration, from left to right. */
function lenses(document: vscode.TextDocument, config: OptimizerConfig): vscode.CodeLens[] {
  const range = rangeIn(document, config.range);
  const { line, character } = range.start;
  const commands = [
    typedCommand(codeLensText(config), 'optimizerBias.explain', document.uri.toString(), line, character),
    ...(configuredOptimizer(config)
      ? [typedCommand(vscode.l10n.t('Inspect…'), 'optimizerBias.inspect', document.uri.toString(), line, character)]
      : []),
    ...(configuredOptimizer(config) && config.hyperparameters.has('beta2')
      ? [
          typedCommand(
            vscode.l10n.t('Compare β₂'),
            'optimizerBias.compareBeta2',
            document.uri.toString(),
            line,
            character,
          ),
        ]
      : []),
  ];
  return commands.map((command) => new vscode.CodeLens(range, command));
}
