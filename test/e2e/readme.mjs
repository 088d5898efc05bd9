// Makes the pictures of the README and the walkthrough from the real editor, in dark and light: runs the end-to-end tests that
// take them, and keeps some.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const kept = {
  'hover-dark.png': 'hover.png',
  'hover-light.png': 'hover-light.png',
  'panel-default-dark-modern-parameters.png': 'panel.png',
  'panel-default-light-modern-parameters.png': 'panel-light.png',
  'walkthrough-sample-dark.png': 'sample.png',
  'walkthrough-sample-light.png': 'sample-light.png',
  'walkthrough-export-dark.png': 'export.png',
  'walkthrough-export-light.png': 'export-light.png',
};
const taken = mkdtempSync(join(tmpdir(), 'pictures-'));
for (const tests of ['e2e/configurations', 'e2e/panel', 'e2e/walkthrough']) {
  const { status } = spawnSync(process.execPath, [join(root, 'test/run.mjs'), tests], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, E2E_PICTURES: taken },
  });
  if (status !== 0) process.exit(status ?? 1);
}
mkdirSync(join(root, 'media/pictures'), { recursive: true });
for (const [from, to] of Object.entries(kept)) copyFileSync(join(taken, from), join(root, 'media/pictures', to));
