import { parentPort } from 'node:worker_threads';
import { answer } from './configs/answer.ts';
import type { AnalysisAnswer, AnalysisRequest } from './configs/protocol.ts';

/** The thread of the analysis: what keeps it busy or fills its memory ends with it, and nothing else. */
parentPort!.on('message', ({ id, task }: AnalysisRequest) => {
  parentPort!.postMessage({ id, result: answer(task) } satisfies AnalysisAnswer);
});
