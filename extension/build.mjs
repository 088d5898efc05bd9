// The whole build: one esbuild call for each kind of output. `node extension/build.mjs`, or `bundle()` from the tests.
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build as buildOnce, context } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Programs and threads of their own, each a file of that name in `dist/`, by their paths in `extension/`. */
const sources = [
  'cli',
  'engineProcess',
  'modelProcess',
  'laneWorker',
  'compareWorker',
  'parquetWorker',
  'watchWorker',
  'analysisWorker',
  'mcpServer',
  'features/reading/readerWorker',
  'extension',
];
/** All of them: where they come from, and their names in `dist/`. */
export const programs = sources.map((path) => ({ in: join(root, 'extension', `${path}.ts`), out: basename(path) }));

/** Builds once, or with `--watch` again at every change, until the process ends. */
const build = async (options) =>
  process.argv.includes('--watch') ? (await context({ ...options, logLevel: 'info' })).watch() : buildOnce(options);

/** Bundles for Node as CommonJS; onnxruntime-node (native) and vscode (the editor's own) stay outside. */
export function bundle(options = {}) {
  return build({
    entryPoints: programs,
    outdir: join(root, 'dist'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    mainFields: ['module', 'main'],
    format: 'cjs',
    external: ['onnxruntime-node', 'vscode'],
    sourcemap: true,
    logLevel: 'warning',
    absWorkingDir: root,
    ...options,
  });
}

/** Bundles the pages that webviews show, each a script and its style sheet, for the editor's own browser. */
export function bundleWebviews(options = {}) {
  return build({
    entryPoints: [
      { in: join(root, 'webview/panel.tsx'), out: 'panel' },
      { in: join(root, 'webview/panel.css'), out: 'panel' },
      { in: join(root, 'webview/model.tsx'), out: 'model' },
      { in: join(root, 'webview/experiment.tsx'), out: 'experiment' },
      { in: join(root, 'webview/experiment.css'), out: 'experiment' },
    ],
    outdir: join(root, 'dist', 'webview'),
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: 'chrome120',
    logLevel: 'warning',
    absWorkingDir: root,
    ...options,
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await Promise.all([bundle(), bundleWebviews()]);
