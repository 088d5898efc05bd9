import type { Surroundings } from '../../extension/experiments/experiment.ts';

/** Experiments as the tests run them: from the root of the repository, without anybody watching. */
export const surroundings: Surroundings = {
  directory: '.',
  samples: 'media/sample',
  threads: 2,
  progress: async () => {},
  async each(names, compute, found) {
    for (const i of names.keys()) found(await compute(i), i);
  },
  show: () => {},
};
