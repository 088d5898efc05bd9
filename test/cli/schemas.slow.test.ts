import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import Ajv, { type ValidateFunction } from 'ajv/dist/2020.js';
import { cli } from '../support/paths.ts';

const scratch = mkdtempSync(join(tmpdir(), 'schemas-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const isDate = (value: string) => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
const ajv = new Ajv({ allErrors: true, allowUnionTypes: true, formats: { 'date-time': isDate } });
const compiled = (name: string): ValidateFunction =>
  ajv.compile(JSON.parse(readFileSync(join('media', 'schemas', `${name}.schema.json`), 'utf8')));
const isRun = compiled('run');
const isStep = compiled('steps');

/** The first complaints about a value. */
function complaints(validate: ValidateFunction, value: unknown): string[] {
  validate(value);
  return (validate.errors ?? []).slice(0, 5).map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

/** Runs the sample and reads what it has written. */
function written(name: string, args: readonly string[]) {
  const out = join(scratch, name.replaceAll(/\W/g, '-'));
  const { status, stderr } = spawnSync(
    process.execPath,
    [cli, 'inspect', '--sample', '--steps', '5', ...args, '--out', out],
    { encoding: 'utf8', cwd: scratch },
  );
  assert.equal(status, 0, stderr);
  const lines = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n');
  return {
    run: JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')),
    steps: lines.map((line) => JSON.parse(line)),
  };
}

describe('what inspect writes is what the schemas of media/schemas say', () => {
  const variants: [name: string, args: string[]][] = [
    ['adam', []],
    ['mini-batches', ['--batch-size', '512', '--seed', '3', '--every', '1']],
    ['groups', ['--group', '*.bias|*norm*: weight_decay=0, lr=1e-4', '--optimizer', 'adamw']],
    ['held against the flow', ['--reference', 'flow', '--edge-every', '2']],
    ['held against nothing', ['--reference', 'none', '--schedule', 'cosine', '--warmup', '2', '--clip-norm', '1']],
    ['amsgrad', ['--amsgrad']],
    ['lion in float64', ['--optimizer', 'lion', '--dtype', 'float64', '--freeze', '0.bias']],
    ['momentum', ['--optimizer', 'sgd', '--lr', '0.1', '--momentum', '0.9']],
  ];
  for (const [name, args] of variants)
    it(name, () => {
      const { run, steps } = written(name, args);
      assert.deepEqual(complaints(isRun, run), []);
      assert.equal(steps.length, 6);
      for (const step of steps) assert.deepEqual(complaints(isStep, step), [], `step ${step.step}`);
    });

  it('and what is not in them, missing or of another kind is refused', () => {
    const { run, steps } = written('changed', []);
    const [, step] = steps;
    const [tensor] = Object.keys(step.tensors);
    for (const changed of [
      { ...run, other: 1 },
      { ...run, model: { ...run.model, sha256: 'none' } },
      { ...run, started: 'yesterday' },
      { ...run, tensors: undefined },
      { ...run, notes: [[{ setting: 1 }]] },
      { ...run, effect: { ...run.effect, tensors: { a: {} } } },
    ])
      assert.ok(!isRun(JSON.parse(JSON.stringify(changed))));
    for (const changed of [
      { ...step, other: 1 },
      { ...step, loss: 'NaN' },
      { ...step, negativeShare: 1.5 },
      { ...step, step: undefined },
      { ...step, tensors: { [tensor!]: { ...step.tensors[tensor!], other: 1 } } },
    ])
      assert.ok(!isStep(JSON.parse(JSON.stringify(changed))));
  });
});
