import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { EngineClient } from '../../extension/engine/client.ts';
import { InspectorError } from '../../extension/shared/errors.ts';

describe('a process of the engine that does not come to life', () => {
  const folder = mkdtempSync(join(tmpdir(), 'engine-client-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const refusalOf = async (script: string, mostToStart?: number) => {
    const path = join(folder, `engine-${Math.random()}.js`);
    writeFileSync(path, script);
    const client = new EngineClient(path, mostToStart);
    const error = await client.run({ type: 'describe' }, () => {}).catch((reason: unknown) => reason);
    client.dispose();
    assert.ok(error instanceof InspectorError, String(error));
    return error;
  };
  const refusal = async (...what: Parameters<typeof refusalOf>) => (await refusalOf(...what)).message;

  test('is ended where it does not start in time', async () => {
    assert.equal(
      await refusal('setInterval(() => {}, 1000)', 200),
      'The engine process did not start within 0.2 seconds.',
    );
  });

  test('is waited for once it has started', async () => {
    const path = join(folder, 'slow.js');
    writeFileSync(
      path,
      `process.send({ type: 'ready' });
      process.on('message', () => setTimeout(() => process.send({ type: 'experiments', experiments: [] }), 4200));`,
    );
    const client = new EngineClient(path, 4000);
    assert.deepEqual(await client.run({ type: 'describe' }, () => {}), { type: 'experiments', experiments: [] });
    client.dispose();
  });

  test('says that it lacks threads, where it does', async () => {
    const words = 'node[1]: pthread_create: Resource temporarily unavailable';
    assert.equal(
      await refusal(`process.stderr.write(${JSON.stringify(words)}, () => process.exit(7))`),
      'The engine process got no threads from the system.',
    );
  });

  test('that aborts without a word names what the system may lack, not the model or the device', async () => {
    const { message, remedy } = await refusalOf("process.kill(process.pid, 'SIGABRT')");
    assert.equal(message, 'The engine process crashed (SIGABRT) in native code.');
    assert.match(JSON.stringify(remedy), /lacks memory, processes or open files/);
  });

  test('does not matter to what was still to be sent to it', async () => {
    assert.match(await refusal('process.disconnect(); process.exit(3)'), /ended unexpectedly \(exit code 3\)/);
  });
});
