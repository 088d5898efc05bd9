import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { extension, file, open, positionOf, processes, witness } from './extension.ts';
import { shownRuns, writeRun } from './runs.ts';
import { eventually, test } from './suite.ts';

const ours = async () =>
  (await vscode.commands.getCommands(true)).filter((id) => /^optimizerBias\.[a-zA-Z0-9]+$/.test(id));
const hovers = async ({ uri }: vscode.TextDocument, position: vscode.Position) =>
  (await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', uri, position)).length;

test('when it is turned off in the middle of a run, nothing of it stays', async () => {
  const document = await open('train.py');
  const at = positionOf(document, 'Adam(');
  assert.ok((await hovers(document, at)) > 0);
  const running = vscode.commands.executeCommand('optimizerBias.rerun', writeRun('last', 1_000_000), true);
  const name = await eventually(
    async () => (await shownRuns()).map((line) => line.split(':')[0]).find((each) => /digits-adam-3$/.test(each)),
    (found) => found !== undefined,
  );
  // Once it has measured for a while, the editor has long been told where.
  const steps = join(file('runs').fsPath, name!, 'steps.jsonl');
  await eventually(
    () => (existsSync(steps) ? statSync(steps).size : 0),
    (size) => size > 500_000,
  );
  const { subscriptions } = witness().context;
  for (const subscription of subscriptions.splice(0).reverse()) subscription.dispose();
  await eventually(processes, (left) => left.length === 0);
  await running;
  assert.deepEqual(await ours(), []);
  assert.equal(await hovers(document, at), 0);
  assert.equal(
    vscode.languages
      .getDiagnostics()
      .flatMap(([, all]) => all)
      .filter(({ source }) => source === 'Optimizer Bias').length,
    0,
  );
  const header = JSON.parse(readFileSync(join(file('runs').fsPath, name!, 'run.json'), 'utf8'));
  assert.equal(header.status, 'cancelled', 'what was measured is kept, and the run says that it was stopped');
});

test('it can be turned on again', async () => {
  witness().activate();
  assert.equal((await ours()).length, extension().packageJSON.contributes.commands.length);
  const document = await open('train.py');
  await eventually(
    () => hovers(document, positionOf(document, 'Adam(')),
    (count) => count > 0,
  );
});
