import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../../contributions.ts';
import { labelOf } from '../../jobs/compareResult.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import { isPlan } from '../../plans/plan.ts';
import type { CompareRequest } from '../../shared/experiments.ts';
import type { Configurations } from '../configurations.ts';
import { chooseConfiguration, isTrusted } from '../inspect/inspect.ts';
import { prepare } from '../inspect/prepare.ts';
import type { Plans } from '../plans/plans.ts';
import { reader } from '../reading/reader.ts';
import { registerCommand } from '../typedCommand.ts';
import { CompareForm } from './compareForm.ts';
import { runWithProgress } from './engineRun.ts';
import type { UnfinishedComparison } from './folders.ts';
import type { ResultPages } from './pages.ts';

const comparedBeta2 = [0.9, 0.95, 0.99, 0.999];

/** Settings held against the user's own: β₂ alone from the CodeLens, any from the palette. Sweeps of the command line go on, too. */
export function registerComparisons(
  configurations: Configurations,
  extension: vscode.Uri,
  pages: ResultPages,
  plans: Plans,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  const run = async (title: string, request: CompareRequest): Promise<boolean> => {
    if (request.out !== undefined && pages.isWorkedOn(request.out)) {
      void vscode.window.showInformationMessage('This comparison is running already.');
      return false;
    }
    return runWithProgress(extension, log, title, { type: 'compare', request }, pages);
  };
  const start = async (kind: 'beta2' | 'any', where: CommandArguments['optimizerBias.sweep']) => {
    if (!(await isTrusted())) return;
    const [uri, line, character] = where;
    const chosen = await chooseConfiguration(configurations, uri, line, character);
    if (!chosen) return;
    const { optimizer, folder } = chosen;
    const { title: name, hyperparameters } = optimizerNamed(optimizer.optimizer);
    if (kind === 'beta2' && !hyperparameters.some((spec) => spec.name === 'beta2')) {
      void vscode.window.showInformationMessage(`${name} has no β₂ to compare.`);
      return;
    }
    const old = await offerResume(
      (await reader.ask('unfinished', folder)).filter((each) => !pages.isWorkedOn(each.folder)),
    );
    if (old === undefined) return;
    if (old !== 'new') {
      await run(basename(old.folder), { ...old.request, out: old.folder });
      return;
    }
    const form =
      kind === 'beta2'
        ? new CompareForm('Compare β₂', optimizer, folder, { beta2: comparedBeta2 }, ['beta2'])
        : new CompareForm('Compare Settings', optimizer, folder);
    const prepared = await prepare(chosen, log, form);
    if (!prepared) return;
    const { request } = prepared.inspection;
    if (form.planned) {
      if (await plans.write(form.request(request))) prepared.remember();
      return;
    }
    if (await run(form.action(basename(request.model)), form.request(request))) prepared.remember();
  };
  return vscode.Disposable.from(
    registerCommand('optimizerBias.compareBeta2', (...where) => start('beta2', where)),
    registerCommand('optimizerBias.sweep', (...where) => start('any', where)),
    pages.onRepeat(async ({ folder, header: { name, title }, resume }) => {
      if (resume && isPlan(folder)) return;
      const comparison = name === 'compare' && (await reader.ask('comparison', folder));
      const sweep = name === 'sweep' && (await reader.ask('sweep', folder));
      if ((!comparison && !sweep) || !(await isTrusted())) return;
      const out = resume ? folder : undefined;
      if (comparison) await run(title, { ...comparison, out });
      else if (sweep)
        await runWithProgress(extension, log, title, { type: 'sweep', request: { ...sweep.request, out } }, pages);
    }),
  );
}

/** Asks whether a half-finished comparison is to be continued, where there is one; undefined where the user leaves. */
async function offerResume(
  unfinished: readonly UnfinishedComparison[],
): Promise<UnfinishedComparison | 'new' | undefined> {
  if (unfinished.length === 0) return 'new';
  const items: (vscode.QuickPickItem & { answer: UnfinishedComparison | 'new' })[] = [
    { label: `$(add) New comparison`, answer: 'new' },
    ...unfinished.map((each) => ({
      label: `$(debug-continue) Resume ${basename(each.folder)}`,
      description: `${each.request.seeds.length} × ${each.request.settings.length + 1} runs, not all taken`,
      detail: each.request.settings.map(labelOf).join(' · '),
      answer: each,
    })),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Compare',
    placeHolder: 'A comparison has not been finished',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.answer;
}
