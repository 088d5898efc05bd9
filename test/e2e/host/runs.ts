import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { file, processes, witness } from './extension.ts';
import { eventually, test } from './suite.ts';

const runs = () => file('runs').fsPath;

/** What the Runs view shows: label and description of each entry, those below another indented. */
export async function shownRuns(parent?: unknown, indent = ''): Promise<string[]> {
  const provider = witness().trees.get('optimizerBias.runs')!;
  const lines: string[] = [];
  for (const entry of (await provider.getChildren(parent)) ?? []) {
    const item = await provider.getTreeItem(entry);
    lines.push(`${indent}${item.label}: ${item.description}`);
    if (item.collapsibleState) lines.push(...(await shownRuns(entry, `${indent}  `)));
  }
  return lines;
}

async function topItems(): Promise<vscode.TreeItem[]> {
  const provider = witness().trees.get('optimizerBias.runs')!;
  return Promise.all(((await provider.getChildren()) ?? []).map((entry) => provider.getTreeItem(entry)));
}

const request = (steps: number) => ({
  directory: file('').fsPath,
  model: 'digits.onnx',
  data: 'digits.npz',
  optimizer: 'adam',
  framework: 'pytorch',
  hyper: { lr: 1e-4 },
  steps,
  every: 1,
  stage: 'step',
  device: 'cpu',
  freeze: [],
  trainable: [],
  arrays: false,
});

/** A run as another program left it: what "Run Again" needs of one. */
export function writeRun(name: string, steps: number, status = 'finished'): string {
  const folder = join(runs(), name);
  mkdirSync(folder, { recursive: true });
  const header = {
    format: 1,
    status,
    started: '2026-01-02T03:04:05Z',
    process: 0,
    request: request(steps),
    model: { path: 'digits.onnx', parameters: 3 },
    data: { files: [], samples: 3 },
    loss: 'mse',
    optimizer: { name: 'adam', title: 'Adam', hyper: { lr: 1e-4, beta2: 0.999 } },
    hKappaLimit: -0.099,
    dtype: 'float32',
    device: 'cpu',
    tensors: [],
    notTrained: [],
    notes: [],
    warnings: [],
  };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(header));
  writeFileSync(join(folder, 'steps.jsonl'), '');
  return folder;
}

const headerOf = (name: string) => JSON.parse(readFileSync(join(runs(), name, 'run.json'), 'utf8'));

test('the Runs view lists what is on disk, and what of it is damaged', async () => {
  assert.deepEqual(await shownRuns(), []);
  writeRun('baseline', 3);
  mkdirSync(join(runs(), 'no run'));
  const damaged = ['{"format":1', '{"format":1,"started":"","optimizer":{},"model":{}}', 'null', '{"format":2}'];
  for (const text of damaged) {
    mkdirSync(join(runs(), 'damaged'), { recursive: true });
    writeFileSync(join(runs(), 'damaged', 'run.json'), text);
    assert.deepEqual(await shownRuns(), [
      'damaged: cannot be read',
      'baseline: anti-regularizing 0.099 · lr 1e-4 · β₂ 0.999',
    ]);
  }
  const item = (await topItems()).find(({ contextValue }) => contextValue === 'damaged');
  assert.equal(item?.command, undefined);
  rmSync(join(runs(), 'damaged'), { recursive: true });
});

test('sweeps hold the runs of their points; experiments stand beside them', async () => {
  const sweep = {
    format: 1,
    status: 'cancelled',
    started: '2026-01-03T00:00:00Z',
    request: { base: { ...request(3) }, axes: [{ name: 'beta2', values: [0.9, 0.99] }], together: false, seeds: [0] },
    digests: {},
    points: [
      {
        index: 0,
        label: 'beta2=0.9',
        values: { beta2: 0.9 },
        seed: 0,
        folder: 'points/0-beta2=0.9',
        status: 'finished',
      },
      {
        index: 1,
        label: 'beta2=0.99',
        values: { beta2: 0.99 },
        seed: 0,
        folder: 'points/1-beta2=0.99',
        status: 'waiting',
      },
    ],
  };
  writeRun('sweep/points/0-beta2=0.9', 3);
  writeFileSync(join(runs(), 'sweep', 'sweep.json'), JSON.stringify(sweep));
  const experiment = {
    format: 1,
    status: 'finished',
    started: '2026-01-04T00:00:00Z',
    process: 0,
    name: 'bilinear',
    figure: '',
    parameters: {},
    title: 'Which minimum Adam reaches',
    result: { agreement: 'agrees', claim: 'the theory', sentence: 'It reaches it.', charts: [], tables: [], notes: [] },
  };
  mkdirSync(join(runs(), 'minimum'));
  writeFileSync(join(runs(), 'minimum', 'experiment.json'), JSON.stringify(experiment));
  assert.deepEqual(await shownRuns(), [
    'minimum: Which minimum Adam reaches · agrees',
    'sweep: beta2 0.9, 0.99 · 1 of 2 points',
    '  beta2=0.9: anti-regularizing 0.099 · lr 1e-4 · β₂ 0.999',
    'baseline: anti-regularizing 0.099 · lr 1e-4 · β₂ 0.999',
  ]);
  const items = await topItems();
  assert.deepEqual(
    items.map(({ contextValue }) => contextValue),
    ['experiment', 'sweep.unfinished', 'run'],
  );
  assert.deepEqual(
    items.map(({ command }) => command?.command),
    ['optimizerBias.openExperiment', 'optimizerBias.openExperiment', 'optimizerBias.openRun'],
  );
});

test('what a sweep is made of is not renamed or deleted without it', async () => {
  const folder = join(runs(), 'sweep', 'points', '0-beta2=0.9');
  await vscode.commands.executeCommand('optimizerBias.renameRun', { folder });
  await vscode.commands.executeCommand('optimizerBias.deleteRun', { folder });
  assert.ok(existsSync(join(folder, 'run.json')));
});

test('a run is repeated in a process that ends with it, and appears in the view', async () => {
  await vscode.commands.executeCommand('optimizerBias.rerun', join(runs(), 'baseline'), true);
  const [newest] = await shownRuns();
  const name = newest.slice(0, newest.indexOf(':'));
  const header = headerOf(name);
  assert.deepEqual([header.status, header.request.steps, header.request.hyper], ['finished', 3, { lr: 1e-4 }]);
  assert.equal(
    readFileSync(join(runs(), name, 'steps.jsonl'), 'utf8')
      .trim()
      .split('\n').length,
    4,
  );
  await eventually(processes, (left) => left.length === 0);
});

test('a run whose process has gone says so', async () => {
  writeRun('killed', 3, 'running');
  const killed = (await topItems()).find(({ label }) => label === 'killed');
  assert.match(String(killed!.accessibilityInformation?.label), /killed, inspection, interrupted/);
  assert.equal((killed!.iconPath as vscode.ThemeIcon).id, 'warning');
});

test('Stop ends what runs', async () => {
  const long = vscode.commands.executeCommand('optimizerBias.rerun', writeRun('long', 1_000_000), true);
  const name = await eventually(
    async () => (await shownRuns()).map((line) => line.split(':')[0]).find((each) => /digits-adam-2$/.test(each)),
    (found) => found !== undefined,
  );
  await eventually(
    () => readFileSync(join(runs(), name!, 'steps.jsonl'), 'utf8').length,
    (length) => length > 0,
  );
  assert.equal(processes().length, 1);
  await vscode.commands.executeCommand('optimizerBias.stop');
  await long;
  assert.equal(headerOf(name!).status, 'cancelled');
  await eventually(processes, (left) => left.length === 0);
  assert.ok(existsSync(join(runs(), name!, 'steps.jsonl')));
});
