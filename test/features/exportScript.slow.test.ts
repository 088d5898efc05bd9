import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { exportedScript, exportScript } from '../../extension/features/export/script.ts';
import { python } from '../support/python.ts';

const skip = spawnSync(python, ['--version']).status === 0 ? false : 'no Python';

/** What Python makes of the script: its syntax, and the arguments of the call of the helper. */
function callOf(text: string): unknown {
  const program = `
import ast, json, sys
tree = ast.parse(sys.stdin.read())
call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "export_script")
names = {n.targets[0].id: ast.literal_eval(n.value) for n in tree.body
         if isinstance(n, ast.Assign) and isinstance(n.value, (ast.Constant, ast.List))}
print(json.dumps({"script": ast.literal_eval(call.args[0].right), **names}))
`;
  const { status, stdout, stderr } = spawnSync(python, ['-c', program], { input: text, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe('the script that exports what another one trains', { skip }, () => {
  it('calls the helper with the script, and says what was found', () => {
    const text = exportScript({
      script: 'train.py',
      optimizers: ['line 37: AdamW lr 1e-3'],
      directory: 'optimizer-bias',
      arguments: ['--config', 'a "b"\\.yaml'],
    });
    assert.deepEqual(callOf(text), {
      script: 'train.py',
      ARGUMENTS: ['--config', 'a "b"\\.yaml'],
      SAMPLES: 256,
      DIRECTORY: 'optimizer-bias',
    });
    assert.equal(exportedScript(text), 'train.py');
    assert.equal(exportedScript('import optimizer_bias\n'), undefined);
    assert.match(text, / {4}line 37: AdamW lr 1e-3\n/);
  });

  it('is the same for names that would end a string or a docstring', () => {
    const script = 'a"b\'\\n"""; import os; """\nimport sys\r\u2028x = 1.py';
    const text = exportScript({ script, optimizers: ['"""\\'], directory: 'ä"' });
    assert.equal(exportedScript(text), script);
    assert.deepEqual(callOf(text), { script, ARGUMENTS: [], SAMPLES: 256, DIRECTORY: 'ä"' });
    // A name that goes on in another line ends no comment.
    assert.doesNotMatch(text, /^import sys/m);
  });
});
