import * as vscode from 'vscode';
import { registerCodeLens } from './features/codeLens.ts';
import { registerCommands } from './features/commands.ts';
import { Configurations } from './features/configurations.ts';
import { registerDiagnostics } from './features/diagnostics.ts';
import { registerDocumentation } from './features/documentation.ts';
import { registerHover } from './features/hover.ts';
import { registerInlayHints } from './features/inlayHints.ts';
import { registerLanguageStatus } from './features/languageStatus.ts';
import { registerQuickFixes } from './features/quickFixes.ts';
import { Settings } from './features/settings.ts';

export function activate({ subscriptions }: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Optimizer Bias', { log: true });
  const settings = new Settings();
  const configurations = new Configurations(log);
  subscriptions.push(
    log,
    settings,
    configurations,
    registerCommands(configurations, settings, log),
    registerDocumentation(),
    registerHover(configurations, settings),
    registerCodeLens(configurations, settings),
    registerInlayHints(configurations, settings),
    registerDiagnostics(configurations, settings),
    registerQuickFixes(configurations, settings),
    registerLanguageStatus(configurations),
  );
}
