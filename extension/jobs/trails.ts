import { Trail, Walk, type WalkOptions } from '../engine/reference.ts';
import type { Runner } from '../engine/runner.ts';

/**
 * The trails that references of runs from the same point follow: equal twins the same one, and flows with equal directions and
 * steps. Each reference follows them as far as its own run needs it, so that it says the same whatever others do.
 */
export class Trails {
  private readonly held = new Map<string, { readonly options: WalkOptions; readonly trail: Trail }>();
  private readonly runners = new Map<string, Runner>();

  /** @param alone one run follows them, so that nothing of them need be kept for others */
  constructor(private readonly alone = false) {}

  /** A walk on the trail of that name. */
  walk(name: string, options: () => WalkOptions): Walk {
    if (this.alone) return new Walk(options());
    const found = this.held.get(name) ?? this.open(options());
    this.held.set(name, found);
    return new Walk(found.options, found.trail);
  }

  /** A runner of that name, which belongs to the trails. */
  runner(name: string, make: () => Runner): Runner {
    const found = this.runners.get(name) ?? make();
    this.runners.set(name, found);
    return found;
  }

  async release(): Promise<void> {
    for (const runner of this.runners.values()) await runner.release();
  }

  private open(options: WalkOptions) {
    return { options, trail: new Trail(options) };
  }
}
