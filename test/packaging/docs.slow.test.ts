import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { experiments } from '../../extension/experiments/registry.ts';
import { blocksOf, docs, linksOf } from '../support/markdown.ts';
import { missing, python } from '../support/python.ts';
import { installed } from './installed.ts';

/** `UPDATE_PICTURES=1` puts the pictures that the commands write where the pages show them. */
const updates = process.env.UPDATE_PICTURES === '1';
const hasTorch = missing(['torch', 'onnx', 'onnxscript']).length === 0;

/** Of a picture: what people read in it apart from its numbers. */
const titleOf = (svg: string): string => /aria-label="([^"]*)"/.exec(svg)![1]!;

describe('the commands of the documentation, in an empty folder with the package', {
  skip: process.platform === 'win32',
  timeout: 900_000,
}, () => {
  let folder: string;
  before(() => {
    folder = installed('docs');
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'python'), `#!/bin/sh\nexec ${python} "$@"\n`);
    chmodSync(join(bin, 'python'), 0o755);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A folder as a page finds it: empty but for the package, in a repository with a branch. */
  function fresh(page: string): string {
    const work = join(folder, page);
    mkdirSync(work);
    symlinkSync(join(folder, 'node_modules'), join(work, 'node_modules'), 'junction');
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false', ...args], {
        cwd: work,
        stdio: 'pipe',
      });
    git('init', '-q', '-b', 'main');
    git('commit', '-q', '--allow-empty', '-m', 'start');
    git('checkout', '-qb', 'change');
    return work;
  }

  /** Runs a block as it stands, but for the registry: what is installed from there is the package of this version. */
  function play(text: string, work: string): string {
    const commands = text.replace(
      /^npm install optimizer-bias-inspector$/m,
      'test -d node_modules/optimizer-bias-inspector',
    );
    const env = {
      ...process.env,
      PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
      XDG_CACHE_HOME: join(folder, 'cache'),
      npm_config_offline: 'true',
    };
    const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', commands], {
      cwd: work,
      encoding: 'utf8',
      env,
    });
    assert.equal(status, 0, `${text}${stdout}${stderr}`);
    return stdout;
  }

  const pages = readdirSync(docs).filter((name) => name.endsWith('.md'));
  for (const page of pages) {
    const blocks = blocksOf(join(docs, page));
    if (!blocks.some(({ language }) => language === 'sh')) continue;
    it(page, (t) => {
      if (blocks.some(({ text }) => /^python /m.test(text)) && !hasTorch) return t.skip(`${python} has no torch`);
      const work = fresh(page);
      for (const { language, text, file } of blocks) {
        if (file !== undefined) {
          mkdirSync(dirname(join(work, file)), { recursive: true });
          writeFileSync(join(work, file), text);
        } else if (language === 'sh') pictures(page, text, play(text, work));
      }
    });
  }

  /** The picture that a page shows of an experiment is one of those that its command has written. */
  function pictures(page: string, command: string, said: string): void {
    const name = /experiment ([\w-]+)/.exec(command)?.[1];
    if (page !== 'experiments.md' || name === undefined) return;
    const [, results] = /^Wrote (\S+) \(/m.exec(said)!;
    const shown = linksOf(join(docs, page)).filter((link) => link.startsWith(`pictures/${name}-`));
    assert.equal(shown.length, 1, name);
    const made = join(results!, shown[0]!.slice(`pictures/${name}-`.length));
    assert.ok(existsSync(made), made);
    const kept = join(docs, shown[0]!);
    if (updates) copyFileSync(made, kept);
    assert.equal(titleOf(readFileSync(kept, 'utf8')), titleOf(readFileSync(made, 'utf8')));
  }

  it('every experiment is on its page, and every picture is shown', () => {
    const page = join(docs, 'experiments.md');
    const told = blocksOf(page).flatMap(({ text }) =>
      [...text.matchAll(/experiment ([\w-]+)/g)].map(([, name]) => name),
    );
    assert.deepEqual([...new Set(told)].sort(), experiments.map(({ name }) => name).sort());
    const shown = linksOf(page).filter((link) => link.startsWith('pictures/'));
    assert.deepEqual(
      readdirSync(join(docs, 'pictures'))
        .map((name) => `pictures/${name}`)
        .sort(),
      shown.sort(),
    );
  });
});
