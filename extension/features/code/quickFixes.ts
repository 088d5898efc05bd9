import * as vscode from 'vscode';
import { ignoreEdit } from '../../configs/ignore.ts';
import type { SourceRange } from '../../configs/source.ts';
import { type Configurations, languageOf, rangeIn, SELECTOR } from '../configurations.ts';
import type { Settings } from '../settings.ts';
import { type Problem, problems } from './diagnostics.ts';

/** Fixes of diagnostics: edits in place, and comments that silence them. */
export function registerQuickFixes(configurations: Configurations, settings: Settings): vscode.Disposable {
  const kind = vscode.CodeActionKind.QuickFix;
  return vscode.languages.registerCodeActionsProvider(
    SELECTOR,
    {
      provideCodeActions(document, range, context, token) {
        if (token.isCancellationRequested || (context.only && !context.only.contains(kind))) return [];
        return problems(document, configurations, settings)
          .filter((problem) => concerns(problem, range))
          .flatMap((problem) => actions(problem, context.diagnostics));
      },
    },
    { providedCodeActionKinds: [kind] },
  );
}

/** Whether a problem is at the cursor, or elsewhere in the same call on the cursor's line. */
function concerns({ document, config, diagnostic }: Problem, range: vscode.Range): boolean {
  const place = rangeIn(document, diagnostic.range);
  if (place.intersection(range)) return true;
  return place.start.line === range.start.line && rangeIn(document, config.callRange).intersection(range) !== undefined;
}

/** What can be done about one diagnostic, in the order of the menu. */
function actions({ document, diagnostic }: Problem, shown: readonly vscode.Diagnostic[]): vscode.CodeAction[] {
  const { code, range, fixes = [] } = diagnostic;
  const place = rangeIn(document, range);
  const about = shown.filter((other) => codeOf(other) === code && other.range.isEqual(place));
  const action = (title: string, edited: SourceRange, newText: string, preferred: boolean) => {
    const result = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    result.edit = new vscode.WorkspaceEdit();
    result.edit.replace(document.uri, rangeIn(document, edited), newText);
    result.diagnostics = about;
    result.isPreferred = preferred;
    return result;
  };
  const ignore = ignoreEdit(document.getText(), languageOf(document) ?? 'json', range, code);
  return [
    ...fixes.map((fix) => action(fix.title, fix.range, fix.newText, fixes.length === 1)),
    ...(ignore ? [action(`Ignore ${code} on this line`, ignore.range, ignore.newText, false)] : []),
  ];
}

function codeOf({ code }: vscode.Diagnostic): unknown {
  return typeof code === 'object' ? code.value : code;
}
