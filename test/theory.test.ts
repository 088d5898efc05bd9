import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const text = readFileSync('extension/optimizers/THEORY.md', 'utf8');

/** What THEORY.md numbers: headings such as "B2. …", bullets such as "**F4.**", and the items of a list below "C. Measures". */
function numbered(): Set<string> {
  const found = new Set<string>();
  let chapter = '';
  for (const line of text.split('\n')) {
    const heading = /^#+ ([A-Z])(\d*)\. /.exec(line);
    if (heading) {
      chapter = heading[2] ? '' : heading[1]!;
      found.add(`${heading[1]}${heading[2]}`);
    }
    const item = /^(\d+)\. /.exec(line);
    const label = item && chapter === 'C' ? `C${item[1]}` : /^- \*\*([A-Z]\d+)\.\*\*/.exec(line)?.[1];
    if (label === undefined) continue;
    assert.ok(!found.has(label), `${label} stands twice`);
    found.add(label);
  }
  return found;
}

test('what code and texts cite of THEORY.md is numbered there', () => {
  const known = numbered();
  const files = ['extension', 'webview', 'test']
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, String(file))))
    .filter((file) => /\.(ts|tsx|mjs|md)$/.test(file) && file !== join('test', 'theory.test.ts'));
  const cited = [...files, 'README.md', 'CONTRIBUTING.md'].flatMap((file) =>
    [
      ...readFileSync(file, 'utf8').matchAll(/(?:theory|THEORY\.md),? \(?([A-G]\d+(?:(?:–|, | and )[A-G]\d+)*)/gi),
    ].flatMap(([, list]) => [...list!.matchAll(/[A-G]\d+/g)].map(([label]) => ({ file, label }))),
  );
  assert.ok(cited.length > 20, `${cited.length} citations`);
  assert.deepEqual(
    cited.filter(({ label }) => !known.has(label)),
    [],
  );
});
