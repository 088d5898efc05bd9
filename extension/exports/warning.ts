/** A sign that what is computed here is not what the user trains. */
export interface Warning {
  readonly code: string;
  readonly title: string;
  /** What it means for the optimizer's bias. */
  readonly detail: string;
  /** Names of the initializers concerned. */
  readonly parameters: readonly string[];
  readonly remedy: string;
}
