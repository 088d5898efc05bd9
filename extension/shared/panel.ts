import type { ErrorWords, Failure } from './errors.ts';
import type { Progress, RunHeader, StepLine } from './protocol.ts';
import type { Words } from './words.ts';

/** Every message between the editor and its webviews. Plain data: it crosses the border as JSON. */

/** Most runs that are laid over each other: as many as there are colours that can be told apart. */
export const mostRuns = 6;

/** A run as the panel shows it; the first of several is the one that the text beside the charts is about. */
export interface PanelRun {
  /** Identifies the run. */
  readonly folder: string;
  readonly name: string;
  readonly header: RunHeader;
  readonly steps: readonly StepLine[];
  /** Its process ended without closing it. */
  readonly interrupted: boolean;
}

/** A file that an error is about, to be opened. */
export interface ShownFile {
  /** Absolute. */
  readonly path: string;
  /** Counted from 1. */
  readonly line?: number;
}

/** What is going on. */
export type Activity =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading' }
  | {
      readonly kind: 'running';
      readonly progress: Progress;
      /** The model that is inspected. */
      readonly title: string;
      /** Of the run that is measured, once there is one: others may be looked at meanwhile. */
      readonly folder?: string;
      /** The user has asked for its end. */
      readonly stopping?: boolean;
      /** A step takes so many seconds; with so many samples it would take two. */
      readonly slow?: { readonly seconds: number; readonly samples: number };
    }
  | {
      readonly kind: 'failed';
      /** What is wrong; where there is a file, it continues the file's name. */
      readonly message: string;
      /** The file that it is about. */
      readonly file?: ShownFile;
      readonly remedy?: string;
      /** What the button offers. */
      readonly retry: 'cpu' | 'again' | 'change';
    };

export type ToPanel =
  | {
      readonly type: 'show';
      readonly runs: readonly PanelRun[];
      readonly activity: Activity;
      readonly stale: readonly string[];
      /** Why runs that were to be shown are not. */
      readonly missing?: readonly string[];
      /** What comparisons of the same training as the first run's found, a sentence each. */
      readonly tried?: readonly string[];
    }
  | { readonly type: 'activity'; readonly activity: Activity }
  | { readonly type: 'records'; readonly folder: string; readonly records: readonly StepLine[] }
  | { readonly type: 'header'; readonly folder: string; readonly header: RunHeader; readonly interrupted: boolean }
  /** What changed since the first run was made; empty: nothing. */
  | { readonly type: 'stale'; readonly reasons: readonly string[] }
  /** The tensors that the line under the cursor creates. */
  | { readonly type: 'highlight'; readonly tensors: readonly string[] };

export const panelActions = [
  'inspect',
  'trySample',
  'stop',
  'rerun',
  'retryOnCpu',
  'change',
  'showLog',
  'openFile',
  'addRun',
  'openRunFolder',
] as const;
export type PanelAction = (typeof panelActions)[number];

export const exportFormats = ['png', 'csv', 'json', 'md'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export type FromPanel =
  | { readonly type: 'ready'; readonly folders: readonly string[] }
  | { readonly type: 'do'; readonly action: PanelAction }
  /** Start what runs anew with fewer samples. */
  | { readonly type: 'fewerSamples'; readonly samples: number }
  | { readonly type: 'removeRun'; readonly folder: string }
  /** Show the line that creates a tensor. */
  | { readonly type: 'reveal'; readonly tensor: string }
  /** `content` is text, or base64 for png. */
  | { readonly type: 'export'; readonly format: ExportFormat; readonly name: string; readonly content: string };

const isText = (value: unknown): value is string => typeof value === 'string';

/** Whether a value that came out of the panel is one of its messages. */
export function isFromPanel(value: unknown): value is FromPanel {
  if (typeof value !== 'object' || value === null) return false;
  const { type, folders, action, folder, tensor, format, name, content, samples } = value as Record<string, unknown>;
  switch (type) {
    case 'ready':
      return Array.isArray(folders) && folders.every(isText);
    case 'do':
      return panelActions.includes(action as PanelAction);
    case 'fewerSamples':
      return Number.isSafeInteger(samples) && (samples as number) > 0;
    case 'removeRun':
      return isText(folder);
    case 'reveal':
      return isText(tensor);
    case 'export':
      return exportFormats.includes(format as ExportFormat) && isText(name) && isText(content);
    default:
      return false;
  }
}

/** What the model page shows of a file. */
export interface ModelPage {
  readonly file: string;
  readonly producer: string;
  readonly opset: number;
  readonly nodes: number;
  readonly inputs: readonly { readonly name: string; readonly type: string; readonly shape: string }[];
  readonly outputs: readonly { readonly name: string; readonly type: string; readonly shape: string }[];
  readonly parameters: readonly {
    readonly name: string;
    /** In the original module, where the exporter renamed it. */
    readonly source?: string;
    readonly shape: string;
    readonly size: number;
    readonly trained: boolean;
    readonly reason: Words;
  }[];
  readonly operators: readonly { readonly op: string; readonly count: number; readonly supported: boolean }[];
  readonly losses: readonly string[];
  /** Why it cannot be differentiated, and what to do; absent where it can. */
  readonly blocked?: ErrorWords;
  readonly warnings: readonly { readonly title: string; readonly detail: Words; readonly remedy: Words }[];
}

export type ToModelPage =
  | { readonly type: 'loading' }
  | { readonly type: 'model'; readonly page: ModelPage; readonly trusted: boolean }
  | { readonly type: 'failed'; readonly failure: Failure };

export type FromModelPage =
  | { readonly type: 'ready' }
  | { readonly type: 'inspect' }
  | { readonly type: 'retry' }
  | { readonly type: 'showLog' };

export function isFromModelPage(value: unknown): value is FromModelPage {
  const type = typeof value === 'object' && value !== null ? (value as { type?: unknown }).type : undefined;
  return type === 'ready' || type === 'inspect' || type === 'retry' || type === 'showLog';
}
