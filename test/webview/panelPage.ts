import type { Browser, Page } from 'playwright-core';
import type { FromPanel, ToPanel } from '../../extension/shared/panel.ts';
import { deliver } from './deliver.ts';
import { openPage, toldBy } from './openPage.ts';

export const hostile = '<img src=x onerror="document.title=1">"; alert(1) \u202egpj.exe';

export const open = (browser: Browser, saved?: unknown) => openPage(browser, 'panel', { width: 900, saved });

export const post = (page: Page, message: ToPanel) => deliver(page, message);
export const told = (page: Page) => toldBy(page) as Promise<FromPanel[]>;
export const idle = { kind: 'idle' } as const;
