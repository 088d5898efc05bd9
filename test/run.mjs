// Bundles every test file with esbuild (TypeScript, no type stripping needed on Node 20) and hands them to node's own runner.
// `node test/run.mjs [PATTERN…]` runs only the files whose path contains every pattern, and no pattern that begins with `!`:
// `node test/run.mjs configs`, `node test/run.mjs '!e2e'`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, bundleWebviews } from '../extension/build.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const patterns = process.argv.slice(2);
const fits = (file) => (pattern) =>
  pattern.startsWith('!') ? !file.includes(pattern.slice(1)) : file.includes(pattern);
const found = readdirSync(join(root, 'test'), { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.ts') && patterns.every(fits(file)))
  .sort();
if (found.length === 0) {
  console.error(`No test file matches ${patterns.join(' ')}.`);
  process.exit(1);
}
/** Runs a tool of the project; true where it found nothing. */
const check = (tool, ...args) =>
  new Promise((resolve) => {
    const options = { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' };
    spawn(join(root, 'node_modules', '.bin', tool), args, options).on('close', (status) => resolve(status === 0));
  });
// The whole run begins with types and style, which need a moment only, beside the bundling of the tests.
const checks =
  patterns.length > 0
    ? []
    : [
        check('tsc', '--noEmit'),
        // The graphs' rooms are also held to what indexing may not find.
        check('tsc', '--noEmit', '-p', 'extension/autodiff'),
        check('biome', 'check', '.'),
      ];
// A folder of its own for each run, so that two runs do not disturb each other.
const out = join(root, 'dist', 'test', String(process.pid));
mkdirSync(out, { recursive: true });
await Promise.all([bundle(), bundleWebviews()]);
await bundle({ entryPoints: found.map((file) => join(root, 'test', file)), outdir: out, outbase: join(root, 'test') });
if ((await Promise.all(checks)).includes(false)) {
  rmSync(out, { recursive: true, force: true });
  process.exit(1);
}
const files = found.map((file) => relative(root, join(out, file.replace(/\.ts$/, '.js'))));
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', '--test-concurrency=2', ...files], {
  cwd: root,
  stdio: 'inherit',
  // Two files at a time share the cores: threads that wait busily for their next work would take them from the other one.
  env: { OMP_WAIT_POLICY: 'passive', ...process.env },
});
rmSync(out, { recursive: true, force: true });
process.exit(status ?? 1);
