import { parentPort, workerData } from 'node:worker_threads';
import type { ParquetAnswer, ParquetTask } from './datasets/parquet.ts';
import { decodeParquet } from './datasets/parquetColumns.ts';
import { InputFile } from './files/files.ts';
import { InspectorError } from './shared/errors.ts';

/** The thread that reads one Parquet file, so that it can be ended where a damaged one keeps it busy. */
const { path, label } = workerData as ParquetTask;
const answer = (message: ParquetAnswer, transfer: readonly ArrayBuffer[] = []) =>
  parentPort!.postMessage(message, transfer);

async function read(): Promise<void> {
  answer({ type: 'begun' });
  try {
    const table = await InputFile.use(path, (file) =>
      decodeParquet(file, label, (bytes) => answer({ type: 'column', bytes })),
    );
    answer({ type: 'table', table }, [table.x.data.buffer as ArrayBuffer, table.y.data.buffer as ArrayBuffer]);
  } catch (error) {
    if (!(error instanceof InspectorError)) throw error;
    answer({ type: 'refused', words: error.words });
  }
}

void read();
