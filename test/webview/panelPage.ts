import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import type { FromPanel, ToPanel } from '../../extension/shared/panel.ts';
import { deliver } from './deliver.ts';

const ORIGIN = 'http://panel.test';
export const hostile = '<img src=x onerror="document.title=1">"; alert(1) \u202egpj.exe';

/** The page under the policy that the editor gives it, with an editor that writes down what it is told. */
export async function open(browser: Browser, saved: unknown = undefined): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage({ viewport: { width: 900, height: 900 } });
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(error.message));
  const body = `<!DOCTYPE html><html lang="en"><head><meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-n'; style-src ${ORIGIN} 'nonce-n'">
<meta property="csp-nonce" content="n"><link rel="stylesheet" href="panel.css"><title>0</title></head><body>
<script nonce="n">globalThis.told = []; globalThis.acquireVsCodeApi = () => ({ postMessage: (message) => told.push(message), getState: () => (${JSON.stringify(saved ?? null)}), setState: (state) => { globalThis.saved = state; } });</script>
<script nonce="n" src="panel.js"></script></body></html>`;
  await page.route(`${ORIGIN}/**`, (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') return route.fulfill({ contentType: 'text/html', body });
    const type = pathname.endsWith('.css') ? 'text/css' : 'text/javascript';
    return route.fulfill({ contentType: type, body: readFileSync(`dist/webview${pathname}`, 'utf8') });
  });
  await page.goto(`${ORIGIN}/`);
  return { page, problems };
}

export const post = (page: Page, message: ToPanel) => deliver(page, message);
export const told = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { told: unknown[] }).told) as Promise<FromPanel[]>;
export const idle = { kind: 'idle' } as const;
