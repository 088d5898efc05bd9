import { request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, FrameLocator, Locator, Page } from 'playwright-core';
import type * as Vscode from 'vscode';
import { findChromium, RIG } from './install.ts';
import type { Server } from './server.ts';

/** Playwright is not made to be bundled. */
const playwright = (): typeof import('playwright-core') =>
  createRequire(join(process.cwd(), 'package.json'))('playwright-core');

const FLAGS = [
  ...['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  // No other machine has a name. Requests that a test intercepted would each pass through it, and nothing would be cached.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

export function launchBrowser(): Promise<Browser> {
  const args = [...FLAGS, '--no-first-run', '--disable-component-update', '--force-color-profile=srgb'];
  return playwright().chromium.launch({ executablePath: findChromium(), headless: true, args });
}

/** A page with VS Code's workbench in it, as a user sees it, and a way into its extension host. */
export class Workbench {
  readonly page: Page;
  private readonly context: BrowserContext;
  private readonly server: Server;

  private constructor(server: Server, context: BrowserContext, page: Page) {
    this.server = server;
    this.context = context;
    this.page = page;
  }

  /** Opens the server's workspace; resolves when the explorer shows it and the extension host answers. */
  static async open(browser: Browser, server: Server): Promise<Workbench> {
    const { context, page } = await newWindow(browser);
    await page.goto(`${server.url}/?folder=${encodeURIComponent(server.workspace)}`, { waitUntil: 'domcontentloaded' });
    await page.locator('.explorer-folders-view .monaco-list-row').first().waitFor({ timeout: 60_000 });
    const workbench = new Workbench(server, context, page);
    await workbench.host(() => true);
    return workbench;
  }

  close(): Promise<void> {
    return this.context.close();
  }

  /**
   * Calls a function in the extension host. It sees `vscode` and its arguments only; arguments and result pass as JSON.
   * Waits up to 30 s for the extension host to start.
   */
  async host<A extends unknown[], R>(run: (vscode: typeof Vscode, ...args: A) => R, ...args: A): Promise<Awaited<R>> {
    const until = Date.now() + 30_000;
    for (;;) {
      let answer: Answer;
      try {
        answer = await post(this.server.bridge, { source: run.toString(), args });
      } catch (unreachable) {
        if (Date.now() > until) throw unreachable;
        await sleep(100);
        continue;
      }
      if (answer.error !== undefined) throw new Error(`In the extension host: ${answer.error}`);
      return answer.value as Awaited<R>;
    }
  }

  /** Shows a file of the workspace with the focus in its text. */
  async openFile(path: string): Promise<Locator> {
    await this.host(
      async (vscode, file) => {
        const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
        await vscode.window.showTextDocument(document, { preview: false });
      },
      join(this.server.workspace, path),
    );
    const editor = this.page.locator(`.editor-instance .monaco-editor[data-uri$="/${path}"]`).first();
    await editor.locator('.view-line').first().waitFor();
    return editor;
  }

  /** Changes settings of the workspace; `undefined` removes them. */
  async configure(settings: Readonly<Record<string, unknown>>): Promise<void> {
    await this.host(
      async (vscode, entries) => {
        for (const [key, value] of entries) {
          await vscode.workspace
            .getConfiguration()
            .update(key, value ?? undefined, vscode.ConfigurationTarget.Workspace);
        }
      },
      Object.entries(settings).map(([key, value]) => [key, value ?? null] as const),
    );
  }

  /** The pixels of a text in an editor. */
  async locate(editor: Locator, text: string, occurrence = 0): Promise<{ x: number; y: number }> {
    const element = await editor.elementHandle();
    const point = await this.page.waitForFunction(
      // biome-ignore lint/suspicious/noExplicitAny: the page's own global, from inPage.js.
      ([e, t, n]) => (globalThis as any).rig.textPoint(e, t, n),
      [element, text, occurrence] as const,
    );
    return point.jsonValue();
  }

  /** Rests the mouse on a text until a hover shows that contains `expected`. */
  async hover(editor: Locator, text: string, expected: RegExp, occurrence = 0): Promise<Locator> {
    const widget = this.page.locator('.monaco-resizable-hover:visible .monaco-hover:not(.hidden)').first();
    const shown = widget.filter({ hasText: expected });
    for (let attempt = 0; ; attempt++) {
      const { x, y } = await this.locate(editor, text, occurrence);
      // A move away and back: a hover that came too early, before the answer, is asked for again.
      await this.page.mouse.move(x + 40 + attempt, y + 200);
      await this.page.mouse.move(x - 1, y);
      await this.page.mouse.move(x, y);
      try {
        // Asked for again, what is slow on a busy machine would never come: each time with more patience.
        await shown.waitFor({ timeout: 2500 * (attempt + 1) });
        return shown;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  /** Moves the mouse off and closes hovers and menus. */
  async dismiss(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await this.page.mouse.move(5, 5);
  }

  async click(editor: Locator, text: string, occurrence = 0): Promise<void> {
    const { x, y } = await this.locate(editor, text, occurrence);
    await this.page.mouse.click(x, y);
  }

  /** Shows the quick fixes at a text and applies the one with this title. */
  async quickFix(editor: Locator, text: string, title: RegExp): Promise<void> {
    await this.click(editor, text);
    const row = this.page.locator('.action-widget .monaco-list-row').filter({ hasText: title }).first();
    for (let attempt = 0; ; attempt++) {
      await this.page.keyboard.press('Control+.');
      try {
        await row.waitFor({ timeout: 3000 * (attempt + 1) });
        break;
      } catch (error) {
        if (attempt === 3) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
    await row.click();
  }

  /** The text of a document as the extension host has it. */
  textOf(path: string): Promise<string> {
    return this.host(
      (vscode, file) => vscode.workspace.textDocuments.find(({ uri }) => uri.fsPath === file)?.getText() ?? '',
      join(this.server.workspace, path),
    );
  }

  /** The visible page of an extension (this one, unless another is named) that was opened last. */
  webview(owner: 'optimizer-bias' | 'markdown-language-features' = 'optimizer-bias'): FrameLocator {
    return this.page
      .locator(`iframe.webview.ready:visible[src*="${owner}"]`)
      .last()
      .contentFrame()
      .locator('iframe#active-frame')
      .contentFrame();
  }

  /** Opens the command palette and runs a command by its title. */
  async command(title: string): Promise<void> {
    const widget = this.page.locator('.quick-input-widget:visible');
    const input = widget.locator('.quick-input-box input');
    // A key that is pressed while the workbench still starts is lost.
    for (let attempt = 0; !(await input.isVisible()); attempt++) {
      await this.page.keyboard.press('F1');
      await input.waitFor({ timeout: 1000 }).catch((error) => {
        if (attempt === 20) throw error;
      });
    }
    await input.fill(`>${title}`);
    await widget.locator('.monaco-list-row', { hasText: title }).first().click();
  }
}

/** An empty page that a workbench can be loaded into; it does not reach the network. */
export async function newWindow(browser: Browser): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  await context.addInitScript({ path: join(RIG, 'inPage.js') });
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  return { context, page };
}

interface Answer {
  readonly value?: unknown;
  readonly error?: string;
}

function post(socketPath: string, message: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // A connection that is kept alive would lead to the extension host of another window, or of one before a reload.
    const call = request({ socketPath, path: '/', method: 'POST', agent: false }, async (response) => {
      let text = '';
      for await (const part of response) text += part;
      resolve(JSON.parse(text));
    });
    call.on('error', reject);
    call.end(JSON.stringify(message));
  });
}

/** Repeats `read` until `accept` holds; the error shows what was read last. */
export async function eventually<T>(
  read: () => Promise<T>,
  accept: (value: T) => boolean,
  timeout = 30_000,
): Promise<T> {
  const until = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (accept(value)) return value;
    if (Date.now() > until) throw new Error(`Still not as expected after ${timeout} ms: ${JSON.stringify(value)}`);
    await sleep(50);
  }
}

/** What stands in an input; nothing where there is none, as when its dialog has closed. */
export const typedIn = (input: Locator): Promise<string> =>
  input.evaluateAll(([first]) => (first as { readonly value?: string } | undefined)?.value ?? '');

/** The text below an element, whether it is in view or not. */
export async function textOf(element: Locator): Promise<string> {
  return (await element.textContent()) ?? '';
}
