import { readFileSync } from 'node:fs';

/** Processor time of this thread in milliseconds, which other work on the machine does not lengthen; undefined where it is not told. */
function threadTime(): number | undefined {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return undefined;
  }
}

const now = (): number => threadTime() ?? performance.now();

/** The longest time, in milliseconds of processor time, for which the event loop did not turn while `work` went on. */
export async function longestBlock(work: () => Promise<void>): Promise<number> {
  let last = now();
  let longest = 0;
  const look = () => {
    const time = now();
    longest = Math.max(longest, time - last);
    last = time;
  };
  const ticker = setInterval(look, 1);
  try {
    await work();
    // What the work has left to be done.
    await new Promise((done) => setTimeout(done, 300));
  } finally {
    look();
    clearInterval(ticker);
  }
  return longest;
}
