#!/usr/bin/env node
// What pre-commit runs: `optimizer-bias scan` of the files that it names, from the package of this version.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const spec = process.env.OPTIMIZER_BIAS_PACKAGE ?? `${name}@${version}`;
const command = ['--yes', '--package', spec, 'optimizer-bias', 'scan', ...process.argv.slice(2)];
const { status, error } = spawnSync('npx', command, { stdio: 'inherit', shell: process.platform === 'win32' });
if (error) console.error(`npx could not be started (${error.message}). Install Node 20 or newer.`);
process.exit(status ?? 2);
