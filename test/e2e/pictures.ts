import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Where pictures of the editor are kept for whoever wants to look: E2E_PICTURES, or a folder for temporary files. */
const FOLDER = process.env.E2E_PICTURES || join(tmpdir(), 'optimizer-bias-pictures');

/** Saves what the page shows; returns the file. */
export async function picture(page: Page, name: string): Promise<string> {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}.png`);
  // Hovers fade in: shown as they are in the end.
  await page.screenshot({ path, animations: 'disabled' });
  return path;
}
