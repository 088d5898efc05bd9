import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
import { readSteps } from '../../extension/runStore/steps.ts';
import type { InspectRequest } from '../../extension/shared/request.ts';
import { missing, python } from '../support/python.ts';
import { picture } from './pictures.ts';
import { type Server, startServer } from './rig/server.ts';
import { eventually, launchBrowser, textOf, Workbench } from './rig/workbench.ts';

// Projects as users have them, from the training script to the panel with a real PyTorch.
interface Project {
  readonly name: string;
  readonly needs: readonly string[];
  /** The file in which the way begins, the text that is clicked there, and the lens. */
  readonly open: string;
  readonly text: string;
  readonly lens: string;
  readonly script: string;
  readonly arguments: readonly string[];
  /** What the training has, as its configuration says it. */
  readonly batch: number;
  readonly clip: number;
  /** What stands in the sheet, in its words. */
  readonly rows: readonly string[];
}

const projects: readonly Project[] = [
  {
    name: 'characters',
    needs: ['torch', 'onnx', 'onnxscript', 'yaml'],
    open: 'train.py',
    text: 'no_decay = [p for p',
    lens: 'Export from This Script…',
    script: 'train.py',
    arguments: ['--config', 'configs/base.yaml'],
    batch: 32,
    clip: 1,
    rows: ['Batch size: 32', 'Schedule: table', 'weight_decay 0', '256 of 4130 samples', 'dropout off'],
  },
  {
    name: 'hugging-face',
    needs: ['torch', 'onnx', 'onnxscript', 'transformers', 'accelerate', 'yaml'],
    open: 'train.py',
    text: 'parser = HfArgumentParser(',
    lens: 'Export from This Script…',
    script: 'train.py',
    arguments: ['config.yaml'],
    batch: 16,
    clip: 0.5,
    rows: ['Batch size: 16', 'Schedule: table', 'weight_decay 0', '256 of 600 samples', 'dropout off'],
  },
  {
    name: 'lightning-cli',
    needs: ['torch', 'onnx', 'onnxscript', 'lightning', 'jsonargparse'],
    open: 'configs/fit.yaml',
    text: 'optimizer',
    lens: 'Export from Its Script…',
    script: 'main.py',
    arguments: ['fit', '--config', 'configs/fit.yaml'],
    batch: 12,
    clip: 1,
    rows: ['Batch size: 12', 'Schedule: table', 'of 480 samples', 'dropout off'],
  },
];

interface Truth {
  readonly groups: readonly {
    readonly names: readonly string[];
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly lr: number;
  }[];
  readonly path: readonly { readonly loss: number; readonly lr: number }[];
}

/** The text of all rows of a list that shows some of them at a time, with the first one active before and after. */
async function rowsOf(page: Page, list: Locator): Promise<string> {
  const rows = new Map<number, string>();
  for (;;) {
    const active = list.locator('.monaco-list-row.focused').first();
    const at = Number(await active.getAttribute('data-index'));
    if (rows.has(at)) return [...rows.values()].join('\n');
    rows.set(at, (await textOf(active)).replace(/\s+/g, ' '));
    await page.keyboard.press('ArrowDown');
    await eventually(
      () => list.locator('.monaco-list-row.focused').first().getAttribute('data-index'),
      (index) => index !== String(at),
    );
  }
}

const folder = resolve('test', 'e2e', 'projects');
const filesOf = (name: string): Record<string, string> => {
  const root = join(folder, name);
  const paths = readdirSync(root, { recursive: true }).map((path) => join(root, String(path)));
  const files = paths.filter((path) => statSync(path).isFile() && !path.includes('__pycache__'));
  return Object.fromEntries(files.map((path) => [relative(root, path), path]));
};

for (const project of projects) {
  const skip = missing(project.needs);
  describe(`${project.name}: from the training script to the panel`, {
    timeout: 1_800_000,
    skip: skip.length > 0 && `PYTHON names no Python with ${skip.join(', ')}`,
  }, () => {
    let server: Server;
    let browser: Browser;
    let workbench: Workbench;
    let clicks = 0;

    before(async () => {
      server = await startServer({
        files: Object.fromEntries(
          Object.entries(filesOf(project.name)).map(([path, from]) => [path, readFileSync(from, 'utf8')]),
        ),
        settings: {
          'optimizerBias.python.interpreter': python,
          // Neither lies over a lens.
          'editor.hover.enabled': false,
          'editor.stickyScroll.enabled': false,
        },
      });
      browser = await launchBrowser();
      workbench = await Workbench.open(browser, server);
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });

    const sheet = () => workbench.page.locator('.quick-input-widget:visible');

    test('the export is shown with its command line, and two clicks later the panel has what the training has', async (t) => {
      const { page } = workbench;
      const editor = await workbench.openFile(project.open);
      await workbench.host((vscode, text) => {
        const shown = vscode.window.activeTextEditor!;
        const at = shown.document.positionAt(shown.document.getText().indexOf(text));
        shown.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenter);
      }, project.text);
      await workbench.click(editor, project.text);
      // An earlier one may stand above what is shown.
      await page.locator('.codelens-decoration a', { hasText: project.lens }).last().click();
      const run = page.locator('.codelens-decoration a', { hasText: 'Run in Terminal, Then Inspect' }).first();
      await run.waitFor();
      const name = `export_${project.script}`;
      const written = readFileSync(join(server.workspace, name), 'utf8');
      assert.ok(
        written.includes(`ARGUMENTS = [${project.arguments.map((text) => JSON.stringify(text)).join(', ')}]`),
        written,
      );
      await picture(page, `clicks-${project.name}-export`);
      const begun = Date.now();
      await run.click();
      clicks++;
      await sheet()
        .locator('.monaco-list-row', { hasText: 'Inspect optimizer-bias/model.onnx' })
        .first()
        .waitFor({ timeout: 600_000 });
      const exported = Date.now();
      await picture(page, `clicks-${project.name}-sheet`);
      const shown = await rowsOf(page, sheet());
      for (const row of project.rows) assert.ok(shown.includes(row), `${row} in ${shown}`);
      assert.doesNotMatch(shown, /to be asked|: \?/);
      await sheet().locator('.monaco-list-row', { hasText: 'Inspect optimizer-bias/model.onnx' }).first().click();
      clicks++;
      const frame = workbench.webview();
      await frame.locator('.activity', { hasText: /Finished/ }).waitFor({ timeout: 900_000 });
      t.diagnostic(
        `${clicks} clicks; ${(exported - begun) / 1000} s to the sheet, ${(Date.now() - exported) / 1000} s to the end of the run`,
      );
      for (const [theme, kind] of [
        ['Light Modern', 1],
        ['Dark Modern', 2],
      ] as const) {
        await workbench.configure({ 'workbench.colorTheme': theme });
        await eventually(
          () => workbench.host((vscode) => vscode.window.activeColorTheme.kind),
          (found) => found === kind,
        );
        await picture(page, `clicks-${project.name}-panel-${theme.slice(0, 5).trim().toLowerCase()}`);
      }
      assert.equal(clicks, 2);
    });

    test('settings, learning rates and losses of an epoch are those of the script in PyTorch', () => {
      const [run] = readdirSync(join(server.workspace, 'runs'));
      const { request } = JSON.parse(readFileSync(join(server.workspace, 'runs', run!, 'run.json'), 'utf8')) as {
        request: InspectRequest;
      };
      const { clip, batch, script } = project;
      const options = ['optimizer-bias/data.npz', `${clip}`, `${batch}`, script, ...project.arguments];
      const answer = execFileSync(python, [join(folder, 'truth.py'), ...options], {
        cwd: server.workspace,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const truth = JSON.parse(answer) as Truth;
      assert.equal(request.optimizer, 'adamw');
      assert.deepEqual([request.batchSize, request.clipNorm], [project.batch, project.clip]);
      const { lr, beta1, beta2, eps, weight_decay } = request.hyper as Record<string, number>;
      const decays = new Set([weight_decay, ...(request.groups ?? []).map(({ hyper }) => hyper.weight_decay)]);
      for (const group of truth.groups)
        assert.deepEqual([lr, beta1, beta2, eps], [group.lr, ...group.betas, group.eps]);
      assert.deepEqual([...decays].sort(), [...new Set(truth.groups.map((group) => group.weight_decay))].sort());
      // On mini-batches, all samples are measured at the start and once an epoch.
      const measured = [...readSteps(join(server.workspace, 'runs', run!))].filter(
        ({ step }) => step < truth.path.length,
      );
      assert.deepEqual(
        measured.map(({ step }) => step),
        [0, truth.path.length - 1],
      );
      for (const { step, loss } of measured) {
        const expected = truth.path[step]!;
        assert.ok(Math.abs(loss! / expected.loss - 1) < 2e-5, `step ${step}: ${loss}, in PyTorch ${expected.loss}`);
      }
      for (const [i, expected] of truth.path.entries()) {
        const factor = request.schedule?.factors?.[i] ?? 1;
        assert.ok(
          Math.abs(lr! * factor - expected.lr) < 1e-9,
          `step ${i}: lr ${lr! * factor}, in PyTorch ${expected.lr}`,
        );
      }
    });
  });
}
