import { parentPort } from 'node:worker_threads';
import { decodeParquet } from '../../extension/datasets/parquetColumns.ts';
import { InputFile } from '../../extension/files/files.ts';
import { InspectorError } from '../../extension/shared/errors.ts';
import type { ParquetOutcome } from './parquetThread.ts';

async function read(path: string): Promise<ParquetOutcome> {
  try {
    await InputFile.use(path, (file) => decodeParquet(file, undefined, () => {}));
    return undefined;
  } catch (error) {
    if (error instanceof InspectorError) return { refused: error.message };
    return { failed: String(error), stack: (error as Error).stack ?? '' };
  }
}

parentPort!.on('message', async (path: string) => parentPort!.postMessage(await read(path)));
