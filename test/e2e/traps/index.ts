import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as vscode from 'vscode';
import { extension, file, witness } from '../host/extension.ts';
import { note, test } from '../host/suite.ts';
import { longestBlock } from './block.ts';

export { run } from '../host/suite.ts';

/**
 * What the extension may add to what the editor itself takes for the same, in milliseconds of processor time of the host's main
 * thread. The goal is 50, which the figures of the test show; collections of garbage and cold code vary, while what is read
 * in the host itself takes seconds.
 */
const tolerated = 200;

/** Runs whose model and data cannot be read to an end. */
const trapped = [
  ['of a pipe', 'pipe.onnx', 'endless.npz'],
  ['of a loop', 'loop.onnx', 'pipe.onnx'],
] as const;

/** Files in a run's place that are none. */
async function makeTraps(): Promise<void> {
  const make = async (name: string) => {
    const folder = file(`runs/${name}`).fsPath;
    await mkdir(folder, { recursive: true });
    return folder;
  };
  await promisify(execFile)('mkfifo', [join(await make('pipe'), 'run.json'), join(await make('steps'), 'steps.jsonl')]);
  for (const name of ['run.json', 'steps.jsonl', 'sweep.json', 'experiment.json', 'source.json'])
    await symlink('/dev/zero', join(await make(`endless ${name}`), name));
  for (const name of ['run.json', 'sweep.json', 'compare.json']) await mkdir(join(await make('folders'), name));
  for (const name of ['run.json', 'steps.jsonl']) await symlink(name, join(await make(`loop ${name}`), name));
  // Whether a run is still that of its files is seen from them.
  const header = JSON.parse(await readFile(file('runs/long/run.json').fsPath, 'utf8'));
  const inputs = await make('inputs');
  await promisify(execFile)('mkfifo', [join(inputs, 'pipe.onnx')]);
  await symlink('/dev/zero', join(inputs, 'endless.npz'));
  await symlink('loop.onnx', join(inputs, 'loop.onnx'));
  for (const [name, model, data] of trapped) {
    const request = { ...header.request, directory: inputs, model, data };
    const run = {
      ...header,
      request,
      model: { ...header.model, path: model },
      data: { ...header.data, files: [data] },
    };
    await writeFile(join(await make(name), 'run.json'), JSON.stringify(run));
    await copyFile(file('runs/long/steps.jsonl').fsPath, join(await make(name), 'steps.jsonl'));
  }
  await Promise.all(
    Array.from({ length: 300 }, async (_, i) => {
      const folder = await make(`many-${i}`);
      await writeFile(join(folder, 'run.json'), '{"format": 1}');
    }),
  );
}

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

/** Everything that the editor asks of the extension for a document. */
async function ask(document: vscode.TextDocument): Promise<void> {
  const { uri } = document;
  const middle = document.positionAt(Math.floor(document.getText().length / 2));
  await vscode.commands.executeCommand('vscode.executeHoverProvider', uri, middle);
  await vscode.commands.executeCommand('vscode.executeCodeLensProvider', uri, 20);
  await vscode.commands.executeCommand('vscode.executeInlayHintProvider', uri, new vscode.Range(middle, middle));
}

const names = [
  ...['not.py', 'sequential.py', 'generated.py', 'long.py', 'line.py', 'deep.yaml', 'wide.yaml', 'deep.json'],
  ...['deep.jsonnet', 'wide.gin', 'deep.pbtxt', 'wide.ini'],
];

test('the traps are made', async () => {
  await makeTraps();
  await extension().activate();
});

for (const name of names)
  test(name, async () => {
    const document = await vscode.workspace.openTextDocument(file(`texts/${name}`));
    const { languageId } = document;
    // The editor's own part: the same text as plain text.
    const plain = await vscode.languages.setTextDocumentLanguage(document, 'plaintext');
    const alone = await longestBlock(async () => {
      await vscode.window.showTextDocument(plain);
      await ask(plain);
    });
    const block = await longestBlock(async () => {
      const read = await vscode.languages.setTextDocumentLanguage(plain, languageId);
      await vscode.window.showTextDocument(read);
      await ask(read);
      await pause(500);
    });
    note(`${name}: ${block.toFixed(0)} ms, of which the editor's own ${alone.toFixed(0)} ms`);
    assert.ok(block - alone < tolerated, `the extension host was blocked for ${block} ms`);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

test('notebooks', async () => {
  for (const name of ['many.ipynb', 'one.ipynb']) {
    const block = await longestBlock(async () => {
      const document = await vscode.workspace.openTextDocument(file(`texts/${name}`));
      await vscode.window.showTextDocument(document);
      await ask(document);
      await pause(1500);
    });
    note(`${name}: ${block.toFixed(0)} ms`);
    assert.ok(block < tolerated, `${name}: the extension host was blocked for ${block} ms`);
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  }
});

test('runs', async () => {
  const provider = witness().trees.get('optimizerBias.runs')!;
  let listed = 0;
  const list = await longestBlock(async () => {
    listed = ((await provider.getChildren()) ?? []).length;
  });
  note(`${listed} runs are listed: ${list.toFixed(0)} ms`);
  assert.ok(listed > 300);
  const shown = await longestBlock(async () => {
    await vscode.commands.executeCommand('optimizerBias.openRun', { folder: file('runs/long').fsPath });
    await pause(3000);
  });
  note(`a run of 4000 steps is shown: ${shown.toFixed(0)} ms`);
  const result = await longestBlock(async () => {
    for (const name of ['sweep', 'result', 'endless sweep.json'])
      await vscode.commands.executeCommand('optimizerBias.openExperiment', { folder: file(`runs/${name}`).fsPath });
    await pause(2000);
  });
  note(`damaged results are opened: ${result.toFixed(0)} ms`);
  assert.ok(Math.max(list, shown, result) < tolerated, 'the extension host was blocked');
});

test('runs of files that cannot be read to an end', async () => {
  for (const [name, model] of trapped) {
    const shown = await longestBlock(async () => {
      await vscode.commands.executeCommand('optimizerBias.openRun', { folder: file(`runs/${name}`).fsPath });
      await pause(2000);
    });
    note(`a run of ${model} is shown: ${shown.toFixed(0)} ms`);
    assert.ok(shown < tolerated, `the extension host was blocked for ${shown} ms`);
  }
});

test('a run that changes while it is shown', async () => {
  const folder = file('runs/of a pipe').fsPath;
  const steps = join(folder, 'steps.jsonl');
  await vscode.commands.executeCommand('optimizerBias.openRun', { folder });
  const changing = await longestBlock(async () => {
    // It grows, begins again, and is a pipe in the end.
    const line = await readFile(steps, 'utf8');
    for (let i = 0; i < 5; i++) await writeFile(steps, line, { flag: 'a' });
    await pause(500);
    await writeFile(steps, line.slice(0, 1000));
    await pause(500);
    await rm(steps);
    await promisify(execFile)('mkfifo', [steps]);
    await pause(1000);
  });
  note(`steps that grow, begin again and become a pipe: ${changing.toFixed(0)} ms`);
  assert.ok(changing < tolerated, `the extension host was blocked for ${changing} ms`);
});
