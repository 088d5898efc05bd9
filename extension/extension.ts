import * as vscode from 'vscode';
import { registerAgents } from './features/agents/agents.ts';
import { registerCodeLens } from './features/code/codeLens.ts';
import { registerCommands } from './features/code/commands.ts';
import { registerDiagnostics } from './features/code/diagnostics.ts';
import { registerHover } from './features/code/hover.ts';
import { registerInlayHints } from './features/code/inlayHints.ts';
import { registerLanguageStatus } from './features/code/languageStatus.ts';
import { MeasuredRuns } from './features/code/measuredRuns.ts';
import { registerQuickFixes } from './features/code/quickFixes.ts';
import { StrengthDecorations } from './features/code/strengthDecorations.ts';
import { Configurations } from './features/configurations.ts';
import { registerDocumentation } from './features/documentation/documentation.ts';
import { registerComparisons } from './features/experiments/comparisons.ts';
import { registerExperiments } from './features/experiments/experiments.ts';
import { ResultPages } from './features/experiments/pages.ts';
import { registerExport } from './features/export/exportFromScript.ts';
import { registerSetUpGpu } from './features/gpu/setUpGpu.ts';
import { registerInspect } from './features/inspect/inspect.ts';
import { Inspections } from './features/inspect/inspections.ts';
import { registerModelEditor } from './features/model/modelEditor.ts';
import { Panel } from './features/panel/panel.ts';
import { Plans, registerPlans } from './features/plans/plans.ts';
import { reader } from './features/reading/reader.ts';
import { registerRunsView } from './features/runs/runsView.ts';
import { registerSample } from './features/sample/sample.ts';
import { Settings } from './features/settings.ts';

export function activate(context: vscode.ExtensionContext): void {
  const { subscriptions, extensionUri } = context;
  const log = vscode.window.createOutputChannel('Optimizer Bias', { log: true });
  const settings = new Settings();
  const configurations = new Configurations(log);
  const inspections = new Inspections(extensionUri, log);
  const panel = new Panel(extensionUri, inspections, log);
  const runs = new MeasuredRuns();
  const pages = new ResultPages(extensionUri, log);
  const plans = new Plans(extensionUri, pages, log);
  subscriptions.push(
    log,
    pages,
    settings,
    reader,
    configurations,
    inspections,
    panel,
    registerCommands(configurations, settings, log),
    registerDocumentation(),
    registerHover(configurations, settings, runs),
    registerCodeLens(configurations, settings, runs, inspections),
    registerInlayHints(configurations, settings, runs, inspections),
    registerDiagnostics(configurations, settings),
    registerQuickFixes(configurations, settings),
    registerLanguageStatus(configurations),
    registerInspect(configurations, inspections, panel, pages, log, context.workspaceState),
    registerExperiments(extensionUri, pages, log),
    registerComparisons(configurations, extensionUri, pages, plans, log),
    registerPlans(plans, pages),
    new StrengthDecorations(panel, configurations, settings),
    registerRunsView(panel, pages, inspections),
    registerModelEditor(extensionUri, log),
    registerExport(context, configurations, log),
    registerSample(context),
    registerSetUpGpu(context, log),
    registerAgents(context.extension),
  );
}
