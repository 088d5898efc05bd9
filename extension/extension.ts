import * as vscode from 'vscode';
import { registerCodeLens } from './features/codeLens.ts';
import { registerCommands } from './features/commands.ts';
import { Configurations } from './features/configurations.ts';
import { registerDiagnostics } from './features/diagnostics.ts';
import { registerDocumentation } from './features/documentation.ts';
import { ResultPages } from './features/experiments/pages.ts';
import { registerExperiments } from './features/experiments.ts';
import { registerHover } from './features/hover.ts';
import { registerInlayHints } from './features/inlayHints.ts';
import { Inspections } from './features/inspect/inspections.ts';
import { registerInspect } from './features/inspect.ts';
import { registerLanguageStatus } from './features/languageStatus.ts';
import { registerModelEditor } from './features/modelEditor.ts';
import { Panel } from './features/panel.ts';
import { registerQuickFixes } from './features/quickFixes.ts';
import { registerRunsView } from './features/runsView.ts';
import { registerSample } from './features/sample.ts';
import { Settings } from './features/settings.ts';
import { registerSetUpGpu } from './features/setUpGpu.ts';
import { StrengthDecorations } from './features/strengthDecorations.ts';
import { registerSweep } from './features/sweep.ts';

export function activate(context: vscode.ExtensionContext): void {
  const { subscriptions, extensionUri } = context;
  const log = vscode.window.createOutputChannel('Optimizer Bias', { log: true });
  const settings = new Settings();
  const configurations = new Configurations(log);
  const inspections = new Inspections(extensionUri, log);
  const panel = new Panel(extensionUri, inspections, log);
  const pages = new ResultPages(extensionUri, log);
  subscriptions.push(
    log,
    pages,
    settings,
    configurations,
    inspections,
    panel,
    registerCommands(configurations, settings, log),
    registerDocumentation(),
    registerHover(configurations, settings),
    registerCodeLens(configurations, settings),
    registerInlayHints(configurations, settings),
    registerDiagnostics(configurations, settings),
    registerQuickFixes(configurations, settings),
    registerLanguageStatus(configurations),
    registerInspect(configurations, inspections, panel, pages, log),
    registerExperiments(extensionUri, pages, log),
    registerSweep(configurations, extensionUri, pages, log),
    new StrengthDecorations(panel, configurations, settings),
    registerRunsView(panel, pages, inspections),
    registerModelEditor(extensionUri, log),
    registerSample(context),
    registerSetUpGpu(context, log),
  );
}
