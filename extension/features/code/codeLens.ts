import * as vscode from 'vscode';
import { configuredOptimizer } from '../../advice/configured.ts';
import { codeLensText, optimizerTitle } from '../../advice/hover.ts';
import { measuredTitle } from '../../advice/measured.ts';
import type { OptimizerConfig } from '../../configs/config.ts';
import type { MeasuredRun } from '../../shared/protocol.ts';
import { type Configurations, rangeIn, SELECTOR } from '../configurations.ts';
import { eitherOf } from '../events.ts';
import { trainsAt } from '../export/arguments.ts';
import { exportTitle } from '../export/configured.ts';
import type { Inspections } from '../inspect/inspections.ts';
import { notLookedAt } from '../inspect/pickFile.ts';
import type { Settings } from '../settings.ts';
import { typedCommand } from '../typedCommand.ts';
import { measuredAnew, measuredFor } from './measuredFor.ts';
import type { MeasuredRuns } from './measuredRuns.ts';

/** How long lenses wait for the disk. */
const patience = 200;

/** What was measured, and the verdict, above each configuration. */
export function registerCodeLens(
  configurations: Configurations,
  settings: Settings,
  runs: MeasuredRuns,
  inspections: Inspections,
): vscode.Disposable {
  const edited = eitherOf(settings.onDidChange, configurations.onDidChange);
  return vscode.languages.registerCodeLensProvider(SELECTOR, {
    onDidChangeCodeLenses: eitherOf(edited, measuredAnew(inspections, runs)),
    async provideCodeLenses(document, token) {
      if (token.isCancellationRequested || !settings.get('codeLens.enabled', document)) return [];
      const configs = await configurations.of(document);
      if (configs.length > settings.get('codeLens.mostPerFile', document)) return [summaryLens(document, configs)];
      if (configs.length === 0) return trainingLens(document);
      const exports = !document.uri.path.endsWith('.ipynb') && !(await hasModel(document));
      const found = configs.map(async (config) => {
        const run = await measuredFor(runs, config, document, patience);
        return lenses(document, config, run, exports);
      });
      return (await Promise.all(found)).flat();
    },
  });
}

/** Whether a model lies in the document's workspace folder; without one the way begins with an export. */
async function hasModel(document: vscode.TextDocument): Promise<boolean> {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  if (!folder) return true;
  const pattern = new vscode.RelativePattern(folder, '**/*.onnx');
  return (await vscode.workspace.findFiles(pattern, notLookedAt, 1)).length > 0;
}

/** The way to a model of a script whose optimizer stands in no text of its own, such as one that calls a Trainer. */
async function trainingLens(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
  if (document.languageId !== 'python' || document.uri.scheme !== 'file') return [];
  const offset = trainsAt(document.getText());
  if (offset === undefined || (await hasModel(document))) return [];
  const command = typedCommand(exportTitle(document.uri), 'optimizerBias.exportFromScript', document.uri.toString());
  const at = document.positionAt(offset);
  return [new vscode.CodeLens(new vscode.Range(at, at), command)];
}

/** One line for all configurations of a document that has many. */
function summaryLens(document: vscode.TextDocument, configs: readonly OptimizerConfig[]): vscode.CodeLens {
  const titles = [...new Set(configs.map(({ optimizer }) => optimizerTitle(optimizer)))];
  const named = titles.slice(0, 4).join(', ') + (titles.length > 4 ? ', …' : '');
  const title = `${configs.length} optimizers: ${named}`;
  return new vscode.CodeLens(rangeIn(document, configs[0].range), typedCommand(title, 'optimizerBias.goToOptimizer'));
}

/** What stands above one configuration, from left to right: what was measured comes first. */
function lenses(
  document: vscode.TextDocument,
  config: OptimizerConfig,
  run: MeasuredRun | undefined,
  exports: boolean,
): vscode.CodeLens[] {
  const range = rangeIn(document, config.range);
  const { line, character } = range.start;
  const at = [document.uri.toString(), line, character] as const;
  const measured = run && measuredTitle(run);
  const runs = configuredOptimizer(config) !== undefined;
  const commands = [
    run && measured !== undefined && typedCommand(measured, 'optimizerBias.openRun', { folder: run.folder }),
    typedCommand(codeLensText(config), 'optimizerBias.explain', ...at),
    runs && typedCommand('Inspect…', 'optimizerBias.inspect', ...at),
    runs &&
      exports &&
      typedCommand(exportTitle(document.uri), 'optimizerBias.exportFromScript', document.uri.toString()),
    runs && config.hyperparameters.has('beta2') && typedCommand('Compare β₂', 'optimizerBias.compareBeta2', ...at),
  ];
  return commands.flatMap((command) => (command ? [new vscode.CodeLens(range, command)] : []));
}
