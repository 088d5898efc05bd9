import * as vscode from 'vscode';
import { codeLensText, optimizerTitle } from '../../advice/hover.ts';
import type { Incomplete } from '../../configs/protocol.ts';
import { type Configurations, SELECTOR } from '../configurations.ts';
import { Debouncer } from '../debouncer.ts';
import { typedCommand } from '../typedCommand.ts';

const DELAY_MS = 300;

const INCOMPLETE: Readonly<Record<Incomplete, string>> = {
  nested: 'statements are nested too deeply',
  many: 'there are too many optimizers',
  time: 'it takes too long',
  memory: 'it takes too much memory',
  failed: 'an error: see the log',
};

/** In the status bar's language menu: what was found in the active document. */
export function registerLanguageStatus(configurations: Configurations): vscode.Disposable {
  const item = vscode.languages.createLanguageStatusItem('optimizerBias.status', SELECTOR);
  item.name = 'Optimizer Bias';
  const pending = new Debouncer(DELAY_MS);
  const update = async () => {
    const document = vscode.window.activeTextEditor?.document;
    const found = document ? await configurations.of(document) : [];
    const [first] = found;
    item.text = first ? (found.length === 1 ? codeLensText(first) : `${found.length} optimizers`) : 'No optimizer';
    item.detail = found.length === 1 ? optimizerTitle(first.optimizer) : 'found in this document';
    const incomplete = document && configurations.incomplete(document);
    if (incomplete) item.detail = `only a part of this text was read (${INCOMPLETE[incomplete]})`;
    item.command = first && typedCommand('Go to', 'optimizerBias.goToOptimizer');
  };
  const schedule = () => pending.schedule(item, () => void update());
  schedule();
  return vscode.Disposable.from(
    item,
    pending,
    configurations.onDidChange(schedule),
    vscode.window.onDidChangeActiveTextEditor(schedule),
    vscode.workspace.onDidChangeTextDocument(({ document }) => {
      if (document === vscode.window.activeTextEditor?.document) schedule();
    }),
  );
}
