import * as vscode from 'vscode';
import type { CommandArguments, CommandId } from '../contributions.ts';

/** A button or status item that runs one of this extension's commands. */
export function typedCommand<K extends CommandId>(
  title: string,
  command: K,
  ...args: CommandArguments[K]
): vscode.Command {
  return { title, command, arguments: args };
}

/** A link that runs one of this extension's commands. */
export function commandUri<K extends CommandId>(command: K, ...args: CommandArguments[K]): vscode.Uri {
  return vscode.Uri.parse(`command:${command}?${encodeURIComponent(JSON.stringify(args))}`);
}

export function registerCommand<K extends CommandId>(
  command: K,
  run: (...args: CommandArguments[K]) => unknown,
): vscode.Disposable {
  return vscode.commands.registerCommand(command, run);
}
