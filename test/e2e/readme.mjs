// Makes the pictures of the README from the real editor: runs the end-to-end tests, which take them, and keeps some.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const kept = { 'hover-dark.png': 'hover.png', 'panel-default-dark-modern-parameters.png': 'panel.png' };
const taken = mkdtempSync(join(tmpdir(), 'pictures-'));
const { status } = spawnSync(process.execPath, [join(root, 'test/run.mjs'), 'e2e'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, E2E_PICTURES: taken },
});
if (status !== 0) process.exit(status ?? 1);
mkdirSync(join(root, 'media/pictures'), { recursive: true });
for (const [from, to] of Object.entries(kept)) copyFileSync(join(taken, from), join(root, 'media/pictures', to));
