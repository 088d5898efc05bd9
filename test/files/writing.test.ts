import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { WritingError, writeOutput, writingReason } from '../../extension/files/writing.ts';

const folder = mkdtempSync(join(tmpdir(), 'writing-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const content = new TextEncoder().encode('content');
/** What is said where writing fails; undefined where it does not. */
const refusal = (path: string) => writeOutput(path, content).then(() => undefined, writingReason);

const isPosix = process.platform !== 'win32';

describe('what a user asks to be written', { skip: !isPosix && 'Pipes and links are those of Unix.' }, () => {
  it('a pipe that nobody reads is refused, and one that somebody reads gets it', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    assert.equal(await refusal(at('pipe')), 'nothing reads from the pipe');
    const reader = spawn('cat', [at('pipe')]);
    const read = new Promise<string>((done) => {
      let text = '';
      reader.stdout.on('data', (part) => {
        text += part;
      });
      reader.on('close', () => done(text));
    });
    // Until the reader has opened it, nothing reads.
    while ((await refusal(at('pipe'))) !== undefined) await new Promise((done) => setTimeout(done, 10));
    assert.equal(await read, 'content');
  });

  it('a link is replaced, and what it leads to stays as it was', async () => {
    writeFileSync(at('precious'), 'precious');
    symlinkSync('precious', at('link'));
    assert.equal(await refusal(at('link')), undefined);
    assert.equal(readFileSync(at('precious'), 'utf8'), 'precious');
    assert.equal(readFileSync(at('link'), 'utf8'), 'content');
  });

  it('a device gets it and stays', async () => {
    assert.equal(await refusal('/dev/null'), undefined);
    assert.equal(readFileSync('/dev/null', 'utf8'), '');
  });

  it('what cannot be written to is told in words, and nothing is left over', async () => {
    mkdirSync(at('directory'));
    symlinkSync('loop', at('loop'));
    assert.equal(await refusal(at('directory')), 'it is a directory');
    assert.equal(await refusal(at('loop')), 'there are too many symbolic links');
    assert.equal(await refusal(at('x'.repeat(300))), 'the name is too long');
    assert.equal(await refusal(at('precious/below')), 'a part of its path is a file');
    assert.deepEqual(
      readdirSync(folder).filter((name) => /partial|tmp/.test(name)),
      [],
    );
    const error = Object.assign(new Error('ELOOP: …, lstat'), { code: 'ELOOP' });
    assert.equal(
      new WritingError('runs/a', error).message,
      'Cannot write to runs/a: there are too many symbolic links.',
    );
  });
});
