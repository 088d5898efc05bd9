import * as vscode from 'vscode';
import { SETTINGS, type SettingId, type SettingTypes, settingName } from '../contributions.ts';

/** The user's settings, by their types. */
export class Settings implements vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscription = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration('optimizerBias')) this.changed.fire();
  });
  /** One of this extension's settings has another value. */
  readonly onDidChange = this.changed.event;

  /** The value where a document is; folders and languages can have their own. */
  get<K extends SettingId>(id: K, document: vscode.TextDocument): SettingTypes[K] {
    return vscode.workspace.getConfiguration(undefined, document).get(settingName(id), SETTINGS[id].default);
  }

  dispose(): void {
    this.subscription.dispose();
    this.changed.dispose();
  }
}
