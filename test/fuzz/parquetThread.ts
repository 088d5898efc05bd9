import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Allowance, growthMilliseconds, mostGrowth } from '../../extension/datasets/parquet.ts';
import { InspectorError } from '../../extension/shared/errors.ts';

/** What the thread answers: undefined where a file was read. */
export type ParquetOutcome =
  | undefined
  | { readonly refused: string }
  | { readonly failed: string; readonly stack: string };

/** As the product's thread for one Parquet file. */
const mostMilliseconds = 1000;

/**
 * One thread that reads Parquet files after each other: the product starts one for every file, which takes longer than the
 * reading of a small one. As there, it is ended where a file keeps it busy.
 */
export class ParquetThread {
  private worker: Worker | undefined;

  async read(path: string): Promise<void> {
    this.worker ??= new Worker(join(__dirname, 'parquetReader.js'));
    const { worker } = this;
    worker.ref();
    let growth: NodeJS.Timeout | undefined;
    const most = process.memoryUsage.rss() + mostGrowth(0);
    const outcome = await new Promise<ParquetOutcome>((resolve) => {
      const end = (value: ParquetOutcome) => {
        this.worker = undefined;
        void worker.terminate();
        resolve(value);
      };
      const allowance = new Allowance(mostMilliseconds);
      worker.removeAllListeners();
      worker.once('message', resolve);
      worker.once('error', (error) => end({ failed: error.message, stack: error.stack ?? '' }));
      growth = setInterval(() => {
        if (process.memoryUsage.rss() > most) end({ refused: 'it takes too much memory' });
        else if (allowance.isSpent()) end({ refused: 'it takes too long' });
      }, growthMilliseconds);
      worker.postMessage(path);
    });
    clearInterval(growth);
    worker.unref();
    if (outcome === undefined) return;
    if ('refused' in outcome) throw new InspectorError(outcome.refused);
    throw Object.assign(new Error(outcome.failed), { stack: outcome.stack });
  }
}
