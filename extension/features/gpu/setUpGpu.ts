import { join } from 'node:path';
import * as vscode from 'vscode';
import { useLibraries } from '../../engine/environment.ts';
import { checkGpu, type GpuState, pythonEnvironments, type Runtime, runtimeOf } from '../../engine/gpu/checks.ts';
import { fetchProvider, installProvider, restoreProvider } from '../../engine/gpu/install.ts';
import { packageHint } from '../../engine/gpu/provider.ts';
import { probeInChild } from '../../engine/probe.ts';
import { describeError } from '../../shared/errors.ts';
import { registerCommand } from '../typedCommand.ts';
import { gpuReport } from './report.ts';

const scheme = 'optimizer-bias-gpu';
const page = vscode.Uri.from({ scheme, path: '/GPU for Optimizer Bias.md' });
/** Folders of libraries that the user has agreed to. */
const librariesKey = 'cudaLibraries';
const mebibyte = 2 ** 20;

/** "Set Up GPU": checks what is there for CUDA and WebGPU, says what is missing, and fetches what can be fetched. */
export function registerSetUpGpu(context: vscode.ExtensionContext, log: vscode.LogOutputChannel): vscode.Disposable {
  const setUp = new SetUpGpu(context, log);
  void setUp.restore();
  return vscode.Disposable.from(
    setUp,
    registerCommand('optimizerBias.setUpGpu', () => setUp.run()),
  );
}

class SetUpGpu implements vscode.Disposable {
  private report = '';
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly provider: vscode.Disposable;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.provider = vscode.workspace.registerTextDocumentContentProvider(scheme, {
      onDidChange: this.changed.event,
      provideTextDocumentContent: () => this.report,
    });
  }

  dispose(): void {
    this.provider.dispose();
    this.changed.dispose();
  }

  /** An update of the extension brings a runtime that knows nothing of the provider; its files are kept elsewhere. */
  async restore(): Promise<void> {
    useLibraries(this.libraries);
    try {
      await restoreProvider(this.context.globalStorageUri.fsPath, this.runtime());
    } catch (error) {
      this.log.warn(`The CUDA provider was not linked: ${describeError(error)}`);
    }
  }

  /** Checks, and offers what can be done until nothing is left to do or the user leaves. */
  async run(): Promise<void> {
    for (;;) {
      const state = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: 'Checking the GPU' },
        () => this.check(),
      );
      this.report = gpuReport(state);
      this.log.info(this.report);
      this.changed.fire(page);
      await vscode.commands.executeCommand('markdown.showPreview', page);
      if (!(await this.offer(state))) return;
    }
  }

  private get libraries(): readonly string[] {
    return this.context.globalState.get<readonly string[]>(librariesKey, []);
  }

  private runtime(): Runtime {
    return runtimeOf(this.context.extensionPath);
  }

  private check(): Promise<GpuState> {
    const engine = join(this.context.extensionPath, 'dist', 'engineProcess.js');
    const workspaces = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
    // Their libraries would be loaded: only those of trusted folders are offered.
    const environments = pythonEnvironments(vscode.workspace.isTrusted ? workspaces : []);
    const probe = (device: 'cuda' | 'webgpu') => probeInChild(engine, device);
    return checkGpu({ runtime: this.runtime(), libraries: this.libraries, environments, probe });
  }

  /** Offers what can be done; true where something was done, so that it is worth checking again. */
  private async offer({ cuda, version, lacksProvider, unused }: GpuState): Promise<boolean> {
    const missing = cuda.filter(({ found }) => !found);
    if (missing.length === 0) {
      void vscode.window.showInformationMessage('CUDA is ready: the device “auto” uses it.');
      return false;
    }
    if (lacksProvider) return this.offerProvider(version);
    if (unused.length > 0) {
      const use = 'Use Libraries of Python';
      const question = `The libraries of CUDA are in a Python environment: ${unused.join(', ')}.`;
      if ((await vscode.window.showInformationMessage(question, use)) !== use) return false;
      await this.context.globalState.update(librariesKey, [...new Set([...this.libraries, ...unused])]);
      useLibraries(this.libraries);
      return true;
    }
    void vscode.window.showInformationMessage(
      `CUDA cannot be used yet: ${missing[0].what}. The report says what to do.`,
    );
    return false;
  }

  private async offerProvider(cuda: number): Promise<boolean> {
    const { version } = this.runtime();
    const fetch = `Download for CUDA ${cuda}`;
    const choose = 'Choose File…';
    const answer = await vscode.window.showInformationMessage(
      `The CUDA provider of ONNX Runtime ${version} is missing. It has about 250 MiB.`,
      fetch,
      choose,
    );
    if (answer === undefined) return false;
    try {
      return answer === fetch ? await this.fetchProvider(cuda) : await this.chooseProvider();
    } catch (error) {
      this.log.error(error as Error);
      const again = 'Choose File…';
      const said = describeError(error).replaceAll('\n', ' ');
      const message = `${said} ${packageHint(version)}`;
      if ((await vscode.window.showErrorMessage(message, again)) !== again) return false;
      return this.chooseProvider();
    }
  }

  private async fetchProvider(cuda: number): Promise<boolean> {
    const { version } = this.runtime();
    const title = `CUDA provider of ONNX Runtime ${version}`;
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    return vscode.window.withProgress(options, async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      const storage = this.context.globalStorageUri.fsPath;
      let shown = 0;
      const report = (received: number, size: number) => {
        const percent = Math.floor((100 * received) / size);
        if (percent === shown) return;
        const done = `${Math.floor(received / mebibyte)} of ${Math.ceil(size / mebibyte)} MiB`;
        progress.report({ increment: percent - shown, message: received === size ? 'unpacking' : done });
        shown = percent;
      };
      try {
        this.installed(await fetchProvider(storage, this.runtime(), cuda, report, { signal: abort.signal }));
        return true;
      } catch (error) {
        if (token.isCancellationRequested) return false;
        throw error;
      }
    });
  }

  private async chooseProvider(): Promise<boolean> {
    const [file] =
      (await vscode.window.showOpenDialog({
        title: 'Package with the CUDA Provider',
        openLabel: 'Install',
        filters: { Packages: ['whl', 'nupkg', 'zip', 'tgz', 'gz'] },
      })) ?? [];
    if (!file) return false;
    this.installed(await installProvider(file.fsPath, this.context.globalStorageUri.fsPath, this.runtime()));
    return true;
  }

  private installed(stored: string): void {
    this.log.info(`The CUDA provider was put into ${stored}.`);
  }
}
