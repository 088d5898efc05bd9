import { spawnSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Places to write to that are none: nothing waits for ever, and no word of the system is shown. */
export function oddPlaces({ cli, root, scratch, check }) {
  const said = (args) => {
    const { status, stderr } = spawnSync(process.execPath, [cli, ...args], {
      ...{ cwd: scratch, encoding: 'utf8', timeout: 60_000 },
    });
    return `exit ${status}: ${stderr.split('\n')[0]}`;
  };
  spawnSync('mkfifo', [join(scratch, 'pipe')]);
  symlinkSync('loop', join(scratch, 'loop'));
  const gradient = ['graph', join(root, 'media', 'sample', 'digits.onnx'), '--write', 'gradient', '-o'];
  const piped = said([...gradient, 'pipe']);
  check(piped === 'exit 1: Cannot write pipe: nothing reads from the pipe.', `a pipe that nobody reads: ${piped}`);
  const folder = said([...gradient, '.']);
  check(folder === 'exit 1: Cannot write .: it is a directory.', `a folder as file: ${folder}`);
  const loop = said(['inspect', '--sample', '--steps', '3', '--out', 'loop']);
  const expected = `exit 1: Cannot write to ${join(scratch, 'loop')}: there are too many symbolic links.`;
  check(loop === expected, `a link to itself as folder: ${loop}`);
}
