import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { python } from '../support/python.ts';
import { packed } from './installed.ts';

const script = (lr: string, beta2 = '0.999') =>
  `import torch\nopt = torch.optim.Adam(p, lr=${lr}, betas=(0.9, ${beta2}))\n`;

/** A small repository with a branch, and what stands in for the registry: the package of this version. */
describe('scanning before and after a commit', { timeout: 600_000 }, () => {
  let folder: string;
  let spec: string;
  const inside = (name: string, text: string) => {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', '-c', 'commit.gpgsign=false', ...args], {
      cwd: folder,
      stdio: 'pipe',
    });

  before(() => {
    spec = packed();
    folder = mkdtempSync(join(tmpdir(), 'optimizer-bias-scan-'));
    git('init', '-q', '-b', 'main');
    inside('old.py', script('1e-3', '1.5'));
    git('add', '-A');
    git('commit', '-qm', 'old');
    git('update-ref', 'refs/remotes/origin/main', 'main');
    git('checkout', '-qb', 'change');
    inside('new.py', script('-1'));
    git('add', '-A');
    git('commit', '-qm', 'new');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  describe('the steps of the action', () => {
    interface Step {
      readonly run?: string;
      readonly uses?: string;
      readonly env?: Readonly<Record<string, string>>;
    }
    const action = parse(readFileSync('.github/actions/scan/action.yml', 'utf8')) as {
      inputs: Record<string, { default: string }>;
      runs: { steps: readonly Step[] };
    };
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

    it('run the package of this version, and know the results they upload', () => {
      assert.equal(action.inputs.package.default, `optimizer-bias-inspector@${version}`);
      assert.match(action.runs.steps[1].uses!, /^github\/codeql-action\/upload-sarif@/);
    });

    /** Runs the steps that are scripts, with the expressions put in as the runner does. */
    function play(inputs: Readonly<Record<string, string>>, base: string) {
      const temp = mkdtempSync(join(tmpdir(), 'optimizer-bias-runner-'));
      const outputFile = join(temp, 'output');
      writeFileSync(outputFile, '');
      const outputs = () =>
        Object.fromEntries(
          readFileSync(outputFile, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => line.split('=')),
        );
      const value = (expression: string): string => {
        const [, kind, name] = /^\$\{\{ (inputs|github|steps\.scan\.outputs)\.([\w-]+) \}\}$/.exec(expression)!;
        if (kind === 'inputs') return inputs[name] ?? action.inputs[name].default;
        return kind === 'github' ? base : outputs()[name];
      };
      let last: ReturnType<typeof spawnSync> | undefined;
      for (const { run, env = {} } of action.runs.steps) {
        if (run === undefined) continue;
        const values = Object.fromEntries(Object.entries(env).map(([name, expression]) => [name, value(expression)]));
        const runner = { ...process.env, ...values, RUNNER_TEMP: temp, GITHUB_OUTPUT: outputFile };
        last = spawnSync('bash', ['-e', '-c', run], { cwd: folder, encoding: 'utf8', env: runner });
        if (last.status !== 0) break;
      }
      const sarif = join(temp, 'optimizer-bias.sarif');
      const log = existsSync(sarif) ? readFileSync(sarif, 'utf8') : '';
      rmSync(temp, { recursive: true, force: true });
      const found = log
        ? (JSON.parse(log).runs[0].results as {
            locations: { physicalLocation: { artifactLocation: { uri: string } } }[];
          }[])
        : [];
      return {
        status: last!.status,
        files: [...new Set(found.map(({ locations }) => locations[0].physicalLocation.artifactLocation.uri))],
      };
    }

    it('look at what a pull request changes', () => {
      assert.deepEqual(play({ package: spec }, 'main'), { status: 1, files: ['new.py'] });
    });
    it('look at everything otherwise, and leave the baseline quiet', () => {
      assert.deepEqual(play({ package: spec, 'only-changed': 'false' }, ''), {
        status: 1,
        files: ['new.py', 'old.py'],
      });
      const options = ['--yes', '--package', spec, 'optimizer-bias', 'scan', '--write-baseline', 'baseline.json'];
      assert.equal(spawnSync('npx', options, { cwd: folder }).status, 0);
      const known = { package: spec, baseline: 'baseline.json' };
      assert.deepEqual(play(known, ''), { status: 0, files: [] });
      inside('old.py', `# moved down\n${script('1e-3', '1.5')}${script('1e-3', '-1').split('\n')[1]}\n`);
      assert.deepEqual(play(known, ''), { status: 1, files: ['old.py'] });
      git('checkout', '-q', '--', 'old.py');
    });
    it('fail where the usage is wrong', () => {
      assert.equal(play({ package: spec, 'fail-on': 'fatal' }, '').status, 2);
      assert.equal(play({ package: spec }, 'no-such-branch').status, 2);
    });
  });

  it('pre-commit runs the hook', (t) => {
    if (spawnSync(python, ['-m', 'pre_commit', '--version']).status !== 0) return t.skip('Python has no pre-commit');
    if (!existsSync('.git')) return t.skip('the project is no git repository');
    const hook = (...files: string[]) =>
      spawnSync(
        python,
        ['-m', 'pre_commit', 'try-repo', resolve('.'), 'optimizer-bias-scan', '--verbose', '--files', ...files],
        {
          cwd: folder,
          encoding: 'utf8',
          env: { ...process.env, OPTIMIZER_BIAS_PACKAGE: spec, PRE_COMMIT_HOME: join(folder, '.cache') },
        },
      );
    const failing = hook('new.py');
    assert.equal(failing.status, 1, failing.stdout + failing.stderr);
    assert.match(failing.stdout, /new\.py:2/);
    inside('good.py', script('1e-3', '0.95'));
    const passing = hook('good.py');
    assert.equal(passing.status, 0, passing.stdout + passing.stderr);
  });
});
