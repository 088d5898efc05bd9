import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ListRootsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { cli, sample } from '../support/paths.ts';

type Answer = Readonly<Record<string, unknown>>;

describe('the server for coding agents, asked by a client of the protocol', { timeout: 300_000 }, () => {
  let folder: string;
  let granted: string;
  let client: Client;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'optimizer-bias-mcp-'));
    granted = join(folder, 'project');
    mkdirSync(granted);
    for (const name of ['digits.onnx', 'digits.npz']) cpSync(join(sample, name), join(granted, name));
    writeFileSync(
      join(granted, 'train.py'),
      'import torch\nopt = torch.optim.AdamW(m.parameters(), lr=3e-4, betas=(0.9, 0.95))\n',
    );
    writeFileSync(join(folder, 'secret.py'), 'import torch\nopt = torch.optim.Adam(m.parameters(), lr=1)\n');
    symlinkSync(join(folder, 'secret.py'), join(granted, 'link.py'));
    client = new Client({ name: 'test', version: '1' }, { capabilities: { roots: {} } });
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(granted).href }] }));
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [cli, 'mcp'], cwd: folder }));
  });
  after(async () => {
    await client.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const call = async (name: string, input: Answer, options = {}): Promise<Answer> => {
    const result = await client.callTool({ name, arguments: input }, undefined, options);
    assert.ok(!result.isError, JSON.stringify(result.content));
    return result.structuredContent as Answer;
  };
  const refused = async (name: string, input: Answer): Promise<string> => {
    const result = await client.callTool({ name, arguments: input });
    assert.equal(result.isError, true, JSON.stringify(result));
    return (result.content as { text: string }[])[0].text;
  };

  it('lists its tools with schemas, and which of them only read', async () => {
    const { tools } = await client.listTools();
    assert.deepEqual(
      tools.filter(({ annotations }) => !annotations?.readOnlyHint).map(({ name }) => name),
      ['inspect_model', 'compare_settings'],
    );
    assert.equal(tools.length, 7);
    for (const { inputSchema, outputSchema } of tools) {
      assert.equal(inputSchema.type, 'object');
      assert.equal(outputSchema?.type, 'object');
    }
    assert.match(client.getInstructions() ?? '', /measured/);
  });

  it('explains a text: validity before prediction, no default for what is not known', async () => {
    const text = 'import torch\nopt = torch.optim.Adam(m.parameters(), lr=args.lr)\n';
    const { configurations } = (await call('explain_configuration', { text })) as { configurations: Answer[] };
    assert.equal(configurations.length, 1);
    const keys = Object.keys(configurations[0]);
    assert.ok(
      keys.indexOf('validity') < keys.indexOf('prediction') && keys.indexOf('prediction') < keys.indexOf('hKappa'),
    );
    assert.match(String(configurations[0].validity), /nothing was measured/);
    const { lr } = configurations[0].hyperparameters as Record<string, { value: unknown; from: string }>;
    assert.deepEqual(lr, { value: null, from: 'unknown' });
  });

  it('scans the granted folder', async () => {
    const { configurations } = (await call('scan_workspace', {})) as { configurations: Answer[] };
    const found = configurations.find(({ file }) => file === 'train.py');
    assert.equal(found?.optimizer, 'adamw');
    assert.deepEqual(
      configurations.filter(({ file }) => file !== 'train.py'),
      [],
      'a link that leads out is not followed',
    );
  });

  it('describes a model', async () => {
    const report = await call('describe_model', { model: 'digits.onnx' });
    assert.deepEqual([report.canBeInspected, report.trainableScalars, report.blockers], [true, 2410, '']);
  });

  it('measures with progress, and lists, reads and offers the run', async () => {
    const told: number[] = [];
    const input = { model: 'digits.onnx', data: 'digits.npz', hyper: { lr: 1e-3 }, steps: 12, limit: 300 };
    const onprogress = ({ progress, total }: { progress: number; total?: number }) => {
      assert.equal(total, 12);
      told.push(progress);
    };
    const report = await call('inspect_model', input, { onprogress });
    assert.deepEqual(Object.keys(report).slice(0, 4), ['measured', 'effect', 'reference', 'validity']);
    assert.match(String(report.measured), /one-norm/);
    assert.equal(typeof report.effect, 'number');
    assert.equal(report.status, 'finished');
    assert.ok(told.length > 0 && told.every((step, i) => i === 0 || step > told[i - 1]), `${told}`);
    assert.deepEqual(await call('get_run', { run: report.run }), report);
    const { runs } = (await call('list_runs', {})) as { runs: Answer[] };
    assert.deepEqual(
      runs.map(({ run }) => run),
      [report.run],
    );
    const { resources } = await client.listResources();
    const { contents } = await client.readResource({ uri: resources[0].uri });
    assert.deepEqual(JSON.parse((contents[0] as { text: string }).text), report);
    assert.deepEqual(readdirSync(granted).sort(), ['digits.npz', 'digits.onnx', 'link.py', 'runs', 'train.py']);
  });

  it('compares settings with intervals', async () => {
    const input = {
      model: 'digits.onnx',
      data: 'digits.npz',
      limit: 200,
      batchSize: 50,
      hyper: { lr: 1e-3 },
      steps: 8,
    };
    const report = await call('compare_settings', { ...input, settings: [{ beta2: 0.9 }], seeds: [0, 1] });
    assert.equal(Object.keys(report)[0], 'found');
    assert.equal(report.status, 'finished');
    assert.ok((report.tables as unknown[]).length > 0);
  });

  it('stops where the client cancels', async () => {
    const abort = new AbortController();
    const input = { model: 'digits.onnx', data: 'digits.npz', hyper: { lr: 1e-4 }, steps: 2000 };
    await assert.rejects(
      call('inspect_model', input, { signal: abort.signal, onprogress: () => abort.abort() }),
      /abort|cancel/i,
    );
    for (let i = 0; i < 200; i++) {
      const { runs } = (await call('list_runs', {})) as { runs: Answer[] };
      const stopped = runs.find(({ status }) => status === 'cancelled');
      if (stopped) return;
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.fail('the run goes on');
  });

  it('holds paths within the roots, links followed', async () => {
    assert.match(await refused('explain_configuration', { file: '../secret.py' }), /outside of the folders/);
    assert.match(await refused('explain_configuration', { file: join(folder, 'secret.py') }), /outside of the folders/);
    assert.match(await refused('explain_configuration', { file: 'link.py' }), /outside of the folders/);
    assert.match(await refused('describe_model', { model: '/dev/zero' }), /outside of the folders/);
    assert.match(
      await refused('inspect_model', { model: 'digits.onnx', data: '../digits.npz' }),
      /outside of the folders/,
    );
    await assert.rejects(client.readResource({ uri: pathToFileURL(folder).href }), /outside of the folders/);
  });

  it('says what is wrong with an input, all of it', async () => {
    const told = await refused('inspect_model', { model: 'digits.onnx', steps: 0, out: 'elsewhere', dtype: 'float16' });
    for (const part of ['steps', '"out"', 'dtype']) assert.ok(told.includes(part), told);
    assert.match(await refused('explain_configuration', {}), /either text or file/);
    assert.match(
      await refused('compare_settings', { model: 'digits.onnx', settings: [{ gamma: 1 }] }),
      /"gamma": no hyper-parameter of Adam/,
    );
    assert.match(await refused('describe_model', { model: 'train.py' }), /not an ONNX model/);
    await assert.rejects(client.callTool({ name: 'shell', arguments: {} }), /There is no tool/);
  });
});

describe('the server for coding agents', () => {
  it('ends with its input, and needs no roots of the client', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'optimizer-bias-mcp-'));
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [cli, 'mcp', '--root', sample],
      cwd: folder,
    });
    await client.connect(transport);
    const { pid } = transport;
    const result = await client.callTool({ name: 'describe_model', arguments: { model: 'digits.onnx' } });
    assert.ok(!result.isError);
    await client.close();
    rmSync(folder, { recursive: true, force: true });
    for (
      let i = 0;
      i < 50 && existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] !== 'Z';
      i++
    )
      await new Promise((done) => setTimeout(done, 100));
    assert.ok(!existsSync(`/proc/${pid}`), 'the server has ended');
  });
});
