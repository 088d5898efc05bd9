import type { FromPanel, PanelRun } from '../../extension/shared/panel.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import type { Model, View } from '../state.ts';

/** What a view may do. */
export interface Actions {
  post(message: FromPanel): void;
  /** Changes what is looked at. */
  look(change: Partial<View>): void;
  /** Selects a tensor in every view; `reveal` also shows the line that creates it. */
  select(tensor: string | null, reveal: boolean): void;
  /** Brings "About the numbers" to the front, at a measure. */
  explain(measure: string): void;
}

/** The model, and the run that the text is about at the step that its numbers are from. */
export interface Shown extends Model {
  readonly run: PanelRun;
  /** The last line with a correction; undefined before there is one. */
  readonly line: StepLine | undefined;
  /** The last line at which the measured effect is defined. */
  readonly effectLine: StepLine | undefined;
}

/** What a tab is drawn from. */
export interface ViewProps {
  readonly shown: Shown;
  readonly actions: Actions;
}

/** The class of a tab: dimmed where it is of an earlier state. */
export const tabClass = ({ stale }: Shown, more = ''): string =>
  `tab${more && ` ${more}`}${stale.length > 0 ? ' stale' : ''}`;

/** Its numbers may change several times a second. */
export const isRunning = ({ activity }: Shown): boolean => activity.kind === 'running';
