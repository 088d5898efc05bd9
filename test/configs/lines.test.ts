import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutWords } from '../../extension/configs/python/lines.ts';

describe('what is left of a text without its comments and docstrings', () => {
  const rows: readonly (readonly [name: string, text: string, code: string])[] = [
    ['a docstring', '"""About\nAdam."""\nx = 1\n', 'x = 1\n'],
    ['one with a prefix, indented', "def f():\n    r'''Adam'''\n    return 1\n", 'def f():\n    return 1\n'],
    ['one in single quotes, at the end', "x = 1\n'Adam'", 'x = 1\n'],
    ['a line of comment', 'x = 1\n  # Adam\ny = 2\n', 'x = 1\ny = 2\n'],
    ['not a string with something after it', '"%s" % Adam(p)\n', '"%s" % Adam(p)\n'],
    ['not a comment behind code', 'x = 1 # Adam\n', 'x = 1 # Adam\n'],
    ['not a string that is assigned', 'x = """\nAdam"""\n', 'x = """\nAdam"""\n'],
    ['not a formatted string', 'f"{Adam(p)}"\n', 'f"{Adam(p)}"\n'],
    ['not one on a continued line', 'f(\n"Adam"\n)\n', 'f(\n"Adam"\n)\n'],
    ['a string without an end', 'x = 1\n"""Adam', 'x = 1\n'],
    ['nothing', '', ''],
  ];
  for (const [name, text, code] of rows) it(name, () => assert.equal(withoutWords(text), code));
});
