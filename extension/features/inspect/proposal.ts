import type { TrainingFacts } from '../../configs/training.ts';
import { setting } from '../../shared/format.ts';
import type { GroupRequest } from '../../shared/request.ts';
import type { Target } from '../../shared/target.ts';
import { commonFolders, guess, isNamedLike, targetFor } from './targets.ts';

/** What a script does beside its optimizer's hyper-parameters. */
export interface Training extends TrainingFacts {
  readonly schedule?: string;
  /** Parameter groups that its text tells, and what is not known of the others. */
  readonly groups?: readonly GroupRequest[];
  readonly openGroups?: readonly string[];
}

/** Where a value comes from that the user has not confirmed. */
export type Mark = 'guessed' | 'used last';

export interface Proposal {
  readonly target: Partial<Target>;
  readonly marks: { readonly model?: Mark; readonly data?: Mark };
}

interface Known {
  readonly models: readonly string[];
  readonly data: readonly string[];
  readonly targets: readonly Target[];
}

/** The target that is proposed first: what is given, then what was used last where it is near the source, then what lies near. */
export function propose(given: Partial<Target>, known: Known): Proposal {
  if (given.model !== undefined) return withData(given, given.model, known);
  const { source } = given;
  const nearest = guess(known.models, source);
  const last = targetFor(known.targets, { source });
  const near = (model: string) => (source === undefined ? 0 : commonFolders(model, source));
  const isMeant =
    last !== undefined &&
    !(nearest !== undefined && isNamedLike(nearest, source)) &&
    (nearest === undefined || near(last.model) >= near(nearest));
  if (last && isMeant) return { target: { ...last, ...given, model: last.model }, marks: { model: 'used last', data: 'used last' } }; // biome-ignore format: one line
  if (nearest === undefined) return { target: given, marks: {} };
  const { target, marks } = withData(given, nearest, known);
  return { target, marks: { ...marks, model: 'guessed' } };
}

/**
 * The target after another model was chosen: with what that model was inspected with before, else with the data that lie near
 * it. Nothing that belongs to the model before stays.
 */
export function withModel(target: Partial<Target>, model: string, known: Known): Proposal {
  const { source, steps, device, threads } = target;
  const before = targetFor(known.targets.filter((each) => each.model === model), { source }); // biome-ignore format: one line
  if (before) return { target: { ...before, source }, marks: { data: 'used last' } };
  return withData({ source, steps, device, threads }, model, known);
}

function withData(target: Partial<Target>, model: string, { data: files }: Known): Proposal {
  if (target.data !== undefined || target.x !== undefined) return { target: { ...target, model }, marks: {} };
  const data = guess(files, model);
  return { target: { ...target, model, data }, marks: data === undefined ? {} : { data: 'guessed' } };
}

/** How the run that is prepared differs from the training of the script: `full batch instead of 32 · no clipping`. */
export function trainingDifferences(target: Partial<Target>, facts: Training): string[] {
  const { batchSize, clipNorm, schedule, limit, differs = [] } = target;
  const isSaid = (word: string) => differs.some((each) => each.includes(word));
  const batch = batchSize === undefined ? 'full batch' : `batches of ${batchSize}`;
  return [
    facts.batchSize !== undefined && batchSize !== facts.batchSize && `${batch} instead of ${facts.batchSize}`,
    facts.schedule !== undefined && schedule === undefined && `constant learning rate instead of ${facts.schedule}`,
    facts.clipNorm !== undefined && clipNorm === undefined && 'no clipping',
    typeof facts.clipNorm === 'number' && clipNorm !== undefined && clipNorm !== facts.clipNorm && `clipped to ${setting(clipNorm)} instead of ${setting(facts.clipNorm)}`, // biome-ignore format: one line
    target.groups?.length === 0 && facts.groups !== undefined && 'all parameters alike instead of groups',
    ...(target.groups === undefined ? (facts.openGroups ?? []).map((each) => `not taken over: ${each}`) : []),
    limit !== undefined && `the first ${limit} samples only`,
    ...differs,
    facts.dropout && !isSaid('dropout') && 'dropout off, if the model was exported in eval mode',
    facts.mixedPrecision && !isSaid('precision') && 'no mixed precision',
  ].flatMap((each) => each || []);
}
