// Packages the extension: `npm run package -- [--target PLATFORM|all] [--pre-release] [--repository URL]`, by default for this
// machine's platform. The marketplace's page is media/marketplace.md; its links lead into the repository, where that is named.
// A .vsix holds the bundles, the pages of the webviews, and the runtime of its platform; nothing is downloaded.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, bundleWebviews } from '../build.mjs';
import { thirdPartyNotice } from './notices.mjs';
import { root, runtimeFiles, targetsOf } from './runtime.mjs';

const dist = join(root, 'dist');

/** The packager with patterns that are compiled once each: it does so for every file that it meets, most of the time it takes. */
function packager() {
  const require = createRequire(import.meta.url);
  const globs = createRequire(require.resolve('@vscode/vsce'))('minimatch');
  const compiled = new Map();
  globs.minimatch = (path, pattern, options) => {
    const key = JSON.stringify([pattern, options]);
    if (!compiled.has(key)) compiled.set(key, new globs.Minimatch(pattern, options));
    return compiled.get(key).match(path);
  };
  return require('@vscode/vsce');
}

/** Packages what `bundle` has written to `dist`; resolves with the path of the .vsix. */
async function packageFor({ createVSIX }, target, { preRelease, repository }) {
  const ignoreFile = join(dist, `ignore-${target}`);
  const kept = readFileSync(join(root, '.vscodeignore'), 'utf8');
  writeFileSync(
    ignoreFile,
    `${kept}\n${runtimeFiles(target)
      .map((file) => `!${file}`)
      .join('\n')}\n`,
  );
  const { name, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const packagePath = join(dist, `${name}-${version}-${target}.vsix`);
  await createVSIX({
    cwd: root,
    target,
    packagePath,
    ignoreFile,
    preRelease,
    readmePath: 'media/marketplace.md',
    allowMissingRepository: true,
    rewriteRelativeLinks: repository !== undefined,
    ...(repository !== undefined && {
      baseContentUrl: `${repository}/blob/HEAD/media`,
      baseImagesUrl: `${repository}/raw/HEAD/media`,
    }),
  });
  rmSync(ignoreFile);
  return packagePath;
}

try {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', multiple: true },
      'pre-release': { type: 'boolean', default: false },
      repository: { type: 'string' },
    },
  });
  const targets = targetsOf(values.target, `${process.platform}-${process.arch}`);
  mkdirSync(dist, { recursive: true });
  const built = await Promise.all([
    bundle({ sourcemap: false, minify: true, metafile: true }),
    bundleWebviews({ metafile: true }),
  ]);
  const notice = thirdPartyNotice(
    built.map(({ metafile }) => metafile),
    ['onnxruntime-node', 'onnxruntime-common'],
  );
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), notice);
  const vsce = packager();
  for (const target of targets) {
    const path = await packageFor(vsce, target, { preRelease: values['pre-release'], repository: values.repository });
    console.log(`${basename(path)}: ${(statSync(path).size / 2 ** 20).toFixed(1)} MiB`);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
