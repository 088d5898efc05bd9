import type * as vscode from 'vscode';

/** Runs actions once nothing has asked for them for a while; each key waits by itself. */
export class Debouncer implements vscode.Disposable {
  private readonly delay: number;
  private readonly timers = new Map<unknown, NodeJS.Timeout>();

  /** `delay` in milliseconds. */
  constructor(delay: number) {
    this.delay = delay;
  }

  schedule(key: unknown, action: () => void): void {
    clearTimeout(this.timers.get(key));
    const run = () => {
      this.timers.delete(key);
      action();
    };
    this.timers.set(key, setTimeout(run, this.delay));
  }

  cancel(key: unknown): void {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}
