import type { InspectRequest } from './protocol.ts';

/** The file in which a workspace remembers what is inspected with what; meant to be committed. */
export const projectFile = '.optimizer-bias.json';

/** What is inspected with what: the part of a request that is remembered. Paths are relative to the workspace folder. */
export type Target = Partial<
  Omit<InspectRequest, 'directory' | 'model' | 'optimizer' | 'framework' | 'hyper' | 'out' | 'saveState'>
> & {
  readonly model: string;
  /** The file whose optimizer it goes with. */
  readonly source?: string;
};

/** What the value of a key is. */
export type Kind = 'text' | 'number' | 'flag' | 'numbers' | 'texts' | 'object' | 'groups' | 'stage';

/** Every key of a target and what it holds. */
export const targetKinds: { readonly [K in keyof Required<Target>]: Kind } = {
  source: 'text',
  model: 'text',
  weights: 'text',
  data: 'text',
  x: 'text',
  y: 'text',
  xKey: 'text',
  yKey: 'text',
  label: 'text',
  limit: 'number',
  scale: 'number',
  mean: 'numbers',
  std: 'numbers',
  loss: 'text',
  schedule: 'object',
  steps: 'number',
  every: 'number',
  stage: 'stage',
  dtype: 'text',
  microBatch: 'number',
  device: 'text',
  threads: 'number',
  batchStatistics: 'flag',
  batchAxes: 'texts',
  batchSize: 'number',
  order: 'text',
  seed: 'number',
  dropLast: 'flag',
  clipNorm: 'number',
  groups: 'groups',
  state: 'text',
  freeze: 'texts',
  trainable: 'texts',
  arrays: 'flag',
};
