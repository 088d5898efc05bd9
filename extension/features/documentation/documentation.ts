import * as vscode from 'vscode';
import { rulesPage } from '../../advice/rules.ts';
import theory from '../../optimizers/THEORY.md' with { type: 'text' };
import { commandUri, registerCommand } from '../typedCommand.ts';
import { EXPLANATION } from './explanation.ts';

const SCHEME = 'optimizer-bias-documentation';
const PAGE = vscode.Uri.from({ scheme: SCHEME, path: '/Optimizer Bias.md' });

/** The documentation, made from the tables that the hovers and diagnostics use, in the editor's Markdown preview. */
export function registerDocumentation(): vscode.Disposable {
  return vscode.Disposable.from(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: () => `${EXPLANATION}\n${rulesPage()}\n${theory}`,
    }),
    registerCommand('optimizerBias.openDocumentation', async (anchor) => {
      const page = typeof anchor === 'string' ? PAGE.with({ fragment: anchor }) : PAGE;
      await vscode.commands.executeCommand('markdown.showPreview', page);
    }),
  );
}

/** A link to a heading of the documentation, for Markdown that allows this one command. */
export function documentationLink(anchor: string): string {
  return commandUri('optimizerBias.openDocumentation', anchor).toString();
}
