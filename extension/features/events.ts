import * as vscode from 'vscode';

/** Fires when either does. */
export const eitherOf =
  (one: vscode.Event<void>, other: vscode.Event<void>): vscode.Event<void> =>
  (listener, thisArgs, disposables) => {
    const both = vscode.Disposable.from(one(listener, thisArgs), other(listener, thisArgs));
    disposables?.push(both);
    return both;
  };
