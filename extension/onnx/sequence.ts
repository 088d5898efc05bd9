import type { Value } from './graph.ts';

/** A sequence of tensors. Its length is always known, so it is kept beside the graph and never enters it. */
export class Sequence {
  constructor(readonly items: readonly Value[]) {}
}
export type Item = Value | Sequence;
