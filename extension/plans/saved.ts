import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { writeWhole } from '../files/writing.ts';
import { type Kept, Paused, type Saving } from '../jobs/saving.ts';
import { toolVersion } from '../shared/version.ts';

/** How often a point that is not stopped keeps what it needs to go on, in milliseconds. */
const period = 5 * 60_000;

interface File {
  /** Another version of this program or of what runs it may mean something else by the same data. */
  readonly by: string;
  readonly lines: string | undefined;
  readonly state: unknown;
}

const by = `${toolVersion}, Node ${process.versions.node}, ${process.arch}`;

/**
 * What a point needs to go on where it is, in a folder: `state.bin`, and the lines that belong to it. The file is replaced as a
 * whole, so that at any moment there is one state or none, and whoever reads damaged ones begins anew.
 */
export class SavedFolder<T> implements Saving<T> {
  readonly saved: Kept<T> | undefined;
  private last = performance.now();
  private count = 0;

  /**
   * @param stopped true once the point is to end
   * @param every milliseconds from one keeping to the next while it is not
   */
  constructor(
    private readonly folder: string,
    private readonly stopped: () => boolean,
    private readonly every = period,
  ) {
    this.saved = this.read();
  }

  between(state: () => Kept<T>): void {
    const stopped = this.stopped();
    if (!stopped && performance.now() - this.last < this.every) return;
    try {
      this.keep(state());
    } catch {
      // Without space for it, the point goes on from the state before, or begins anew.
    }
    this.last = performance.now();
    if (stopped) throw new Paused();
  }

  private keep({ state, lines }: Kept<T>): void {
    mkdirSync(this.folder, { recursive: true });
    const copy = lines === undefined ? undefined : `lines-${process.pid}-${this.count++}`;
    if (copy !== undefined) copyFileSync(lines!, join(this.folder, copy));
    writeWhole(join(this.folder, 'state.bin'), serialize({ by, lines: copy, state } satisfies File));
    for (const name of readdirSync(this.folder))
      if (name.startsWith('lines-') && name !== copy) rmSync(join(this.folder, name), { force: true });
  }

  private read(): Kept<T> | undefined {
    const path = join(this.folder, 'state.bin');
    if (!existsSync(path)) return undefined;
    try {
      const file = deserialize(readFileSync(path)) as File;
      if (file.by !== by) return undefined;
      const lines = file.lines === undefined ? undefined : join(this.folder, basename(file.lines));
      if (lines !== undefined && !existsSync(lines)) return undefined;
      return { state: file.state as T, lines };
    } catch {
      return undefined;
    }
  }
}
