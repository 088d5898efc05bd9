import * as vscode from 'vscode';
import { setting } from '../../shared/format.ts';
import { rangeText, within } from '../../shared/range.ts';
import { hyperTitle, type OpenValue } from './hyper.ts';

/** Asks for a hyper-parameter that no text gives, with the library's default filled in; undefined where the user leaves. */
export async function askHyper(
  { spec, value, standard }: OpenValue,
  prompt: string,
): Promise<number | boolean | string | undefined> {
  const { kind, name, range = {}, choices } = spec;
  const title = hyperTitle(name);
  const proposed = value ?? standard;
  if (kind !== 'number') {
    const all = kind === 'boolean' ? ['true', 'false'] : (choices ?? []);
    const items = all.map((label) => ({ label, description: label === String(standard) ? 'the default' : '' }));
    const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: prompt, ignoreFocusOut: true });
    return chosen && (kind === 'boolean' ? chosen.label === 'true' : chosen.label);
  }
  const text = await vscode.window.showInputBox({
    ...{ title, prompt, ignoreFocusOut: true },
    value: proposed === undefined ? '' : setting(proposed),
    validateInput: (given) =>
      given.trim() !== '' && within(range, Number(given)) ? undefined : `A number${rangeText(range)}`,
  });
  return text === undefined ? undefined : Number(text);
}
