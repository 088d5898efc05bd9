import { stepFlops } from '../engine/flops.ts';
import { memoryNeed } from '../engine/memory.ts';
import { checkRequest } from '../shared/checkRequest.ts';
import type { InspectRequest, RunCounts } from '../shared/protocol.ts';
import { batchesOf, withEvery } from './batchOrder.ts';
import { planReference } from './references.ts';
import { chunksFor, readSubject, settingsOf } from './setup.ts';

/** Reads model and data and counts what an inspection takes. Throws an InspectorError for anything that does not fit. */
export async function countRun(asked: InspectRequest): Promise<RunCounts> {
  checkRequest(asked);
  const subject = await readSubject(asked);
  const { problem } = subject;
  const { samples, layout } = problem;
  const batches = await batchesOf(asked, problem, asked.steps);
  const request = withEvery(asked, batches);
  const reference = planReference(request, settingsOf(request, subject, asked.steps));
  const plan = chunksFor(problem, request, 'cpu', batches);
  return {
    parameters: layout.segments.reduce((sum, { size }) => sum + size, 0),
    tensors: layout.segments.length,
    samples,
    batch: batches?.size ?? samples,
    chunk: { plain: plan.batch?.pass ?? plan.plain.size, corrected: plan.corrected.size },
    flops: stepFlops(problem, batches?.size ?? samples),
    memory: memoryNeed(problem, plan, reference.kind !== 'none').total,
  };
}
