import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as vscode from 'vscode';
import { extension, open, processes, witness } from './extension.ts';
import { eventually, test } from './suite.ts';

test('a Python file wakes it', async () => {
  await open('train.py');
  await eventually(
    () => extension().isActive,
    (active) => active,
  );
  assert.ok(witness().context.subscriptions.length > 0);
});

test('awake, it has loaded no native code and started no process', () => {
  assert.doesNotMatch(readFileSync('/proc/self/maps', 'utf8'), /onnxruntime/);
  const modules = Object.keys(createRequire(__filename).cache);
  assert.deepEqual(
    modules.filter((path) => path.includes('onnxruntime')),
    [],
  );
  assert.deepEqual(processes(), []);
});

test('every command of the manifest is registered, and no other', async () => {
  const declared = extension().packageJSON.contributes.commands.map(({ command }: { command: string }) => command);
  const registered = (await vscode.commands.getCommands(true)).filter((id) => /^optimizerBias\.[a-zA-Z0-9]+$/.test(id));
  assert.deepEqual(registered.sort(), declared.sort());
});
