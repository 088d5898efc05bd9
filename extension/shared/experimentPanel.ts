import type { ExperimentHeader } from './experiments.ts';

/** The messages between the editor and the page of an experiment's result. Plain data: they cross the border as JSON. */

export type ToExperimentPage =
  | {
      readonly type: 'show';
      readonly folder: string;
      readonly header: ExperimentHeader;
      /** Whether somebody works on it: this window, another process, or nobody any more. */
      readonly work: 'here' | 'elsewhere' | 'ended';
      /** It was stopped, or its process ended, before it was finished. */
      readonly resumable: boolean;
      /** Points of a sweep whose runs can be laid over each other. */
      readonly runs: number;
    }
  /** How far the work of this window is: a share from 0 to 1, and in words. */
  | { readonly type: 'progress'; readonly share: number; readonly text: string }
  | { readonly type: 'failed'; readonly message: string; readonly remedy?: string };

export const experimentActions = [
  'openFolder',
  'resume',
  'runAgain',
  'compareRuns',
  'exportCsv',
  'cancel',
  'showLog',
] as const;
export type ExperimentAction = (typeof experimentActions)[number];

export type FromExperimentPage =
  /** With the folder that was shown before a reload. */
  | { readonly type: 'ready'; readonly folder?: string }
  | { readonly type: 'do'; readonly action: ExperimentAction }
  /** Base64. */
  | { readonly type: 'picture'; readonly content: string };

/** Whether a value that came out of the page is one of its messages. */
export function isFromExperimentPage(value: unknown): value is FromExperimentPage {
  if (typeof value !== 'object' || value === null) return false;
  const { type, folder, action, content } = value as Record<string, unknown>;
  switch (type) {
    case 'ready':
      return folder === undefined || typeof folder === 'string';
    case 'do':
      return experimentActions.includes(action as ExperimentAction);
    case 'picture':
      return typeof content === 'string';
    default:
      return false;
  }
}
