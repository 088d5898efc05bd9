import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { strFromU8, unzipSync } from 'fflate';
import { parse } from 'yaml';
import { blocksOf, docs } from '../support/markdown.ts';

interface Step {
  readonly id?: string;
  readonly run?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly environment?: string; readonly steps: readonly Step[] }>>;
}

const folder = '.github/workflows';
const workflow = (name: string) => parse(readFileSync(join(folder, name), 'utf8')) as Workflow;
let scratch: string;
before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'workflows-'));
});
after(() => rmSync(scratch, { recursive: true, force: true }));

describe("workflow files are what GitHub's own parser takes", () => {
  let program: string;
  before(() => {
    program = join(scratch, 'problems.cjs');
    const entry = 'test/packaging/workflowProblems.mjs';
    const options = ['--bundle', '--platform=node', '--main-fields=module,main', `--outfile=${program}`];
    execFileSync('node_modules/.bin/esbuild', [entry, ...options], {
      stdio: 'pipe',
      shell: process.platform === 'win32',
    });
  });
  const problems = (...files: string[]): string[][] =>
    JSON.parse(execFileSync(process.execPath, [program, ...files], { encoding: 'utf8' }));
  const written = (name: string, text: string): string => {
    const path = join(scratch, name);
    writeFileSync(path, text);
    return path;
  };

  for (const name of readdirSync(folder)) it(name, () => assert.deepEqual(problems(join(folder, name)), [[]]));

  it('those that the documentation shows', () => {
    const shown = blocksOf(join(docs, 'ci.md')).filter(({ file }) => file?.startsWith('.github/workflows/'));
    assert.ok(shown.length > 0);
    for (const { file, text } of shown) assert.deepEqual(problems(written(basename(file!), text)), [[]]);
  });

  it('and what is wrong in one is told', () => {
    const text = readFileSync(join(folder, 'test.yml'), 'utf8');
    const changes = [
      text.replace('runs-on', 'run-on'),
      text.replace('uses: actions', 'use: actions'),
      text.replace('branches: [main]', 'branchs: [main]'),
      text.replace('run: npm ci', "run: node -p '1' ? 'a' : 'b'"),
      text.replace('run: npm ci', 'run: echo ${{ github.ref'),
    ];
    for (const [i, list] of problems(...changes.map((each, i) => written(`${i}.yml`, each))).entries())
      assert.ok(list.length > 0, `change ${i}`);
  });
});

describe('the steps of jobs that build packages, as scripts', {
  skip: process.platform === 'win32',
  timeout: 900_000,
}, () => {
  /** The whole test suite, and what would empty the folder that it runs in. */
  const elsewhere = new Set(['bash .ci/run', 'npm ci']);
  /** Scripts whose packages lie there already. The package for npm is packed by both jobs in the same words. */
  const packed = new Set<string>();

  /**
   * Runs the steps that are scripts, with the expressions put in as the runner does, for one platform where all would be packed
   * once more; the files that the last step keeps.
   */
  function play(name: string, job: string, target = 'all'): string[] {
    const known: Record<string, string> = {
      'github.server_url': 'https://github.com',
      'github.repository': 'owner/project',
    };
    const value = (text: string) =>
      text.replace(/\$\{\{ ([\w.]+) \}\}/g, (_, key: string) => {
        assert.ok(key in known, key);
        return known[key]!;
      });
    const kept: string[] = [];
    for (const [i, step] of workflow(name).jobs[job]!.steps.entries()) {
      if (step.uses?.startsWith('actions/upload-artifact@')) kept.push(...step.with!.path!.trim().split('\n'));
      if (step.run === undefined || elsewhere.has(step.run.trim()) || packed.has(step.run)) continue;
      const output = join(scratch, `${name}-${i}`);
      writeFileSync(output, '');
      const given = Object.fromEntries(Object.entries(step.env ?? {}).map(([key, text]) => [key, value(text)]));
      const env = { ...process.env, ...given, GITHUB_OUTPUT: output };
      const { status, stderr } = spawnSync(
        'bash',
        ['-e', '-c', value(step.run).replaceAll('--target all', `--target ${target}`)],
        { encoding: 'utf8', env },
      );
      assert.equal(status, 0, `${step.run}\n${stderr}`);
      if (step.run === 'npm run package:npm') packed.add(step.run);
      for (const line of readFileSync(output, 'utf8').split('\n').filter(Boolean)) {
        const at = line.indexOf('=');
        known[`steps.${step.id}.outputs.${line.slice(0, at)}`] = line.slice(at + 1);
      }
    }
    return kept.flatMap((pattern) => {
      const found = execFileSync('bash', ['-c', `ls ${pattern}`], { encoding: 'utf8' })
        .trim()
        .split('\n');
      assert.ok(found.length > 0, pattern);
      return found;
    });
  }

  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const targets = ['darwin-arm64', 'linux-arm64', 'linux-x64', 'win32-arm64', 'win32-x64'];
  const packages = [
    ...targets.map((target) => `dist/optimizer-bias-inspector-${version}-${target}.vsix`),
    `dist/optimizer-bias-inspector-${version}.tgz`,
  ];
  /** Packages of this version, and of the job that is played. */
  const fresh = (old: RegExp) => {
    mkdirSync('dist', { recursive: true });
    for (const name of readdirSync('dist')) if (old.test(name)) rmSync(join('dist', name));
  };
  before(() => fresh(/\.(vsix|tgz)$/));

  it('those of every change', () => {
    const target = 'linux-x64';
    assert.deepEqual(
      play('test.yml', 'packages', target).sort(),
      packages.filter((path) => path.endsWith('.tgz') || path.includes(target)),
    );
  });

  it('those of a release, whose packages lead into the repository', () => {
    fresh(/\.vsix$/);
    assert.deepEqual(play('release.yml', 'build').sort(), packages);
    const [vsix] = packages.filter((path) => path.includes('linux-x64'));
    const files = unzipSync(readFileSync(vsix!), {
      filter: ({ name }) => /readme\.md$|vsixmanifest$|NOTICES/.test(name),
    });
    const text = (name: string) => strFromU8(files[name]!);
    const page = text('extension/readme.md');
    const images = [...page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, link]) => link!);
    assert.ok(images.length >= 2);
    for (const image of images)
      assert.match(image, /^https:\/\/github\.com\/owner\/project\/raw\/HEAD\/media\/pictures\/\w+\.png$/);
    assert.deepEqual([...page.matchAll(/\]\((?!https:)[^)]*\)/g)], []);
    assert.match(page, /## From your training script/);
    const manifest = text('extension.vsixmanifest');
    assert.match(manifest, /Details" Path="extension\/readme\.md"/);
    const isPreRelease = /Code\.PreRelease" Value="true"/.test(manifest);
    assert.equal(isPreRelease, Number(version.split('.')[1]) % 2 === 1);
    assert.match(manifest, /Icons\.Default" Path="extension\/media\/icon\.png"/);
    assert.match(manifest, /Changelog" Path="extension\/changelog\.md"/i);
    assert.match(text('extension/dist/THIRD-PARTY-NOTICES.txt'), /^onnxruntime-node \d/m);
  });

  it('whatever publishes asks for a review first', () => {
    for (const name of readdirSync(folder))
      for (const [job, { environment, steps }] of Object.entries(workflow(name).jobs))
        if (steps.some(({ run }) => /\bpublish\b/.test(run ?? '')))
          assert.equal(environment, 'marketplaces', `${name} ${job}`);
  });
});
