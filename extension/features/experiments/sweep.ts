import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { CommandArguments } from '../../contributions.ts';
import { optimizerNamed } from '../../optimizers/registry.ts';
import type { SweepRequest } from '../../shared/experiments.ts';
import type { Configurations } from '../configurations.ts';
import { chooseConfiguration, isTrusted } from '../inspect/inspect.ts';
import { prepare } from '../inspect/prepare.ts';
import { registerCommand } from '../typedCommand.ts';
import { runWithProgress } from './engineRun.ts';
import { comparisonIn, sweepIn, type Unfinished, unfinishedSweeps } from './folders.ts';
import type { ResultPages } from './pages.ts';
import { SweepForm } from './sweepForm.ts';

const comparedBeta2 = [0.9, 0.95, 0.99, 0.999];

/** Runs of one model at several hyper-parameters: β₂ alone from the CodeLens, any from the palette. */
export function registerSweep(
  configurations: Configurations,
  extension: vscode.Uri,
  pages: ResultPages,
  log: vscode.LogOutputChannel,
): vscode.Disposable {
  const run = async (title: string, request: SweepRequest): Promise<boolean> => {
    if (request.out !== undefined && pages.isWorkedOn(request.out)) {
      void vscode.window.showInformationMessage('This sweep is running already.');
      return false;
    }
    return runWithProgress(extension, log, title, { type: 'sweep', request }, pages);
  };
  const resume = ({ folder, header }: Pick<Unfinished, 'folder' | 'header'>) =>
    run(basename(folder), { ...header.request, out: folder });
  const start = async (kind: 'beta2' | 'any', where: CommandArguments['optimizerBias.sweep']) => {
    if (!(await isTrusted())) return;
    const chosen = await chooseConfiguration(configurations, ...threeOf(where));
    if (!chosen) return;
    const { optimizer, folder } = chosen;
    const { title: name, hyperparameters } = optimizerNamed(optimizer.optimizer);
    if (kind === 'beta2' && !hyperparameters.some((spec) => spec.name === 'beta2')) {
      void vscode.window.showInformationMessage(`${name} has no β₂ to compare.`);
      return;
    }
    const old = await offerResume(unfinishedSweeps(folder).filter((each) => !pages.isWorkedOn(each.folder)));
    if (old === undefined) return;
    if (old !== 'new') return resume(old);
    const form =
      kind === 'beta2'
        ? new SweepForm('Compare β₂', optimizer, folder, { beta2: comparedBeta2 }, ['beta2'])
        : new SweepForm('Sweep', optimizer, folder);
    const prepared = await prepare(chosen, log, form);
    if (!prepared) return;
    const { request } = prepared.inspection;
    if (await run(form.action(basename(request.model)), form.request(request))) prepared.remember();
  };
  return vscode.Disposable.from(
    registerCommand('optimizerBias.compareBeta2', (...where) => start('beta2', where)),
    registerCommand('optimizerBias.sweep', (...where) => start('any', where)),
    pages.onRepeat(async ({ folder, header, resume: again }) => {
      if (header.name === 'compare' && (await isTrusted())) {
        const request = comparisonIn(folder);
        if (!request) return;
        const { out: _, ...fresh } = request;
        const out = again ? { out: folder } : {};
        await runWithProgress(extension, log, header.title, { type: 'compare', request: { ...fresh, ...out } }, pages);
      }
      if (header.name !== 'sweep' || !(await isTrusted())) return;
      const sweep = sweepIn(folder);
      if (!sweep) return;
      const { out: _, ...request } = sweep.request;
      await (again ? resume({ folder, header: sweep }) : run(header.title, request));
    }),
  );
}

const threeOf = ([where, line, character]: CommandArguments['optimizerBias.sweep']) =>
  [where, line, character] as const;

/** Asks whether a half-finished sweep is to be continued, where there is one; undefined where the user leaves. */
async function offerResume(unfinished: readonly Unfinished[]): Promise<Unfinished | 'new' | undefined> {
  if (unfinished.length === 0) return 'new';
  const items: (vscode.QuickPickItem & { answer: Unfinished | 'new' })[] = [
    { label: `$(add) New sweep`, answer: 'new' },
    ...unfinished.map((each) => ({
      label: `$(debug-continue) Resume ${basename(each.folder)}`,
      description: `${each.done} of ${each.header.points.length} points are done`,
      detail: each.header.request.axes.map(({ name, values }) => `${name} ${values.join(', ')}`).join(' · '),
      answer: each,
    })),
  ];
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Sweep',
    placeHolder: 'A sweep has not been finished',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.answer;
}
