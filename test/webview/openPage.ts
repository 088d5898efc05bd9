import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';

/**
 * A page of the extension under the policy that the editor gives it, with an editor that writes down what it is told, and
 * the problems that its console reports.
 */
export async function openPage(
  browser: Browser,
  name: 'panel' | 'experiment' | 'model',
  { width, saved = null }: { readonly width: number; readonly saved?: unknown },
): Promise<{ page: Page; problems: string[] }> {
  const origin = `http://${name}.test`;
  const page = await browser.newPage({ viewport: { width, height: 900 } });
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  const body = `<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-n'; style-src ${origin} 'nonce-n'">
<meta property="csp-nonce" content="n"><link rel="stylesheet" href="${name}.css"><title>0</title></head><body>
<script nonce="n">globalThis.told = []; globalThis.acquireVsCodeApi = () => ({ postMessage: (message) => told.push(message), getState: () => (${JSON.stringify(saved)}), setState: (state) => { globalThis.saved = state; } });</script>
<script nonce="n" src="${name}.js"></script></body></html>`;
  await page.route(`${origin}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') return route.fulfill({ contentType: 'text/html', body });
    const type = pathname.endsWith('.css') ? 'text/css' : 'text/javascript';
    return route.fulfill({ contentType: type, body: readFileSync(`dist/webview${pathname}`, 'utf8') });
  });
  await page.goto(`${origin}/`);
  return { page, problems };
}

/** What a page has told the editor. */
export const toldBy = (page: Page): Promise<unknown[]> =>
  page.evaluate(() => (globalThis as unknown as { told: unknown[] }).told);
