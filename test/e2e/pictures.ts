import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Where pictures of the editor are kept for whoever wants to look; without it none are taken, which takes half a second each. */
const FOLDER = process.env.E2E_PICTURES;

/** Saves what the page shows. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!FOLDER) return;
  mkdirSync(FOLDER, { recursive: true });
  // Hovers fade in: shown as they are in the end.
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });
}
