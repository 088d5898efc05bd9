import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { configure, file, open, positionOf } from './extension.ts';
import { eventually, test } from './suite.ts';

const source = 'Optimizer Bias';

const hoverAt = async ({ uri }: vscode.TextDocument, position: vscode.Position): Promise<string> => {
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', uri, position);
  return hovers
    .flatMap(({ contents }) => contents)
    .map((content) => (typeof content === 'string' ? content : content.value))
    .join('\n');
};
const lensesOf = async ({ uri }: vscode.TextDocument) =>
  (await vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', uri, 20)).filter(
    ({ command }) => command?.command.startsWith('optimizerBias.'),
  );
const diagnosticsOf = ({ uri }: vscode.TextDocument) =>
  vscode.languages.getDiagnostics(uri).filter((diagnostic) => diagnostic.source === source);
const codeOf = ({ code }: vscode.Diagnostic) => (typeof code === 'object' ? code.value : code);
const hintsOf = ({ uri, lineCount }: vscode.TextDocument) =>
  vscode.commands.executeCommand<vscode.InlayHint[]>(
    'vscode.executeInlayHintProvider',
    uri,
    new vscode.Range(0, 0, lineCount, 0),
  );

for (const [name, where, strength, memory] of [
  ['train.py', 'Adam(', 'anti-regularizing 0.99', 'β₂ 0.999'],
  ['config.yaml', 'torch.optim.AdamW', 'anti-regularizing 0.099', 'β₂ 0.999'],
  ['ds_config.json', 'AdamW', 'anti-regularizing 0.001', 'β₂ 0.95'],
  ['config.toml', 'AdamW', 'anti-regularizing 0.001', 'β₂ 0.95'],
] as const) {
  test(`${name}: hover, CodeLens with its arguments, and inlay hint say the same`, async () => {
    const document = await open(name);
    const position = positionOf(document, where);
    assert.ok((await hoverAt(document, position)).includes(strength), await hoverAt(document, position));
    const lenses = await lensesOf(document);
    assert.equal(lenses[0].command?.title, `Theory: ${memory} favours a larger gradient norm`);
    assert.deepEqual(
      lenses.slice(0, 3).map(({ command }) => command?.command),
      ['optimizerBias.explain', 'optimizerBias.inspect', 'optimizerBias.compareBeta2'],
    );
    for (const { command, range } of lenses.slice(0, 3)) {
      const { line, character } = range.start;
      assert.deepEqual(command?.arguments, [document.uri.toString(), line, character]);
    }
    assert.deepEqual(await hintsOf(document), [], 'off unless turned on');
    await configure('optimizerBias.inlayHints.enabled', true);
    const [hint] = await eventually(
      () => hintsOf(document),
      (hints) => hints.length > 0,
    );
    assert.equal(String(hint.label), 'theory: larger gradient norm');
    await configure('optimizerBias.inlayHints.enabled', undefined);
  });
}

test('text that is no configuration has nothing', async () => {
  const document = await open('train.py');
  assert.equal(await hoverAt(document, positionOf(document, 'import torch')), '');
  const markdown = await vscode.workspace.openTextDocument({ language: 'markdown', content: 'optim.Adam(p, lr=1e-3)' });
  assert.deepEqual(await lensesOf(markdown), []);
});

test('a notebook: imports and names reach from cell to cell', async () => {
  const notebook = await vscode.workspace.openNotebookDocument(file('train.ipynb'));
  await vscode.window.showNotebookDocument(notebook);
  const [names, optimizer] = notebook.getCells().map(({ document }) => document);
  assert.deepEqual(await lensesOf(names), []);
  const lenses = await eventually(
    () => lensesOf(optimizer),
    (found) => found.length > 0,
  );
  assert.ok(lenses[0].command?.title.startsWith('Theory: β₂ 0.999'));
  assert.match(await hoverAt(optimizer, positionOf(optimizer, 'Adam(')), /lr 1e-4/);
  const edit = new vscode.WorkspaceEdit();
  edit.replace(names.uri, names.lineAt(1).range, 'LR = 1e-5');
  await vscode.workspace.applyEdit(edit);
  assert.match(await hoverAt(optimizer, positionOf(optimizer, 'Adam(')), /lr 1e-5/);
  await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
});

test('diagnostics carry code, link and severity; a setting changes the severity, another turns them off', async () => {
  const document = await open('problems.py');
  const find = (code: string) => diagnosticsOf(document).find((each) => codeOf(each) === code);
  const beta = (await eventually(
    () => find('beta-out-of-range'),
    (found) => found !== undefined,
  ))!;
  assert.equal(document.getText(beta.range), '1.5');
  assert.equal(beta.severity, vscode.DiagnosticSeverity.Error);
  assert.ok(typeof beta.code === 'object' && beta.code.target.toString().startsWith('command:optimizerBias.'));
  await configure('optimizerBias.diagnostics.severity', { 'beta-out-of-range': 'hint' });
  await eventually(
    () => find('beta-out-of-range')?.severity,
    (severity) => severity === vscode.DiagnosticSeverity.Hint,
  );
  await configure('optimizerBias.diagnostics.severity', { 'beta-out-of-range': 'off' });
  await eventually(
    () => find('beta-out-of-range'),
    (found) => found === undefined,
  );
  assert.ok(find('memories-reversed'), 'the others stay');
  await configure('optimizerBias.diagnostics.severity', undefined);
  await configure('optimizerBias.diagnostics.enabled', false);
  await eventually(
    () => diagnosticsOf(document).length,
    (count) => count === 0,
  );
  await configure('optimizerBias.diagnostics.enabled', undefined);
  await eventually(
    () => diagnosticsOf(document).length,
    (count) => count > 0,
  );
});

test('code actions: a fix that can be applied, a comment that silences, and Inspect', async () => {
  const document = await open('problems.py');
  const at = positionOf(document, '0.999, 0.9)');
  await eventually(
    () => diagnosticsOf(document).length,
    (count) => count > 0,
  );
  const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    'vscode.executeCodeActionProvider',
    document.uri,
    new vscode.Range(at, at),
    vscode.CodeActionKind.QuickFix.value,
  );
  const titled = (pattern: RegExp) => actions.find(({ title }) => pattern.test(title));
  const swap = titled(/^Swap the two values/);
  assert.ok(swap?.edit, actions.map(({ title }) => title).join());
  assert.equal(titled(/^Inspect Adam on a model…$/)?.command?.command, 'optimizerBias.inspect');
  assert.ok(titled(/^Ignore memories-reversed on this line$/)?.edit);
  await vscode.workspace.applyEdit(swap.edit);
  assert.match(document.getText(), /betas=\(0\.9, 0\.999\)/);
  await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
});

test('settings turn hover and CodeLens off and on again', async () => {
  const document = await open('train.py');
  const at = positionOf(document, 'Adam(');
  await configure('optimizerBias.hover.enabled', false);
  await configure('optimizerBias.codeLens.enabled', false);
  await eventually(
    async () => (await hoverAt(document, at)).length + (await lensesOf(document)).length,
    (count) => count === 0,
  );
  await configure('optimizerBias.hover.enabled', undefined);
  await configure('optimizerBias.codeLens.enabled', undefined);
  await eventually(
    async () => Math.min((await hoverAt(document, at)).length, (await lensesOf(document)).length),
    (count) => count > 0,
  );
});

test('a language of one’s own has its own setting', async () => {
  const toml = await open('config.toml');
  const python = await open('train.py');
  const settings = vscode.workspace.getConfiguration('optimizerBias', { languageId: 'toml' });
  await settings.update('codeLens.enabled', false, vscode.ConfigurationTarget.Workspace, true);
  await eventually(
    () => lensesOf(toml),
    (lenses) => lenses.length === 0,
  );
  assert.ok((await lensesOf(python)).length > 0);
  await settings.update('codeLens.enabled', undefined, vscode.ConfigurationTarget.Workspace, true);
});
