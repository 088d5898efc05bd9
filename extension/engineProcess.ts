import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { chooseDevice, probeDevice } from './engine/device.ts';
import { probeInChild, probeVariable } from './engine/probe.ts';
import type { Device } from './engine/session.ts';
import { experiments } from './experiments/registry.ts';
import { runExperiment } from './experiments/run.ts';
import { endWithParent } from './files/parent.ts';
import { compare } from './jobs/compare.ts';
import { countRun } from './jobs/counts.ts';
import { inspect } from './jobs/inspect.ts';
import type { Observer } from './jobs/observer.ts';
import { sweep } from './jobs/sweep.ts';
import { collect } from './plans/collect.ts';
import { makePlan } from './plans/make.ts';
import { isUseless } from './plans/outcome.ts';
import { computePoints } from './plans/work.ts';
import { failureOf } from './shared/errors.ts';
import type { CompareRequest, ExperimentRequest, SweepRequest } from './shared/experiments.ts';
import type { EngineEvent, EngineRequest, InspectRequest, RunStatus } from './shared/protocol.ts';

/**
 * The engine process: runs experiments away from the editor and the command line, since native code may end the process
 * and a running program cannot be interrupted. Takes `EngineRequest`s, answers with `EngineEvent`s.
 */
const send = (event: EngineEvent): void => {
  process.send?.(event);
};

const state = { cancelled: false };
let folder: string | undefined;

const observer: Observer = {
  started: (where, run) => {
    folder = where;
    send({ type: 'started', folder: where, run });
  },
  progress: (progress) => send({ type: 'progress', progress }),
  record: (record) => send({ type: 'record', record }),
  get cancelled() {
    return state.cancelled;
  },
};

/** Experiments and sweeps report the same way, without records of single steps. */
const folderObserver = {
  started: (where: string) => {
    folder = where;
    send({ type: 'opened', folder: where });
  },
  updated: (where: string) => send({ type: 'updated', folder: where }),
  progress: observer.progress,
  get cancelled() {
    return state.cancelled;
  },
};

/** The bundled sample lies beside the bundled program. */
const samples = join(__dirname, '..', 'media', 'sample');

interface Ended {
  readonly folder: string;
  readonly status: RunStatus;
}

type PlanRequest = Extract<EngineRequest, { type: 'plan' }>;
type PointsRequest = Extract<EngineRequest, { type: 'points' }>;

const probe = (candidate: Device) => probeInChild(__filename, candidate);

async function runInspection(request: InspectRequest): Promise<Ended> {
  const device = await chooseDevice(request.device, probe);
  return inspect(request, device, observer);
}

const runAnExperiment = (request: ExperimentRequest) => runExperiment(request, folderObserver, samples);

async function runSweep(request: SweepRequest): Promise<Ended> {
  const device = await chooseDevice(request.base.device, probe);
  return sweep(request, device, folderObserver);
}

async function runCompare(request: CompareRequest): Promise<Ended> {
  const device = await chooseDevice(request.base.device, probe);
  return compare(request, device, folderObserver);
}

async function makeAPlan(asked: PlanRequest): Promise<Ended> {
  const { folder: where, request, group, copyInputs, program } = asked;
  const base = request.kind === 'experiment' ? { ...request.request, device: 'cpu' as const } : request.request.base;
  const threads = base.threads ?? asked.threads ?? availableParallelism();
  // Another machine may have a device that this one has not.
  const device = base.device === 'auto' ? await chooseDevice('auto', probe) : base.device;
  await makePlan(where, request, { group, copyInputs, device, threads, samples, program });
  return { folder: where, status: 'finished' };
}

async function computeSome({ folder: where, points }: PointsRequest): Promise<Ended> {
  await computePoints(where, points, {
    samples,
    device: (wanted) => chooseDevice(wanted, probe),
    ended: (number, outcome) => send({ type: 'point', number, outcome }),
    progress: (share) => send({ type: 'progress', progress: { phase: 'running', step: share * points.length, steps: points.length } }), // biome-ignore format: one line
    get cancelled() {
      return state.cancelled;
    },
  });
  return { folder: where, status: state.cancelled ? 'cancelled' : 'finished' };
}

async function collectResult(where: string): Promise<Ended> {
  const { missing } = await collect(where, samples);
  return { folder: where, status: missing.length === 0 ? 'finished' : 'cancelled' };
}

async function count(request: InspectRequest): Promise<void> {
  try {
    send({ type: 'counted', counts: await countRun(request) });
  } catch (error) {
    send({ type: 'failed', failure: failureOf(error) });
  }
}

/** Runs one request to its end and reports how it ended. */
async function answer(work: () => Promise<Ended>): Promise<void> {
  folder = undefined;
  state.cancelled = false;
  try {
    send({ type: 'finished', ...(await work()), peakMemory: 1024 * process.resourceUsage().maxRSS });
  } catch (error) {
    send({ type: 'failed', failure: failureOf(error), folder, useless: isUseless(error) });
  }
}

const probed = process.env[probeVariable];
if (probed) {
  void probeDevice(probed as Device).then((problem) => process.send?.({ problem }, () => process.exit(0)));
} else {
  process.on('message', (message) => {
    const request = message as EngineRequest;
    if (request.type === 'cancel') state.cancelled = true;
    else if (request.type === 'describe')
      send({ type: 'experiments', experiments: experiments.map(({ run: _run, ...rest }) => rest) });
    else if (request.type === 'count') void count(request.request);
    else if (request.type === 'inspect') void answer(() => runInspection(request.request));
    else if (request.type === 'experiment') void answer(() => runAnExperiment(request.request));
    else if (request.type === 'compare') void answer(() => runCompare(request.request));
    else if (request.type === 'plan') void answer(() => makeAPlan(request));
    else if (request.type === 'points') void answer(() => computeSome(request));
    else if (request.type === 'collect') void answer(() => collectResult(request.folder));
    else void answer(() => runSweep(request.request));
  });
  // The parent is gone: nobody will read the results.
  process.on('disconnect', () => process.exit(0));
  // Signals reach the whole group of processes: the current step is the last one, whoever sent it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)
    process.on(signal, () => {
      state.cancelled = true;
    });
  endWithParent();
  send({ type: 'ready' });
}
