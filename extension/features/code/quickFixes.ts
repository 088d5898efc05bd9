import * as vscode from 'vscode';
import { type Fix, setTo } from '../../advice/diagnostics.ts';
import { ignoreEdit } from '../../configs/ignore.ts';
import type { SourceRange } from '../../configs/source.ts';
import { type Configurations, languageOf, notebookOf, pythonCells, rangeIn, SELECTOR } from '../configurations.ts';
import type { Settings } from '../settings.ts';
import { type Problem, problems } from './diagnostics.ts';

/** The values of β₂ that are offered where the cursor is on one. */
const OFFERED_BETA2 = [0.95, 0.99, 0.999];

/** Fixes of diagnostics: edits in place, wherever the value is written, and comments that silence them; other values of β₂. */
export function registerQuickFixes(configurations: Configurations, settings: Settings): vscode.Disposable {
  const quickFix = vscode.CodeActionKind.QuickFix;
  const rewrite = vscode.CodeActionKind.RefactorRewrite;
  const wants = (context: vscode.CodeActionContext, kind: vscode.CodeActionKind) =>
    !context.only || context.only.contains(kind);
  return vscode.languages.registerCodeActionsProvider(
    SELECTOR,
    {
      async provideCodeActions(document, range, context, token) {
        const found: vscode.CodeAction[] = [];
        if (wants(context, quickFix))
          for (const problem of await problems(document, configurations, settings))
            if (concerns(problem, range)) found.push(...(await actions(problem, context.diagnostics)));
        const target = wants(context, rewrite) ? await configurations.at(document, range.start) : undefined;
        if (target?.hyperparameter === 'beta2')
          for (const value of OFFERED_BETA2)
            for (const fix of setTo(target.config, 'beta2', 'β₂', value)) {
              const action = await edit(document, fix, rewrite);
              const isThere = found.some(({ title }) => title === fix.title);
              if (action && !isThere) found.push(action);
            }
        return token.isCancellationRequested ? [] : found;
      },
    },
    { providedCodeActionKinds: [quickFix, rewrite] },
  );
}

/** Whether a problem is at the cursor, or elsewhere in the same call on the cursor's line. */
function concerns({ document, config, diagnostic }: Problem, range: vscode.Range): boolean {
  const place = rangeIn(document, diagnostic.range);
  if (place.intersection(range)) return true;
  return place.start.line === range.start.line && rangeIn(document, config.callRange).intersection(range) !== undefined;
}

/** What can be done about one diagnostic, in the order of the menu. */
async function actions(
  { document, diagnostic }: Problem,
  shown: readonly vscode.Diagnostic[],
): Promise<vscode.CodeAction[]> {
  const { code, range, fixes = [] } = diagnostic;
  const place = rangeIn(document, range);
  const about = shown.filter((other) => codeOf(other) === code && other.range.isEqual(place));
  const ignore = ignoreEdit(document.getText(), languageOf(document) ?? 'json', range, code);
  const all = [...fixes, ...(ignore ? [{ title: `Ignore ${code} on this line`, ...ignore }] : [])];
  const made: vscode.CodeAction[] = [];
  for (const [i, fix] of all.entries()) {
    const action = await edit(document, fix, vscode.CodeActionKind.QuickFix);
    if (!action) continue;
    action.diagnostics = about;
    action.isPreferred = fixes.length === 1 && i === 0;
    made.push(action);
  }
  return made;
}

/** A fix as an action; undefined where its file cannot be read, or no longer says what the fix replaces. */
async function edit(
  document: vscode.TextDocument,
  { title, range, newText, replaces }: Fix,
  kind: vscode.CodeActionKind,
): Promise<vscode.CodeAction | undefined> {
  const target = await documentOf(document, range);
  if (!target) return undefined;
  const place = rangeIn(target, range);
  if (replaces !== undefined && Number(target.getText(place).replaceAll('_', '')) !== replaces) return undefined;
  const where = target === document ? '' : ` (${vscode.workspace.asRelativePath(target.uri)})`;
  const action = new vscode.CodeAction(`${title}${where}`, kind);
  action.edit = new vscode.WorkspaceEdit();
  action.edit.replace(target.uri, place, newText);
  return action;
}

/** The document that a range counts in: another file, another cell of the notebook, or the document itself. */
async function documentOf(document: vscode.TextDocument, range: SourceRange): Promise<vscode.TextDocument | undefined> {
  if (range.file !== undefined) {
    try {
      return await vscode.workspace.openTextDocument(vscode.Uri.file(range.file));
    } catch {
      return undefined;
    }
  }
  const notebook = range.cell === undefined ? undefined : notebookOf(document);
  return notebook ? pythonCells(notebook)[range.cell ?? 0] : document;
}

function codeOf({ code }: vscode.Diagnostic): unknown {
  return typeof code === 'object' ? code.value : code;
}
