import type * as vscode from 'vscode';
import type { ConfiguredOptimizer } from '../../advice/configured.ts';
import type { TrainingFacts } from '../../configs/training.ts';
import { describeError, failureOf } from '../../shared/errors.ts';
import type { Target } from '../../shared/target.ts';
import { tellFailure } from '../told.ts';
import type { Inspection } from './inspections.ts';
import { type Training, trainingDifferences } from './proposal.ts';
import { confirm, type Purpose } from './sheet.ts';
import { readTargets, remembered, requestOf, targetFor, writeTargets } from './targets.ts';

/** The optimizer and the model that a command was called for, as far as the call says. */
export interface Chosen {
  readonly folder: string;
  /** False for a file outside of every workspace folder, for which nothing is remembered. */
  readonly inWorkspace: boolean;
  readonly model?: string;
  readonly source?: { readonly path: string; readonly index: number; readonly line: number };
  readonly optimizer: ConfiguredOptimizer;
  readonly training: Training;
}

export interface Prepared {
  readonly inspection: Inspection;
  /** Notes the answers in the project file; to be called when they have worked. */
  remember(): void;
}

/** Asks what is to be inspected with what, with what is remembered or guessed filled in; undefined where the user leaves. */
export async function prepare(
  chosen: Chosen,
  log: vscode.LogOutputChannel,
  purpose?: Purpose,
): Promise<Prepared | undefined> {
  const { folder, source, optimizer, inWorkspace, training } = chosen;
  let targets: Target[] = [];
  try {
    if (inWorkspace) targets = readTargets(folder);
  } catch (error) {
    log.warn(describeError(error));
    void tellFailure(failureOf(error), { folder });
    return undefined;
  }
  const known = targetFor(targets, { source: source?.path, model: chosen.model });
  // What another file was inspected with may not be meant for this one.
  const own = known && (known.source === source?.path || chosen.model !== undefined) ? known : undefined;
  const confirmed = await confirm({
    folder,
    source,
    optimizer,
    targets,
    training,
    target: {
      ...(purpose && trained(training)),
      ...own,
      model: chosen.model ?? own?.model,
      source: source?.path,
      ...(purpose && { steps: known?.steps ?? purpose.steps }),
    },
    purpose,
  });
  if (!confirmed) return undefined;
  const { target, asked } = confirmed;
  const differs = trainingDifferences(target, training);
  return {
    inspection: {
      request: { ...requestOf(folder, target, confirmed.optimizer, asked), ...(differs.length > 0 && { differs }) },
      source: source && { path: source.path, index: source.index },
    },
    remember: () => {
      if (!inWorkspace) return;
      try {
        // How far other runs go, and on which batches, is not what an inspection does.
        const { steps, batchSize, clipNorm } = known ?? {};
        const worked = purpose ? { ...target, steps, batchSize, clipNorm } : target;
        writeTargets(folder, remembered(readTargets(folder), worked));
      } catch (error) {
        log.warn(`The project file was not written: ${(error as Error).message}`);
      }
    },
  };
}

/** What the script does beside its optimizer, as far as a run takes it over. */
const trained = ({ batchSize, clipNorm }: TrainingFacts): Partial<Target> => ({
  ...(batchSize !== undefined && { batchSize }),
  ...(typeof clipNorm === 'number' && { clipNorm }),
});
