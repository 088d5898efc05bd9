import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Packs the package for npm, for this machine's platform, in a folder of its own; returns the path of the tarball. */
export function packed(): string {
  const target = `${process.platform}-${process.arch}`;
  const out = mkdtempSync(join(tmpdir(), 'optimizer-bias-pack-'));
  process.once('exit', () => rmSync(out, { recursive: true, force: true }));
  const said = execFileSync(process.execPath, ['extension/packaging/npm.mjs', '--target', target, '--out', out], {
    encoding: 'utf8',
  });
  return join(out, /\S+\.tgz/.exec(said)![0]);
}

/** Installs the packed package in an empty folder, without a registry; returns the folder. */
export function installed(name: string): string {
  const tarball = packed();
  const folder = mkdtempSync(join(tmpdir(), `optimizer-bias-${name}-`));
  // Scripts of packages run, as they do for whoever installs it.
  const install = ['install', '--ignore-scripts=false', '--offline', '--no-audit', '--no-fund'];
  execFileSync('npm', [...install, tarball], { cwd: folder, shell: process.platform === 'win32', stdio: 'pipe' });
  return folder;
}
