import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { AnalysisCache, type CachedText } from '../../extension/configs/cache.ts';
import { type AnalysisResult, NO_RESULT } from '../../extension/configs/protocol.ts';
import { userCacheFolder } from '../../extension/files/userFolders.ts';

const scratch = mkdtempSync(join(tmpdir(), 'scan-cache-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

describe('the cache', () => {
  const document = (text: string): CachedText => ({ text, language: 'python', path: '/r/a.py', root: '/r' });
  const result = (more: Partial<AnalysisResult> = {}): AnalysisResult => ({ ...NO_RESULT, sights: [], ...more });

  test('of another version holds nothing', () => {
    const folder = join(scratch, 'versions');
    const first = new AnalysisCache(folder, '1');
    first.keep(document('a'), result());
    first.save();
    assert.ok(new AnalysisCache(folder, '1').find(document('a')));
    assert.equal(new AnalysisCache(folder, '2').find(document('a')), undefined);
  });

  test('keeps nothing that a limit has cut, or that does not say what it saw', () => {
    const cache = new AnalysisCache(join(scratch, 'cut'));
    const kept = (given: AnalysisResult) => {
      cache.keep(document('a'), given);
      return cache.find(document('a')) !== undefined;
    };
    for (const incomplete of ['time', 'memory', 'failed', 'many'] as const) assert.ok(!kept(result({ incomplete })));
    assert.ok(!kept(NO_RESULT));
    assert.ok(kept(result({ incomplete: 'nested' })));
  });

  test('tells languages apart, and places where other files were seen', () => {
    const cache = new AnalysisCache(join(scratch, 'places'));
    cache.keep(document('alone'), result());
    cache.keep(document('leads'), result({ sights: [['/r/none.py', '-']] }));
    const elsewhere = { path: '/other/a.py', root: '/other' };
    assert.ok(cache.find({ ...document('alone'), ...elsewhere }));
    assert.equal(cache.find({ ...document('alone'), language: 'yaml' }), undefined);
    assert.ok(cache.find(document('leads')));
    assert.equal(cache.find({ ...document('leads'), ...elsewhere }), undefined);
  });

  test('is bounded: what was not used for longest goes first', () => {
    const folder = join(scratch, 'bounded');
    const limit = 20_000;
    const cache = new AnalysisCache(folder, '1', limit);
    for (let i = 0; i < 400; i++) cache.keep(document(String(i)), result({ sights: [[`/r/${i}.py`, '-']] }));
    assert.ok(cache.find(document('0')));
    cache.save();
    assert.ok(readFileSync(join(folder, 'scan.cache')).length <= limit + 32);
    const later = new AnalysisCache(folder, '1', limit);
    const left = Array.from({ length: 400 }, (_, i) => i).filter((i) => later.find(document(String(i))));
    assert.ok(left.length > 50 && left.length < 300, String(left.length));
    // The used one, and the last ones in a row.
    assert.deepEqual(left, [0, ...left.slice(1).map((_, i) => 400 - (left.length - 1) + i)]);
  });

  test('is in the folder that the system has for it', () => {
    const home = { XDG_CACHE_HOME: '/c', LOCALAPPDATA: '/l' };
    assert.equal(userCacheFolder(home, 'linux'), join('/c', 'optimizer-bias-inspector'));
    assert.match(
      userCacheFolder({ XDG_CACHE_HOME: 'relative' }, 'linux')!,
      /[\\/]\.cache[\\/]optimizer-bias-inspector$/,
    );
    assert.match(userCacheFolder({}, 'darwin')!, /Library[\\/]Caches[\\/]optimizer-bias-inspector$/);
    assert.equal(userCacheFolder({ LOCALAPPDATA: '/l' }, 'win32'), join('/l', 'optimizer-bias-inspector', 'Cache'));
  });
});
