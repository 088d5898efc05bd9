import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';

const verify = (...args: string[]) => {
  // Without a Python there is no peer to wait for.
  const env = { ...process.env, PYTHON: 'no-python' };
  return spawnSync(process.execPath, ['test/gpu/verify.mjs', ...args], { encoding: 'utf8', env, timeout: 600_000 });
};
const report = () => JSON.parse(readFileSync('dist/gpu/report.json', 'utf8'));

it('the verification of a GPU goes to its end on a machine without one, and says what it could not do', (t) => {
  if (spawnSync('nvidia-smi').status === 0) return t.skip('there is a GPU');
  const { status, stdout, stderr } = verify();
  assert.equal(status, 0, stdout + stderr);
  for (const what of ['compare numbers with the processor', 'look where nodes run', 'time steps', 'fill the memory'])
    assert.match(stdout, new RegExp(`could not ${what}[^:]*: `));
  assert.match(stdout, /✓ The device cuda cannot be used here/);
  assert.ok(report().devices.cuda.lacking);
});

it('its rehearsal on the processor does everything that a GPU would do', () => {
  const { status, stdout, stderr } = verify('cpu', 'quick');
  assert.equal(status, 0, stdout + stderr);
  const { equality, placement, times } = report().devices.cpu;
  assert.ok(Object.keys(equality).length >= 7);
  for (const error of Object.values(equality)) assert.equal(error, 0);
  for (const network of ['mlp', 'cnn']) {
    assert.ok(placement[network].providers.CPUExecutionProvider > 50);
    assert.deepEqual(placement[network].beside, {});
  }
  const own = Object.entries<{ plain: string; corrected: string }>(times).find(([name]) =>
    name.endsWith('this program'),
  )!;
  assert.ok(Number(own[1].plain) > 0 && Number(own[1].corrected) > 0);
});
