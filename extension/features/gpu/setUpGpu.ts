import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { useLibraries } from '../../engine/environment.ts';
import { probeInChild } from '../../engine/probe.ts';
import { describeError } from '../../shared/errors.ts';
import { registerCommand } from '../typedCommand.ts';
import { checkGpu, type GpuState, gpuReport, type Runtime, runtimeOf } from './checks.ts';
import { linkProvider, packageHint, providerStorage, unpackProvider } from './provider.ts';
import { download, findPackage } from './sources.ts';

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
    const stored = join(this.context.globalStorageUri.fsPath, 'cuda');
    if (!existsSync(stored)) return;
    try {
      const { folder, version } = this.runtime();
      await linkProvider(join(stored, version), folder);
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
    const environments = [
      ...[process.env.VIRTUAL_ENV, process.env.CONDA_PREFIX].filter((path) => path !== undefined),
      // Their libraries would be loaded: only those of trusted folders are offered.
      ...(vscode.workspace.isTrusted ? workspaces : []).flatMap((path) =>
        ['.venv', 'venv', 'env'].map((name) => join(path, name)),
      ),
    ];
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

  private async offerProvider(cuda: 12 | 13): Promise<boolean> {
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

  private async fetchProvider(cuda: 12 | 13): Promise<boolean> {
    const { version } = this.runtime();
    const title = `CUDA provider of ONNX Runtime ${version}`;
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    return vscode.window.withProgress(options, async (progress, token) => {
      const abort = new AbortController();
      token.onCancellationRequested(() => abort.abort());
      const storage = this.context.globalStorageUri.fsPath;
      const path = join(storage, `download-${process.pid}.partial`);
      try {
        await mkdir(storage, { recursive: true });
        const found = await findPackage(version, cuda, undefined, abort.signal);
        let shown = 0;
        const report = (bytes: number) => {
          const percent = Math.floor((100 * bytes) / found.size);
          if (percent === shown) return;
          const message = `${Math.floor(bytes / mebibyte)} of ${Math.ceil(found.size / mebibyte)} MiB`;
          progress.report({ increment: percent - shown, message });
          shown = percent;
        };
        await download(found, path, report, abort.signal);
        progress.report({ message: 'unpacking' });
        await this.install(path, abort.signal);
        return true;
      } catch (error) {
        if (token.isCancellationRequested) return false;
        throw error;
      } finally {
        await rm(path, { force: true });
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
    await this.install(file.fsPath);
    return true;
  }

  private async install(archive: string, signal?: AbortSignal): Promise<void> {
    const { folder, version } = this.runtime();
    const stored = await providerStorage(this.context.globalStorageUri.fsPath, version);
    await unpackProvider(archive, stored, version, signal);
    await linkProvider(stored, folder);
    this.log.info(`The CUDA provider was put into ${stored}.`);
  }
}
