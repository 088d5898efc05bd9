// Prints, as JSON, what the panel's page spends on a record of a run with 400 tensors that goes on, by tab.
import type { Browser } from 'playwright-core';
import type { PanelRun } from '../../extension/shared/panel.ts';
import { launchBrowser } from '../e2e/rig/workbench.ts';
import { open, post } from '../webview/panelPage.ts';
import { run } from '../webview/runs.ts';

const tensorCount = 400;
const before = 100;
const records = 20;
/** Longer than the page waits between two drawings. */
const betweenRecords = 600;

const tabs = ['table', 'parameters', 'regimes', 'curves'] as const;

/** What one record costs the page's thread, in milliseconds of its processor. */
interface Cost {
  /** Taking the message, and the changes of the document. */
  readonly script: number;
  /** Styles, layout and painting. */
  readonly frame: number;
  /** How many frames are made until the next record: more than one means that something moves. */
  readonly frames: number;
}

/** Events of a trace that stand for them; none of them lies in another. */
const parts: Readonly<Record<string, 'script' | 'frame'>> = {
  HandlePostMessage: 'script',
  TimerFire: 'script',
  'ProxyMain::BeginMainFrame': 'frame',
  Commit: 'frame',
};

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of the thread. */
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

const tensors = Object.fromEntries(Array.from({ length: tensorCount }, (_, i) => [`layer${i}.weight`, {}]));

/** The same run with numbers that change from step to step. */
function moving(): PanelRun {
  const whole = run({ tensors, steps: before + records, header: { status: 'running' } });
  const steps = whole.steps.map((line) => ({
    ...line,
    tensors: Object.fromEntries(
      Object.entries(line.tensors).map(([name, fields], i) => [
        name,
        { ...fields, cosine: Math.sin(line.step + i), net: Math.cos(line.step + i), hKappa: -0.01 - line.step / 1e4 },
      ]),
    ),
  }));
  return { ...whole, steps };
}

async function costOf(browser: Browser, tab: (typeof tabs)[number]): Promise<Cost> {
  const { page } = await open(browser, { folders: [], view: { tab } });
  const whole = moving();
  const activity = {
    kind: 'running',
    title: 'm',
    progress: { phase: 'running', step: before, steps: before + records },
  } as const;
  await post(page, { type: 'show', runs: [{ ...whole, steps: whole.steps.slice(0, before) }], activity, stale: [] });
  await page.waitForTimeout(2 * betweenRecords);
  await browser.startTracing(page, { categories: ['devtools.timeline', 'toplevel', 'cc'] });
  for (const record of whole.steps.slice(before, before + records)) {
    await post(page, { type: 'records', folder: whole.folder, records: [record] });
    await page.waitForTimeout(betweenRecords);
  }
  const trace = JSON.parse((await browser.stopTracing()).toString()) as { readonly traceEvents: TraceEvent[] };
  await page.close();
  const threads = trace.traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid} ${tid}`);
  const events = trace.traceEvents.filter(({ ph, pid, tid }) => ph === 'X' && threads.includes(`${pid} ${tid}`));
  const cost = { script: 0, frame: 0, frames: 0 };
  for (const { name, tdur = 0 } of events) {
    const part = parts[name];
    if (part) cost[part] += tdur / 1000 / records;
    if (name === 'ProxyMain::BeginMainFrame') cost.frames += 1 / records;
  }
  return cost;
}

async function main(): Promise<void> {
  const browser = await launchBrowser();
  const costs: Partial<Record<(typeof tabs)[number], Cost>> = {};
  for (const tab of tabs) costs[tab] = await costOf(browser, tab);
  await browser.close();
  console.log(JSON.stringify(costs));
}

void main();
