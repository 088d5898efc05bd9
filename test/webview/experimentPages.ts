import type { Browser, Page } from 'playwright-core';
import type { FromExperimentPage, ToExperimentPage } from '../../extension/shared/experimentPanel.ts';
import type { ExperimentHeader, ExperimentResult } from '../../extension/shared/experiments.ts';
import { agreeing } from '../../extension/shared/experimentVerdict.ts';
import { deliver } from './deliver.ts';
import { openPage, toldBy } from './openPage.ts';

export const hostile = '<img src=x onerror="document.title=1">\u202egpj.exe';

export const result = (more: Partial<ExperimentResult> = {}): ExperimentResult => ({
  ...agreeing('The norm rises from 1 to 2', ''),
  numbers: {},
  tables: [
    {
      title: 'Points',
      columns: ['', 'loss', 'valid'],
      rows: [
        ['beta2=0.9', 0.25, '90.0 %'],
        ['beta2=0.99', null, '–'],
      ],
    },
  ],
  charts: [
    {
      id: 'loss',
      title: 'Loss',
      x: { label: 'step' },
      y: { label: 'loss', scale: 'log' },
      series: [
        { label: 'beta2=0.9', x: [0, 1, 2], y: [1, 0.5, 0] },
        { label: 'beta2=0.99', x: [0, 1, 2], y: [1, null, 0.1] },
        { label: '', style: 'reference', x: [0, 2], y: [1, 1] },
      ],
    },
  ],
  notes: ['Full batch.'],
  ...more,
});

export const header = (more: Partial<ExperimentHeader> = {}): ExperimentHeader => ({
  format: 1,
  status: 'finished',
  started: '2026-01-02T03:04:05Z',
  process: 1,
  tool: 'tool 1',
  name: 'sweep',
  title: 'Sweep over beta2',
  figure: 'Figure 6',
  parameters: { beta2: '0.9,0.99', start: [1, 2] },
  result: result(),
  ...more,
});

type Shown = Extract<ToExperimentPage, { type: 'show' }>;
export const message = (
  more: Partial<ExperimentHeader> = {},
  resumable = false,
  work: Shown['work'] = 'ended',
): Shown => ({
  type: 'show',
  folder: '/runs/a',
  header: header(more),
  work,
  resumable,
  runs: 2,
});

export const open = (browser: Browser, saved?: unknown) => openPage(browser, 'experiment', { width: 1000, saved });

export const post = (page: Page, message: ToExperimentPage) => deliver(page, message);
export const told = (page: Page) => toldBy(page) as Promise<FromExperimentPage[]>;
