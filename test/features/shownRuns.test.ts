import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../extension/features/inspect/pace.ts';
import { ShownRuns } from '../../extension/features/panel/shownRuns.ts';
import type { PanelRun, ToPanel } from '../../extension/shared/panel.ts';
import { type Model, nothingShown, receive } from '../../webview/state.ts';
import { run } from '../webview/runs.ts';

const [A, B] = [run({ folder: '/runs/a', steps: 9 }), run({ folder: '/runs/b', steps: 2 })];
const running = { ...A.header, status: 'running' } as const;
const stepsOf = ({ steps }: PanelRun) => steps.map(({ step }) => step);

/** The editor's side and the page's, as their messages connect them. */
function connected() {
  let page: Model = nothingShown;
  const send = (message: ToPanel) => {
    page = receive(page, message);
  };
  const shown = new ShownRuns(send, async (folder) => (folder === A.folder ? { header: A.header, interrupted: false } : undefined)); // biome-ignore format: one expression
  const tell = () => send({ type: 'show', runs: shown.runs, activity: shown.activity, stale: [] });
  return {
    shown,
    follow: (event: Parameters<typeof shown.follow>[0]) => shown.follow(event) && tell(),
    open: (runs: readonly PanelRun[]) => {
      shown.show(runs);
      tell();
    },
    get page() {
      return page;
    },
  };
}

const record = (step: number) => ({ type: 'record', folder: A.folder, record: A.steps[step] }) as const;

test('another run that is opened while an inspection goes on gets none of its records', async () => {
  const both = connected();
  both.follow({ type: 'starting', title: 'a.onnx' });
  both.follow({ type: 'started', folder: A.folder, header: running });
  both.follow(record(0));
  both.follow(record(1));
  both.shown.flush();
  assert.deepEqual(stepsOf(both.page.runs[0]), [0, 1]);
  // What is on its way when the other one is opened is of the first, too.
  both.follow(record(2));
  both.open([B]);
  both.follow(record(3));
  both.shown.flush();
  assert.deepEqual(both.shown.runs, [B]);
  assert.deepEqual(both.page.runs, [B]);
  both.open([B, { ...A, header: running, steps: A.steps.slice(0, 4) }]);
  both.follow(record(4));
  both.shown.flush();
  assert.deepEqual(both.page.runs.map(stepsOf), [stepsOf(B), [0, 1, 2, 3, 4]]);
  both.follow(record(5));
  both.follow({ type: 'ended', folder: A.folder, title: 'a.onnx', failure: undefined });
  await new Promise(setImmediate);
  assert.deepEqual(both.page.runs.map(stepsOf), [stepsOf(B), [0, 1, 2, 3, 4, 5]]);
  assert.deepEqual(
    both.page.runs.map(({ header }) => header),
    [B.header, A.header],
  );
});

test('a run that is opened before the inspection has a folder stays; failures of what is not shown name it', () => {
  const both = connected();
  both.follow({ type: 'starting', title: 'a.onnx' });
  both.open([B]);
  both.follow({ type: 'started', folder: A.folder, header: running });
  both.follow(record(0));
  both.shown.flush();
  assert.deepEqual(both.page.runs, [B]);
  const failure = { message: 'Cause.', remedy: undefined, retry: 'again' } as const;
  both.follow({ type: 'ended', folder: A.folder, title: 'a.onnx', failure });
  assert.deepEqual(both.page.activity, { kind: 'failed', ...failure, message: 'a.onnx: Cause.' });
  assert.deepEqual(both.page.runs, [B]);
});

test('what is being stopped is said at once', () => {
  const both = connected();
  both.follow({ type: 'starting', title: 'a.onnx' });
  both.follow({ type: 'stopping', title: 'a.onnx' });
  both.shown.flush();
  assert.equal(both.page.activity.kind === 'running' && both.page.activity.stopping, true);
});

test('steps that are long to wait for: how many samples would do', () => {
  const told = (samples: number, ...times: [step: number, seconds: number][]) => {
    const pace = new Pace(samples);
    return times.map(([step, seconds]) => pace.add(step, 1000 * seconds)).filter(Boolean);
  };
  // The first record, which has loaded the program, does not count.
  assert.deepEqual(told(60_000, [0, 0], [1, 90], [2, 104], [3, 118]), [{ seconds: 14, samples: 5000 }]);
  assert.deepEqual(told(1797, [0, 0], [1, 5], [2, 5.1]), []);
  assert.deepEqual(told(100, [0, 0], [10, 10], [20, 50]), [{ seconds: 4, samples: 50 }]);
  const both = connected();
  both.follow({ type: 'starting', title: 'a.onnx' });
  both.follow({ type: 'slow', slow: { seconds: 14, samples: 5000 } });
  both.shown.flush();
  assert.deepEqual(both.page.activity.kind === 'running' && both.page.activity.slow, { seconds: 14, samples: 5000 });
});
