import { basename, dirname, resolve } from 'node:path';
import { checkMemory, isLarge } from '../engine/memory.ts';
import { type Position, Runner } from '../engine/runner.ts';
import type { Device } from '../engine/session.ts';
import type { Tensor } from '../onnx/tensor.ts';
import { newRunFolder, RunWriter } from '../runStore/store.ts';
import { checkRequest } from '../shared/checkRequest.ts';
import { messageOf } from '../shared/errors.ts';
import type { InspectRequest, RunStatus, StepLine } from '../shared/protocol.ts';
import { tensorsEveryOf } from '../shared/steps.ts';
import { at, words } from '../shared/words.ts';
import { batchesOf, withEvery } from './batchOrder.ts';
import { EdgeWatch } from './edge.ts';
import { markAllInterrupted } from './interrupted.ts';
import { measureEffect } from './measureEffect.ts';
import type { Observer } from './observer.ts';
import { planReference } from './references.ts';
import { SelfChecks } from './selfChecks.ts';
import { chunksFor, readSubject, runHeader, settingsOf } from './setup.ts';
import { checkStatePath, positionOf, readState, writeState } from './state.ts';
import { takeSteps } from './takeSteps.ts';

/** Said of models whose edge is not measured unless it is asked for. */
const edgeOfLarge = words`The edge of stability of a model of this size is measured only where ${at('edgeEvery')} asks for it: each measurement takes dozens of Hessian-vector products.`;

export interface Outcome {
  readonly folder: string;
  readonly status: RunStatus;
}

/**
 * Inspects a model: takes `steps` steps of an optimizer, on all samples or on mini-batches, and measures loss, gradient
 * norms and, at every K-th step, the correction and the effect against a reference, on all samples always; writes a run.
 * Throws an InspectorError for anything that does not fit, and for numbers that stop being finite, after what was measured has
 * been written.
 */
export async function inspect(asked: InspectRequest, device: Device, observer: Observer): Promise<Outcome> {
  checkRequest(asked);
  observer.progress({ phase: 'reading', step: 0, steps: asked.steps });
  const { directory, state, saveState } = asked;
  if (saveState !== undefined) checkStatePath(saveState);
  const saved = state === undefined ? undefined : await readState(resolve(directory, state));
  const read = await readSubject(asked);
  const { problem } = read;
  observer.progress({ phase: 'building', step: 0, steps: asked.steps });
  const last = (saved?.step ?? 0) + asked.steps;
  const batches = await batchesOf(asked, problem, last);
  const names = problem.layout.segments.map(({ name }) => name);
  const measured = withEvery(asked, batches);
  const tensorsEvery = asked.tensorsEvery ?? tensorsEveryOf(names.length, measured);
  const request = tensorsEvery === 1 ? measured : { ...measured, tensorsEvery };
  const settings = settingsOf(request, read, last);
  const begun = saved && positionOf(saved, read, settings);
  const edgeEvery = request.edgeEvery ?? (isLarge(problem) ? 0 : Math.max(1, Math.ceil(request.steps / 2)));
  const notes = [...read.notes, ...(begun?.notes ?? []), ...(request.edgeEvery === undefined && edgeEvery === 0 ? [edgeOfLarge] : [])]; // biome-ignore format: one list
  const subject = { ...read, notes };
  const chunks = chunksFor(problem, request, device, batches);
  const reference = planReference(request, settings);
  if (device === 'cpu') checkMemory(problem, chunks, { withReference: reference.kind !== 'none' });
  const folder =
    request.out === undefined
      ? newRunFolder(request.directory, basename(request.model), settings.optimizer.name)
      : resolve(request.directory, request.out);
  const header = { ...(await runHeader(request, subject, settings, chunks, device, batches)), reference };
  markAllInterrupted(dirname(folder));
  const writer = RunWriter.create(folder, header);
  observer.started(folder, header);
  const options = { batches, stage: request.stage, device, chunks, threads: request.threads };
  const runner = new Runner(problem, { ...settings, ...options });
  const start = begun?.position ?? runner.start();
  const arrays = new Map<string, Tensor>();
  const effect = measureEffect(reference, {
    ...{ request, settings, problem, runner, options, start, names },
    cancelled: () => observer.cancelled,
  });
  const checks = new SelfChecks(runner, start.step, request.steps);
  const end = start.step + request.steps;
  const isWritten = ({ step }: StepLine) =>
    step % (request.recordEvery ?? 1) === 0 ||
    step === start.step ||
    step === end ||
    (edgeEvery > 0 && step % edgeEvery === 0);
  const givesTensors = ({ step }: StepLine) => step % tensorsEvery === 0 || step === start.step || step === end;
  const written = (line: StepLine) => (givesTensors(line) ? line : { ...line, tensors: {} });
  const edge = new EdgeWatch({
    ...{ runner, problem, device, chunks, settings, threads: request.threads, batched: batches !== undefined },
    write(line) {
      if (isWritten(line)) writer.append(written(line));
    },
    complete(fields, line) {
      if (!isWritten(line)) return;
      writer.amend(fields);
      observer.record(written(line));
    },
  });
  const { notApplicable } = settings;
  try {
    const status = await takeSteps({
      ...{ request, runner, batches, problem, start, observer, arrays },
      corrected: notApplicable === undefined,
      watch: effect?.meter,
      ...(!batches && { checks }),
      async append(record, arrays) {
        const line = checks.line(record, arrays);
        edge.add(effect ? await effect.line(line, record) : line, record);
      },
      ...(edgeEvery > 0 && {
        visit: {
          every: edgeEvery,
          at: async (position: Position) => {
            if (position.step > start.step) await edge.at(position);
          },
        },
      }),
      ended: async (position) => {
        if (saveState !== undefined) await writeState(directory, saveState, position, subject, settings);
      },
    });
    edge.flush();
    if (arrays.size > 0) await writer.writeArrays(arrays);
    await effect?.finish(writer);
    writer.finish(status);
    return { folder, status };
  } catch (error) {
    // What was measured until then is settled, too; why it ended is more important than anything that this meets.
    await Promise.resolve()
      .then(() => edge.flush())
      .catch(() => {});
    await effect?.finish(writer).catch(() => {});
    writer.fail('failed', messageOf(error));
    throw error;
  } finally {
    await effect?.release();
    await edge.release();
    await runner.release();
  }
}
