import { parentPort } from 'node:worker_threads';
import { failureOf } from '../../shared/errors.ts';
import type { ReadingAnswer, ReadingRequest } from './reader.ts';
import { readings } from './readings.ts';

/** The thread that reads for the editor: what keeps it busy or fills its memory ends with it, and nothing else. */
parentPort!.on('message', ({ id, name, given }: ReadingRequest) => {
  let answer: ReadingAnswer;
  try {
    answer = { id, value: (readings[name] as (...values: readonly unknown[]) => unknown)(...given) };
  } catch (error) {
    answer = { id, failure: failureOf(error) };
  }
  parentPort!.postMessage(answer);
});
