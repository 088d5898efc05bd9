// Measures the settings that say when the first-order theory may be believed (THEORY.md, C7): `node test/calibration/run.mjs
// calibration|validation`. What is measured is kept in SET.jsonl beside this file, a line for each setting; what is there is
// not measured again. `node test/calibration/run.mjs tables` prints the tables of the documentation.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../extension/build.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const [what] = process.argv.slice(2);
const out = join(root, 'dist', 'calibration');
const main = what === 'tables' ? 'tables' : 'measure';
await bundle({ entryPoints: [join(here, `${main}.ts`)], outdir: out });
const args = what === 'tables' ? [here] : [what, join(root, 'media/sample'), join(here, `${what}.jsonl`)];
const { status } = spawnSync(process.execPath, [join(out, `${main}.js`), ...args], { stdio: 'inherit' });
process.exit(status ?? 1);
