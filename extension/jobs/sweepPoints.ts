import { structureOf } from '../engine/coefficients.ts';
import { Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import { checkSweep } from '../shared/checkRequest.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { SweepPoint, SweepRequest } from '../shared/experiments.ts';
import type { InspectRequest } from '../shared/protocol.ts';
import { at, either, mention, words } from '../shared/words.ts';
import { batchesOf, type OrderedBatches, withEvery } from './batchOrder.ts';
import type { Evaluator } from './evaluator.ts';
import { planReference } from './references.ts';
import type { Saving } from './saving.ts';
import { chunksFor, readSubject, runHeader, type Settings, type Subject, settingsOf } from './setup.ts';
import { hasTwin, runPoint, type SavedPoint } from './sweepPoint.ts';
import { testEvaluator } from './testSet.ts';
import { Trails } from './trails.ts';

/** A point with what it is run with. */
interface Planned {
  readonly point: SweepPoint;
  readonly request: InspectRequest;
}

/** The points in order: every combination of the axes (or their k-th values together), for every seed. */
export function sweepPlan({ base, axes, together, seeds }: SweepRequest): Planned[] {
  if (axes.length === 0 && seeds.length < 2)
    throw new InspectorError(
      'Nothing is swept.',
      words`${either('Give --sweep NAME=VALUE,VALUE…, for example --sweep beta2=0.9,0.99', 'Give a hyper-parameter several values')}.`,
    );
  const lengths = new Set(axes.map(({ values }) => values.length));
  if (together && lengths.size > 1)
    throw new InspectorError(
      `The lists have different lengths: ${axes.map(({ name, values }) => `${quoteName(name)} ${values.length}`).join(', ')}.`,
      words`Give lists of equal length with ${mention('together')}.`,
    );
  let settings: Record<string, number | boolean | string>[] = [{}];
  if (together && axes.length > 0)
    settings = axes[0].values.map((_, i) => Object.fromEntries(axes.map(({ name, values }) => [name, values[i]])));
  else
    for (const { name, values } of axes)
      settings = settings.flatMap((setting) => values.map((value) => ({ ...setting, [name]: value })));
  const combined = settings.flatMap((values) => seeds.map((seed) => ({ values, seed })));
  const digits = String(combined.length).length;
  return combined.map(({ values, seed }, index) => {
    const label = [
      ...Object.entries(values).map(([name, value]) => `${name}=${value}`),
      ...(seeds.length > 1 ? [`seed=${seed}`] : []),
    ].join(' ');
    const folder = `points/${String(index).padStart(digits, '0')}-${label.replace(/[^\w.=-]+/g, '_').slice(0, 80)}`;
    return {
      point: { index, label, values, seed, folder, status: 'waiting' },
      request: { ...base, hyper: { ...base.hyper, ...values } },
    };
  });
}

/** Throws an InspectorError for settings of a run that a sweep cannot have. */
function checkBase({ stage, state, saveState }: InspectRequest): void {
  if (stage !== 'step')
    throw new InspectorError('A sweep takes the correction at the run’s own step.', words`Leave ${at('stage')} out.`);
  if (state !== undefined || saveState !== undefined)
    throw new InspectorError(
      'The points of a sweep begin without a state.',
      words`Leave ${at('state')} and ${at('saveState')} out.`,
    );
}

/** Where a point is written to. */
interface PointPlace {
  /** The folder that gets its run, which is emptied. */
  readonly at: string;
  /** Where the run will lie, as it says of itself; there, if not given. */
  readonly out?: string;
}

/**
 * The points of a sweep on its model and data. Those whose optimizer has the same structure share one loaded program, and
 * those of one seed the trails of their references; a point comes to the same whatever was run before it.
 */
export class SweepPoints {
  private readonly runners = new Map<string, Runner>();
  /** By seed: runs of one seed begin at the same weights. */
  private readonly trails = new Map<number, Trails>();

  private constructor(
    private readonly request: SweepRequest,
    readonly subject: Subject,
    private readonly device: Device,
    readonly planned: readonly Planned[],
    private readonly settings: readonly Settings[],
    private readonly batches: OrderedBatches | undefined,
    private readonly evaluator: Evaluator | undefined,
  ) {}

  /** Reads model and data. Throws an InspectorError for anything that does not fit. */
  static async open(request: SweepRequest, device: Device): Promise<SweepPoints> {
    const { base } = checkSweep(request);
    checkBase(base);
    const planned = sweepPlan(request);
    const subject = await readSubject(base);
    const settings = planned.map(({ request: each }) => settingsOf(each, subject));
    const batches = await batchesOf(base, subject.problem);
    const evaluator = await testEvaluator(request, subject, device);
    return new SweepPoints(request, subject, device, planned, settings, batches, evaluator);
  }

  /** Runs a point into its folder. Numbers that stop being finite are a result of it; throws what else goes wrong. */
  async run(
    index: number,
    { at: folder, out = folder }: PointPlace,
    told: (share: number) => void,
    cancelled: () => boolean,
    saving?: Saving<SavedPoint>,
  ): Promise<Pick<SweepPoint, 'status' | 'message'>> {
    const { subject, device, batches, evaluator, settings } = this;
    const { base, testEvery = Math.ceil(base.steps / 20) } = this.request;
    const { point, request } = this.planned[index];
    const setting = settings[index];
    const chunks = chunksFor(subject.problem, request, device, batches);
    const options = { batches, stage: 'step' as const, device, chunks, threads: request.threads };
    const key = structureOf(setting.optimizer, setting);
    const loaded = this.runners.get(key);
    const runner = loaded?.with(setting) ?? new Runner(subject.problem, { ...setting, ...options });
    if (!loaded) this.runners.set(key, runner);
    // One kind of reference for all: twins where one of the points has one.
    const reference = base.reference ?? (settings.some(hasTwin) ? 'twin' : 'flow');
    const asked = { ...withEvery(request, batches), reference, out };
    const header = {
      ...(await runHeader(asked, subject, setting, chunks, device, batches)),
      reference: planReference(asked, setting),
    };
    return runPoint(
      {
        ...{ asked, options, subject, settings: setting, runner, batches, evaluator, point, header, at: folder },
        shared: this.trailsOf(point.seed),
        testEvery: Math.max(1, testEvery),
      },
      told,
      cancelled,
      saving,
    );
  }

  private trailsOf(seed: number): Trails {
    const found = this.trails.get(seed) ?? new Trails();
    this.trails.set(seed, found);
    return found;
  }

  async release(): Promise<void> {
    for (const trails of this.trails.values()) await trails.release();
    for (const runner of this.runners.values()) await runner.release();
    await this.evaluator?.release();
  }
}
