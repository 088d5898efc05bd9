import { join } from 'node:path';

/** Tests run from the project's folder, bundled below `dist/test`. */
export const root = process.cwd();

/** The bundled command-line program. */
export const cli = join(root, 'dist', 'cli.js');
export const fixtures = join(root, 'test', 'fixtures');
export const exports = join(root, 'test', 'exports');
export const sample = join(root, 'media', 'sample');
