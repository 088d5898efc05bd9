// Makes a release: `npm run release -- 0.2.0`. Version, changelog and what names the version are brought up to date in one commit,
// which gets the tag. Nothing is pushed.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const versionIn = (text) => /^(\d+)\.(\d+)\.(\d+)$/.exec(text)?.slice(1).map(Number);

/** True where version `a` comes after `b`. */
function isAfter(a, b) {
  const differing = a.findIndex((part, i) => part !== b[i]);
  return differing >= 0 && a[differing] > b[differing];
}

/** The changelog with what was unreleased under a version; throws where there is nothing to release. */
export function releasedChangelog(text, version, day) {
  const [, notes] = /^## Unreleased\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(text) ?? [];
  if (!notes?.trim()) throw new Error('CHANGELOG.md has nothing under "## Unreleased".');
  return text.replace('## Unreleased\n', `## Unreleased\n\n## ${version} (${day})\n`);
}

/** A text in which every mention of the package with its version, and of the tag of a version, names the new one. */
export const withVersion = (text, name, version) =>
  text
    .replaceAll(new RegExp(`\\b${name}@\\d+\\.\\d+\\.\\d+`, 'g'), `${name}@${version}`)
    .replaceAll(/(?<=\/actions\/scan@v|\brev: v)\d+\.\d+\.\d+/g, version);

/** What names the version beside manifest and changelog. */
const naming = ['.github/actions/scan/action.yml', 'media/docs/ci.md'];

function release(version) {
  const next = versionIn(version ?? '');
  if (!next) throw new Error('Say which version: npm run release -- 0.2.0');
  const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();
  if (git('status', '--porcelain') !== '') throw new Error('There are changes that are not committed.');
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
  if (!isAfter(next, versionIn(manifest.version)))
    throw new Error(`${version} does not come after ${manifest.version}.`);
  const edit = (path, change) => writeFileSync(path, change(readFileSync(path, 'utf8')));
  edit('CHANGELOG.md', (text) => releasedChangelog(text, version, new Date().toISOString().slice(0, 10)));
  for (const path of naming) edit(path, (text) => withVersion(text, manifest.name, version));
  execFileSync('npm', ['version', '--no-git-tag-version', version], {
    stdio: 'ignore',
    shell: process.platform === 'win32',
  });
  git('commit', '--all', '--message', `Version ${version}`);
  git('tag', '--annotate', `v${version}`, '--message', `Version ${version}`);
  console.log(`Committed and tagged v${version}. Push both to build it: git push --follow-tags`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    release(process.argv[2]);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
