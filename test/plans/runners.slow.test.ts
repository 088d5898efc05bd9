import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cli } from '../support/paths.ts';
import { done, sameResult, statusIn } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'runners-'));
after(() => rmSync(folder, { recursive: true }));

const page = readFileSync('media/docs/cluster.md', 'utf8');
/** The first piece of the page in a language. */
const piece = (language: string): string => page.split(`\`\`\`${language}\n`)[1].split('\n```')[0];

/** `optimizer-bias` as it is found where it is installed, and the programs of the environment with PyTorch. */
const bin = join(folder, 'bin');
const python = process.env.PYTHON === undefined ? [] : [dirname(process.env.PYTHON)];
const env = { ...process.env, PATH: [bin, ...python, process.env.PATH].join(delimiter), HOME: folder };
const isThere = (program: string) => spawnSync(program, ['--version'], { env, cwd: folder }).status === 0;

describe('the lines of the documentation run a plan', () => {
  const local = join(folder, 'local');
  const argv = ['sweep', '--sample', '--limit', '60', '--steps', '4', '--sweep', 'beta2=0.9,0.99,0.999'];
  const runners: readonly [program: string, start: (plan: string) => readonly string[]][] = [
    ['parallel', () => ['sh', '-c', piece('bash')]],
    [
      'snakemake',
      (plan) => {
        writeFileSync(join(plan, 'Snakefile'), piece('python'));
        return ['snakemake', '--cores', '2', '--quiet', 'all'];
      },
    ],
  ];

  before(() => {
    mkdirSync(bin);
    writeFileSync(join(bin, 'optimizer-bias'), `#!/bin/sh\nexec '${process.execPath}' '${cli}' "$@"\n`);
    chmodSync(join(bin, 'optimizer-bias'), 0o755);
    done(folder, ...argv, '--out', local);
  });

  for (const [program, start] of runners)
    it(program, (test) => {
      if (!isThere(program)) return test.skip(`${program} is not installed`);
      const plan = join(folder, program);
      done(folder, ...argv, '--plan', plan);
      const [command, ...given] = start(plan);
      const { status, stderr } = spawnSync(command, given, { cwd: plan, env, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      assert.equal(statusIn(plan).counts.done, 3);
      done(folder, '--collect', plan);
      sameResult(local, plan);
    });
});
