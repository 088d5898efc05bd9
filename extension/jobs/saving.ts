/** What a run needs to go on from where it is. */
export interface Kept<T> {
  /** Plain data. */
  readonly state: T;
  /** A file of lines that belong to it, as long as it is now. */
  readonly lines?: string;
}

/** Keeps what runs need to go on in another process. */
export interface Saving<T> {
  /** What an earlier process kept of the same run. */
  readonly saved: Kept<T> | undefined;
  /**
   * Called between two calls of the runtime. Throws `Paused` where the run is to end, after what it needs to go on was kept;
   * keeps that from time to time, too.
   */
  between(state: () => Kept<T>): void;
}

/** Ends a run that is to go on later. */
export class Paused extends Error {}
