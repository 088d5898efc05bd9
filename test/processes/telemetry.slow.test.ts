import assert from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Session } from '../../extension/engine/session.ts';
import type { EngineRequest, InspectRequest } from '../../extension/shared/protocol.ts';
import { cli, sample } from '../support/paths.ts';

const scratch = mkdtempSync(join(tmpdir(), 'telemetry-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const traced = process.platform === 'linux' && spawnSync('strace', ['-V']).status === 0;

/** Everything that a program may write to where it was not asked to. */
function freshPlaces(name: string) {
  const place = join(scratch, name.replace(/\W+/g, '-'));
  const [home, temporary, work] = ['home', 'temporary', 'work'].map((folder) => join(place, folder));
  for (const folder of [home, temporary, work]) mkdirSync(folder, { recursive: true });
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...rest } = process.env;
  const env = { ...rest, HOME: home, USERPROFILE: home, TMPDIR: temporary, TEMP: temporary, TMP: temporary };
  const leftovers = () =>
    [home, temporary].flatMap((folder) =>
      readdirSync(folder, { recursive: true }).map((file) => join(folder, String(file))),
    );
  return { place, work, env, leftovers };
}

/** The sockets of a trace. Pairs, which are the pipes between a process and its child, are made by another call. */
const socketsIn = (trace: string): string[] =>
  readFileSync(trace, 'utf8')
    .split('\n')
    .filter((line) => /\b(socket|connect)\(/.test(line));

describe('no process leaves anything behind or opens a connection', () => {
  const digits = ['--model', join(sample, 'digits.onnx'), '--data', join(sample, 'digits.npz')];
  const rows: (readonly string[])[] = [
    ['inspect', ...digits, '--steps', '2', '--threads', '2'],
    ['inspect', ...digits, '--steps', '1', '--device', 'webgpu'],
    ['sweep', ...digits, '--steps', '1', '--sweep', 'beta2=0.9,0.99'],
    ['experiment', 'bilinear', '--steps', '5'],
    ['graph', join(sample, 'digits.onnx'), '--write', 'gradient', '-o', 'g.onnx'],
    ['model', join(sample, 'digits.onnx')],
    ['optimizers'],
    ['scan', '.', '--no-cache'],
    // Nothing to keep, nothing kept.
    ['scan', '.'],
  ];
  for (const [i, args] of rows.entries()) {
    it(`the command line: ${args[0]}${args.includes('webgpu') ? ' with a probed device' : ''}`, () => {
      const { place, work, env, leftovers } = freshPlaces(`${i}-${args[0]}`);
      const trace = join(place, 'trace');
      const command = [process.execPath, cli, ...args];
      const [program, ...rest] = traced
        ? ['strace', '-f', '-qq', '-e', 'trace=socket,connect', '-o', trace, ...command]
        : command;
      const { status, stderr } = spawnSync(program, rest, { cwd: work, env, encoding: 'utf8' });
      if (!args.includes('webgpu')) assert.equal(status, 0, stderr);
      assert.deepEqual(leftovers(), []);
      if (traced) assert.deepEqual(socketsIn(trace), []);
    });
  }

  const request: InspectRequest = {
    ...{ directory: sample, model: 'digits.onnx', data: 'digits.npz', optimizer: 'adam', framework: 'pytorch' },
    ...{ hyper: {}, steps: 1, every: 1, stage: 'step', device: 'cpu', freeze: [], trainable: [], arrays: false },
  };
  const processes: [
    script: string,
    extra: NodeJS.ProcessEnv,
    message: (work: string) => EngineRequest | string | undefined,
  ][] = [
    ['engineProcess', {}, (out) => ({ type: 'inspect', request: { ...request, out } })],
    ['engineProcess', { OPTIMIZER_BIAS_PROBE: 'cpu' }, () => undefined],
    ['modelProcess', {}, () => join(sample, 'digits.onnx')],
  ];
  for (const [script, extra, message] of processes) {
    it(`the editor's processes: ${script}${extra.OPTIMIZER_BIAS_PROBE ? ' as a probe' : ''}`, async () => {
      const { work, env, leftovers } = freshPlaces(`${script}-${Object.keys(extra).length}`);
      const child = fork(join('dist', `${script}.js`), [], {
        cwd: process.cwd(),
        env: { ...env, ...extra },
        execArgv: [],
      });
      const last = await new Promise<Record<string, unknown>>((resolve) => {
        child.on('message', (said: Record<string, unknown>) => {
          if (!['ready', 'progress', 'started', 'record'].includes(String(said.type))) resolve(said);
        });
        const sent = message(join(work, 'run'));
        if (sent !== undefined) child.send(sent);
      });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.connected) child.disconnect();
      await ended;
      assert.ok(
        last.type === undefined ? last.problem === undefined : ['finished', 'model'].includes(String(last.type)),
        JSON.stringify(last),
      );
      assert.deepEqual(leftovers(), []);
    });
  }

  it('programs that are run in this process, as tests do', async () => {
    await Session.create(readFileSync(join(sample, 'digits.onnx'))).then((session) => session.release());
    assert.equal(process.env.ORT_DISABLE_TELEMETRY, '1');
  });
});
