import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { anchorsOf, docs, linksOf, markdownFiles } from '../support/markdown.ts';

/** What is wrong with the links of a page that lead to files. */
function broken(page: string): string[] {
  return linksOf(page).flatMap((link) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
    const [path, anchor] = link.split('#') as [string, string | undefined];
    const file = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)));
    if (!existsSync(file)) return [`${link} leads to no file`];
    if (anchor === undefined || !file.endsWith('.md')) return [];
    return anchorsOf(file).has(anchor) ? [] : [`${link} leads to no heading`];
  });
}

describe('links of the Markdown files', () => {
  const pages = markdownFiles();
  for (const page of pages) it(page, () => assert.deepEqual(broken(page), []));

  it('are many, in pages and from page to page', () => {
    const all = pages.flatMap((page) => linksOf(page));
    assert.ok(all.length > 60, `${all.length} links`);
    assert.ok(all.filter((link) => link.includes('#') && !link.includes(':')).length > 10);
  });

  it('lead from the README to the index, and from there to every page', () => {
    assert.ok(linksOf('README.md').includes('media/docs/README.md'));
    const linked = new Set(linksOf(join(docs, 'README.md')).map((link) => link.split('#')[0]));
    for (const page of readdirSync(docs).filter((name) => name.endsWith('.md') && name !== 'README.md'))
      assert.ok(linked.has(page), page);
  });

  it('are found and looked up as GitHub does', () => {
    const folder = mkdtempSync(join(tmpdir(), 'links-'));
    try {
      const page = join(folder, 'a.md');
      const text = [
        '# C7. Validity: `ν` & *more*',
        '## Same',
        '## Same',
        '[a](#c7-validity-ν--more) [b](#same-1) ![c](none.svg "title") <img src="no.png">',
        '[d](a.md#same) [e](https://x.org/none#x) [f](a.md#other) [g]: [h](#same-2)',
        '`[code](nothing.md)`',
        '```sh',
        '[code](nothing.md)',
        '# no heading',
        '```',
        '[i]: gone.md',
      ];
      writeFileSync(page, text.join('\n'));
      assert.deepEqual(broken(page), [
        'none.svg leads to no file',
        'a.md#other leads to no heading',
        '#same-2 leads to no heading',
        'gone.md leads to no file',
        'no.png leads to no file',
      ]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
