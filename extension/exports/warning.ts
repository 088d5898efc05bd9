import type { Words } from '../shared/words.ts';

/** A sign that what is computed here is not what the user trains. */
export interface Warning {
  readonly code: string;
  readonly title: string;
  /** What it means for the optimizer's bias. */
  readonly detail: Words;
  /** Names of the initializers concerned. */
  readonly parameters: readonly string[];
  readonly remedy: Words;
}
