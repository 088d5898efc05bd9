// The licences of everything that a bundle holds, as their packages have them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './runtime.mjs';

const isLicence = (file) => /^(licen[cs]e|notice|third[-_]?party)/i.test(file);

/** The package of a file below node_modules, the innermost one. */
function packageOf(path) {
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
  return (
    name && { name, folder: path.slice(0, path.lastIndexOf(`node_modules/${name}/`) + `node_modules/${name}`.length) }
  );
}

/**
 * The notice for some bundles, told by esbuild's metafiles, and for packages that lie beside them. Throws where a package says
 * nothing of its licence.
 */
export function thirdPartyNotice(metafiles, besides = []) {
  const folders = new Map(besides.map((name) => [name, `node_modules/${name}`]));
  for (const { inputs } of metafiles)
    for (const path of Object.keys(inputs)) {
      const found = packageOf(path);
      if (found) folders.set(found.name, found.folder);
    }
  const sections = [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, folder]) => sectionOf(name, join(root, folder)));
  return ['This software contains the following packages.', ...sections].join(`\n\n${'-'.repeat(80)}\n\n`);
}

function sectionOf(name, folder) {
  const { version, license, homepage, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const files = readdirSync(folder).filter(isLicence).sort();
  if (!license && files.length === 0) throw new Error(`${name} says nothing of its licence; look into ${folder}.`);
  const home = homepage ?? (typeof repository === 'string' ? repository : repository?.url);
  const head = [`${name} ${version}`, license && `Licence: ${license}`, home].filter(Boolean).join('\n');
  const texts = files
    .filter((file) => existsSync(join(folder, file)))
    .map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return [head, ...texts].join('\n\n');
}
