import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient } from '../engine/client.ts';
import { ownScript } from '../files/ownScript.ts';
import { InspectorError } from '../shared/errors.ts';
import { duration, thousands } from '../shared/format.ts';
import type { InspectRequest } from '../shared/request.ts';
import { onCommandLine } from '../shared/words.ts';

/** A step that takes longer is long to wait for. */
export const mostSeconds = 2;

/** How long a step with its correction takes, and how many samples keep it under two seconds. */
export interface Timing {
  readonly seconds: number;
  /** That were timed. */
  readonly timed: number;
  /** Undefined: all there are. */
  readonly samples: number | undefined;
  /** Bytes that the process held at its peak. */
  readonly peakMemory: number;
}

/** Samples of the first try: few, so that no step is long, and enough for their share of the time to be seen. */
const few = 64;

/**
 * Takes a few steps of an inspection on some of its samples, then on as many as should take a second, into a folder that is
 * removed. Throws an InspectorError where the inspection fails.
 */
export async function timeStep(request: InspectRequest, signal?: AbortSignal): Promise<Timing> {
  const first = await secondsOf(request, few, signal);
  if (first.samples < few) return { ...first, timed: first.samples, samples: undefined };
  const more = Math.max(few, roundDown(few / Math.max(first.seconds, 1e-3)));
  const second = more === few ? first : await secondsOf(request, more, signal);
  return { ...proposed(second.seconds, second.samples, second.samples < more), peakMemory: second.peakMemory };
}

/** How many samples a step of two seconds has, if one of `timed` samples takes `seconds`; `whole`: there are no more. */
export function proposed(seconds: number, timed: number, whole: boolean): Omit<Timing, 'peakMemory'> {
  const samples = roundDown((timed * mostSeconds) / seconds);
  return { seconds, timed, samples: whole && seconds <= mostSeconds ? undefined : samples };
}

export const timingText = ({ seconds, timed, samples }: Omit<Timing, 'peakMemory'>): string =>
  `a step of ${thousands(timed)} samples takes ${seconds < 1 ? `${Math.max(1, Math.round(1000 * seconds))} ms` : duration(seconds)}${samples === undefined ? ', which are all there are' : ''}`;

/** Steps of a try: enough for the run to stop between them. */
const timedSteps = 6;

async function secondsOf(request: InspectRequest, limit: number, signal: AbortSignal | undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'optimizer-bias-'));
  const client = new EngineClient(ownScript('engineProcess.js'));
  const stop = () => client.dispose();
  signal?.addEventListener('abort', stop, { once: true });
  // Lines of a run come in groups: its progress tells when steps were taken.
  const seen: Seen[] = [];
  let samples = 0;
  let peakMemory = 0;
  try {
    const steps = { ...tryOf(request, limit), out: join(folder, 'run') };
    const last = await client.inspect(steps, (event) => {
      if (event.type === 'started') samples = event.run.data.samples;
      const now = performance.timeOrigin + performance.now();
      if (event.type === 'started') seen.push({ step: 0, at: now });
      if (event.type === 'progress' && event.progress.phase === 'running' && event.progress.step > 0)
        // When a report is read says little: on a busy machine several are read at once.
        seen.push({ step: event.progress.step, at: event.progress.at ?? now });
    });
    if (last.type === 'finished') peakMemory = last.peakMemory;
    if (last.type === 'failed') throw new InspectorError(onCommandLine(last.failure.message), last.failure.remedy && onCommandLine(last.failure.remedy)); // biome-ignore format: one line
  } finally {
    signal?.removeEventListener('abort', stop);
    client.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  return { seconds: millisecondsOf(seen) / 1000, samples, peakMemory };
}

/** What is run for an inspection that is tried: all of `limit` samples at once, whatever its batches are. */
export function tryOf(request: InspectRequest, limit: number): InspectRequest {
  const { batchSize: _, order: __, state: ___, dropLast: ____, ...rest } = request;
  return { ...rest, limit, steps: timedSteps, every: 1, edgeEvery: 0, reference: 'none', arrays: false };
}

/** When a run had taken so many steps; milliseconds. */
export interface Seen {
  readonly step: number;
  readonly at: number;
}

/** Milliseconds of the fastest step. The first steps also load the program, and do not count where there are others. */
export function millisecondsOf(seen: readonly Seen[]): number {
  const rates = seen.slice(1).map(({ step, at }, i) => (at - seen[i]!.at) / (step - seen[i]!.step));
  return Math.min(...(rates.length > 1 ? rates.slice(1) : rates));
}

/** To one digit that people would choose: 1, 2 or 5 times a power of ten; at least 1. */
export function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return Math.max(1, ([5, 2, 1].find((digit) => digit * power <= value) ?? 1) * power);
}
