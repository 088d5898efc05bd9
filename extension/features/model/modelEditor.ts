import { fork } from 'node:child_process';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { childEnvironment } from '../../engine/environment.ts';
import { failureWords } from '../../shared/errors.ts';
import { isFromModelPage, type ToModelPage } from '../../shared/panel.ts';
import { onCommandLine } from '../../shared/words.ts';
import { Debouncer } from '../debouncer.ts';
import { pageHtml, pageOptions } from '../panel/page.ts';

/** How long a model may take to be read. */
const patienceMilliseconds = 120_000;
const reloadMilliseconds = 500;

/** A page for .onnx files: what a model has, and what of it can be differentiated. Reads, never writes, never runs. */
export function registerModelEditor(extension: vscode.Uri, log: vscode.LogOutputChannel): vscode.Disposable {
  return vscode.window.registerCustomEditorProvider(
    'optimizerBias.model',
    {
      openCustomDocument: (uri) => ({ uri, dispose: () => {} }),
      resolveCustomEditor: ({ uri }, { webview, onDidDispose }) => {
        const pending = new Debouncer(reloadMilliseconds);
        const abort = new AbortController();
        const show = async () => {
          await webview.postMessage({ type: 'loading' } satisfies ToModelPage);
          const message = await read(extension, uri, abort.signal);
          if (message.type === 'failed') log.error(`${uri.fsPath}: ${onCommandLine(failureWords(message.failure))}`);
          if (!abort.signal.aborted) await webview.postMessage(message);
        };
        webview.options = pageOptions(extension);
        const folder = vscode.Uri.joinPath(uri, '..');
        const watcher = vscode.workspace.createFileSystemWatcher(
          new vscode.RelativePattern(
            folder,
            uri.path
              .split('/')
              .at(-1)!
              .replace(/[[\]{}*?]/g, '?'),
          ),
        );
        const changed = () => pending.schedule(uri, () => void show());
        const subscriptions = [
          pending,
          watcher,
          watcher.onDidChange(changed),
          watcher.onDidCreate(changed),
          watcher.onDidDelete(changed),
          vscode.workspace.onDidGrantWorkspaceTrust(() => void show()),
          webview.onDidReceiveMessage((message: unknown) => {
            if (!isFromModelPage(message)) return;
            if (message.type === 'inspect') void vscode.commands.executeCommand('optimizerBias.inspect', uri);
            else if (message.type === 'showLog') log.show();
            else void show();
          }),
        ];
        onDidDispose(() => {
          abort.abort();
          for (const subscription of subscriptions) subscription.dispose();
        });
        webview.html = pageHtml(webview, extension, 'model', 'ONNX model');
      },
    },
    { supportsMultipleEditorsPerDocument: true },
  );
}

const refused = (message: string, remedy?: string): ToModelPage => ({
  type: 'failed',
  failure: { kind: 'refusal', message, remedy },
});

/** Reads a model in a process of its own; resolves with what the page is to show. */
function read(extension: vscode.Uri, uri: vscode.Uri, signal: AbortSignal): Promise<ToModelPage> {
  if (uri.scheme !== 'file')
    return Promise.resolve(refused('Only files on disk are read.', 'Save the model to a folder.'));
  return new Promise((resolve) => {
    const child = fork(join(extension.fsPath, 'dist', 'modelProcess.js'), [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: childEnvironment(),
      execArgv: [],
    });
    let result: ToModelPage = refused(
      'The process that reads the model ended without an answer.',
      'The file may be damaged, or larger than the memory of this machine.',
    );
    const timer = setTimeout(() => {
      result = refused(`The model was not read within ${patienceMilliseconds / 1000} seconds.`, 'It may be damaged.');
      child.kill('SIGKILL');
    }, patienceMilliseconds);
    signal.addEventListener('abort', () => child.kill('SIGKILL'), { once: true });
    child.once('message', (message) => {
      const answer = message as ToModelPage;
      result = answer.type === 'model' ? { ...answer, trusted: vscode.workspace.isTrusted } : answer;
    });
    child.once('error', (error) => {
      result = refused(error.message);
      clearTimeout(timer);
      resolve(result);
    });
    child.once('exit', () => {
      clearTimeout(timer);
      resolve(result);
    });
    // Where it ends before it has read the path, its end says so.
    child.send(uri.fsPath, () => {});
  });
}
