import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { measuredHint, measuredMarkdown, measuredTitle } from '../../extension/advice/measured.ts';
import type { ScanRecord } from '../../extension/advice/report.ts';
import { runScan } from '../../extension/advice/scan.ts';
import { runsAbove } from '../../extension/cli/scan.ts';
import { analyse } from '../../extension/configs/analyse.ts';
import { lineTable, lineText } from '../../extension/features/code/lineTexts.ts';
import { MeasuredRuns } from '../../extension/features/code/measuredRuns.ts';
import { measuredRun, run } from '../webview/runs.ts';

const HYPER = { lr: 1e-4, beta1: 0.9, beta2: 0.99, eps: 1e-8, eps_placement: 'outside', weight_decay: 0 };

function writeRun(workspace: string, name: string, header: object, ...lines: (object | string)[]): string {
  const folder = join(workspace, 'runs', name);
  mkdirSync(folder, { recursive: true });
  const optimizer = { name: 'adam', title: 'Adam', framework: 'pytorch', hyper: HYPER };
  const whole = { format: 1, started: '2026-11-20T10:00:00Z', model: { path: 'a/net_1.onnx' }, optimizer, ...header };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(whole));
  const text = lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join('');
  writeFileSync(join(folder, 'steps.jsonl'), text);
  return folder;
}

async function lineOf(runs: MeasuredRuns, config: Parameters<MeasuredRuns['find']>[0], folder: string) {
  const run = await runs.find(config, folder);
  return run && measuredMarkdown(run);
}

const configOf = (call: string) => analyse({ path: 'f', language: 'python', text: `import torch\n${call}` })[0];
const SAME = 'torch.optim.Adam(p, lr=1e-4, betas=(0.9, 0.99))';

test('what runs with the same settings have measured', async (t) => {
  const workspace = mkdtempSync(join(tmpdir(), 'measured-'));
  t.after(() => rmSync(workspace, { recursive: true }));
  assert.equal(await lineOf(new MeasuredRuns(), configOf(SAME), workspace), undefined);

  const good = { step: 9, hKappa: -0.0042, validShare: 0.93, selfCheck: 0.2, belowSwitchShare: 0.125 };
  writeRun(workspace, 'a', {}, { step: 0, hKappa: 0 }, good, { step: 10, loss: 1 }, '{"step":11,"hKap');
  writeRun(workspace, 'other', { started: '2026-11-21' }, { ...good, hKappa: 1 });
  writeFileSync(join(workspace, 'runs', 'other', 'run.json'), '{ "format": 1 ');
  mkdirSync(join(workspace, 'runs', 'empty'));
  writeFileSync(join(workspace, 'runs', 'a file'), '');
  const runs = new MeasuredRuns();
  assert.equal(
    await lineOf(runs, configOf(SAME), workspace),
    '**Inspected** 2026\\-11\\-20 on net\\_1.onnx, step 9: anti-regularizing 0.0042 · 13 % below the switch. The theory holds there.',
  );
  for (const other of [
    'torch.optim.Adam(p, lr=2e-4, betas=(0.9, 0.99))',
    'torch.optim.Adam(p, lr=given, betas=(0.9, 0.99))',
    'torch.optim.Adam(p, lr=1e-4, betas=pair)',
    'torch.optim.AdamW(p, lr=1e-4, betas=(0.9, 0.99), weight_decay=0)',
    'torch.optim.Adam(p, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.1)',
  ]) {
    assert.equal(await lineOf(runs, configOf(other), workspace), undefined, other);
  }
});

test('the latest run counts, and what it does not support is said', async (t) => {
  const workspace = mkdtempSync(join(tmpdir(), 'measured-'));
  t.after(() => rmSync(workspace, { recursive: true }));
  writeRun(workspace, 'z', { started: '2026-01-01' }, { step: 1, hKappa: -1, validShare: 1, selfCheck: 0 });
  const padding = 'x'.repeat(200_000);
  const step = { step: 2, hKappa: -0.5, validShare: 0.1, selfCheck: 3, padding };
  const folder = writeRun(workspace, 'a', { started: '2026-02-01', model: { path: '<b>|`' } }, step);
  const line = await lineOf(new MeasuredRuns(), configOf(SAME), workspace);
  assert.match(
    line ?? '',
    /^\*\*Inspected\*\* 2026\\-02\\-01 on &lt;b\\>\\\|\\`, step 2: .* The theory is not reliable there\.$/,
  );

  // A run that goes on is read again.
  const runs = new MeasuredRuns(0);
  await lineOf(runs, configOf(SAME), workspace);
  appendFileSync(join(folder, 'steps.jsonl'), `${JSON.stringify({ ...step, step: 3 })}\n`);
  utimesSync(join(folder, 'steps.jsonl'), new Date(), new Date(Date.now() + 10_000));
  await new Promise((resolve) => setTimeout(resolve, 2));
  assert.match((await lineOf(runs, configOf(SAME), workspace)) ?? '', /step 3/);
});

test('the measured effect is said above the configuration and first in its hover', async (t) => {
  const workspace = mkdtempSync(join(tmpdir(), 'measured-'));
  t.after(() => rmSync(workspace, { recursive: true }));
  const { reference, effect } = measuredRun({ ended: true }).header;
  const lines = [
    { step: 8, hKappa: -0.1, effect: 0.08, loss: 1, oscillation: 0.31 },
    { step: 9, hKappa: -0.1, effect: null, loss: 0.9 },
  ];
  writeRun(workspace, 'a', { reference }, ...lines);
  const find = () => new MeasuredRuns().find(configOf(SAME), workspace);
  assert.equal(measuredTitle((await find())!), 'Measured 2026-11-20: +8 % against β₂ = β₁ (until loss 1.00)');
  const hint = measuredHint((await find())!)!;
  assert.equal(hint, 'measured +8 % to loss 1.00, 2026-11-20');
  assert.ok(hint.length <= 43, 'editors cut hints after 43 characters');
  assert.match(measuredMarkdown((await find())!), /^\*\*Measured\*\* 2026.* So far, at loss 1\.00, .* 8 % larger than with β₂ = β₁, .* At the end 31 % of the norm is oscillation from step to step\.$/); // biome-ignore format: one line
  // A slow oscillation is part of the sentence, and told once.
  const slow = { stretches: [{ from: 0, to: 9, loss: 1, lossAtMean: 1, normAtMean: 0.2, share: 0.8, tensors: {} }] };
  writeRun(workspace, 'a', { reference, effect: { ...effect!, slow } }, ...lines);
  assert.doesNotMatch(measuredMarkdown((await find())!), /At the end/);
  writeRun(workspace, 'a', { reference, effect }, ...lines);
  assert.equal(measuredTitle((await find())!), 'Measured 2026-11-20: +12 % against β₂ = β₁ (loss 2.00 → 1.80)');
  assert.match(
    measuredMarkdown((await find())!).replaceAll('\\', ''),
    /^\*\*Measured\*\* 2026-11-20 on \S+ \(loss 2\.00 → 1\.80\): At/,
  );
  const unsure = { ...reference, converged: false, reason: 'the flow does not converge' };
  writeRun(workspace, 'a', { reference: unsure }, ...lines);
  assert.equal(measuredTitle((await find())!), undefined);
  assert.equal(measuredHint((await find())!), undefined);
  assert.match(measuredMarkdown((await find())!), /: The effect is not shown\\: the flow does not converge$/);
});

test('behind a line of code: what was measured of its tensors, shorter where the line is long', () => {
  const { steps } = measuredRun({ ended: false });
  const fields = Object.values(steps[2].tensors);
  assert.equal(lineText(fields, 10), '−5 … +10 % gradient norm at equal loss');
  assert.equal(lineText(fields, 25), '−5 … +10 % at equal loss');
  assert.equal(lineText([fields[0]], 90), '+10 %');
  const plain = Object.values(run().steps[2].tensors);
  assert.equal(lineText(plain, 10), 'anti-regularizing 0.01');
  assert.equal(lineText(plain, 40), 'anti-regularizing 0.01');
  assert.equal(lineText([], 0), 'no correction');
  const table = lineTable(['fc.weight'], new Map(), { line: steps[3], effectLine: steps[2] }, true);
  assert.match(table, /^\*\*Stale\*\*.*Measured: .* at loss 1\.80\./);
  assert.match(table, /\| fc\.weight \| \+10 % \| \+0\.0100 \| 0\.400 \|/);
});

test('a scan says what runs of the folders above a file have measured, the nearest first, before the theory', async (t) => {
  const workspace = mkdtempSync(join(tmpdir(), 'measured-'));
  t.after(() => rmSync(workspace, { recursive: true }));
  const { reference, effect } = measuredRun({ ended: true }).header;
  const line = { step: 8, hKappa: -0.1, effect: 0.08, loss: 1 };
  writeRun(workspace, 'a', { reference }, line);
  mkdirSync(join(workspace, 'src', 'deep'), { recursive: true });
  for (const path of ['src/deep/a.py', 'src/b.py'])
    writeFileSync(join(workspace, path), `import torch\n${SAME}\ntorch.optim.Adam(p, lr=1)\n`);
  writeRun(join(workspace, 'src', 'deep'), 'b', { reference, effect }, line);
  const scan = async (...argv: string[]) => {
    const out: string[] = [];
    const io = {
      cwd: workspace,
      write: (text: string) => void out.push(text),
      error() {},
      measured: runsAbove(workspace),
    };
    await runScan(argv, io);
    return out.join('');
  };
  const told = (await scan()).split('\n').filter((each) => /^ {4}(Measured|Theory)/.test(each));
  assert.deepEqual(told, [
    '    Measured 2026-11-20: +8 % against β₂ = β₁ (until loss 1.00)',
    '    Theory: β₂ 0.99 favours a larger gradient norm',
    '    Theory: β₂ 0.999 favours a larger gradient norm',
    '    Measured 2026-11-20: +12 % against β₂ = β₁ (loss 2.00 → 1.80)',
    '    Theory: β₂ 0.99 favours a larger gradient norm',
    '    Theory: β₂ 0.999 favours a larger gradient norm',
  ]);
  const [first, other] = JSON.parse(await scan('--json')) as ScanRecord[];
  const run = 'runs/a';
  assert.deepEqual(first.measured, { effect: 0.08, against: 'β₂ = β₁', loss: 1, date: '2026-11-20', run });
  assert.equal(other.measured, null);
  writeRun(workspace, 'a', { reference: { ...reference, converged: false } }, line);
  const unsure = JSON.parse(await scan('--json')) as ScanRecord[];
  assert.equal(unsure[0].measured, null, 'as in the text');
});
