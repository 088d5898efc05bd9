import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { file } from './extension.ts';
import { eventually, test } from './suite.ts';

const invoke = async (name: string, input: object): Promise<Record<string, unknown>> => {
  const { content } = await vscode.lm.invokeTool(`optimizerBias_${name}`, { input, toolInvocationToken: undefined });
  return JSON.parse((content[0] as vscode.LanguageModelTextPart).value);
};

test('the tools for agents are tools of the language models', async () => {
  const tools = await eventually(
    () => vscode.lm.tools.filter(({ name }) => name.startsWith('optimizerBias_')),
    (found) => found.length === 7,
  );
  for (const { inputSchema, description } of tools) assert.ok(inputSchema && description.length > 40);
  const explained = await invoke('explain_configuration', { file: file('train.py').fsPath });
  const [found] = explained.configurations as Record<string, unknown>[];
  assert.match(String(found.validity), /nothing was measured/);
  const input = { model: 'digits.onnx', data: 'digits.npz', hyper: { lr: 1e-3 }, steps: 3, limit: 100 };
  const run = await invoke('inspect_model', input);
  assert.equal(Object.keys(run)[0], 'measured');
  assert.equal(run.status, 'finished');
  await assert.rejects(invoke('explain_configuration', { file: '/etc/hosts' }), /outside of the folders/);
  await assert.rejects(invoke('inspect_model', { ...input, steps: -1 }), /steps/);
  await vscode.workspace.fs.delete(vscode.Uri.file(String(run.run)), { recursive: true });
});
