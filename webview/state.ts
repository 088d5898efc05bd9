import { labelOf, setting } from '../extension/shared/format.ts';
import type { Activity, PanelRun, ToPanel } from '../extension/shared/panel.ts';
import { mostRuns } from '../extension/shared/panel.ts';
import type { RunHeader, RunTensor, StepLine } from '../extension/shared/protocol.ts';
import { grown, hasTensors } from '../extension/shared/steps.ts';
import { isBelievable } from '../extension/shared/verdict.ts';
import { type Measure, measureNamed, measuresOf, sizeOf, strengthMeasure } from './measures.ts';

export const tabIds = ['parameters', 'effect', 'curves', 'edge', 'regimes', 'compare', 'table', 'about'] as const;
export type TabId = (typeof tabIds)[number];
export type SortKey = 'model' | 'name' | 'size' | 'value' | 'valid';

/** What the user chose to look at; survives a reload. */
export interface View {
  readonly tab: TabId;
  /** The measure that the bars show. */
  readonly measure: string;
  readonly sort: SortKey;
  readonly filter: string;
  readonly logarithmic: boolean;
  readonly aboveFloor: boolean;
  /** Column of the table and its direction. */
  readonly column: string;
  readonly descending: boolean;
  readonly selected: string | null;
}

export const firstView: View = {
  tab: 'parameters',
  measure: 'effect',
  sort: 'model',
  filter: '',
  logarithmic: false,
  aboveFloor: false,
  column: 'model',
  descending: false,
  selected: null,
};

/** Everything that the panel shows. */
export interface Model {
  readonly runs: readonly PanelRun[];
  readonly activity: Activity;
  readonly stale: readonly string[];
  /** Why runs that were to be shown are not. */
  readonly missing: readonly string[];
  /** What comparisons of the same training as the first run's found. */
  readonly tried: readonly string[];
  readonly highlighted: readonly string[];
  readonly view: View;
}

/** A panel that nothing has been sent to. */
export const nothingShown: Model = {
  runs: [],
  activity: { kind: 'idle' },
  stale: [],
  missing: [],
  tried: [],
  highlighted: [],
  view: firstView,
};

/** The model after a message of the editor. */
export function receive(model: Model, message: ToPanel): Model {
  switch (message.type) {
    case 'show':
      return {
        ...model,
        runs: message.runs.slice(0, mostRuns),
        activity: message.activity,
        stale: message.stale,
        missing: message.missing ?? [],
        tried: message.tried ?? [],
        highlighted: [],
      };
    case 'activity':
      return { ...model, activity: message.activity };
    case 'records':
      return change(model, message.folder, (run) => ({
        ...run,
        steps: grown(run.header, run.steps, message.records),
      }));
    case 'header':
      return change(model, message.folder, (run) => ({
        ...run,
        header: message.header,
        interrupted: message.interrupted,
      }));
    case 'stale':
      return { ...model, stale: message.reasons };
    case 'highlight':
      return { ...model, highlighted: message.tensors };
  }
}

function change(model: Model, folder: string, replace: (run: PanelRun) => PanelRun): Model {
  return { ...model, runs: model.runs.map((run) => (run.folder === folder ? replace(run) : run)) };
}

/** A saved view, as far as it is one: it may have been written by an older version. */
export function restoreView(saved: unknown): View {
  if (typeof saved !== 'object' || saved === null) return firstView;
  const given = saved as Partial<Record<keyof View, unknown>>;
  const view: Record<string, unknown> = { ...firstView };
  for (const key of Object.keys(firstView) as (keyof View)[]) {
    if (key === 'selected' ? typeof given[key] === 'string' : typeof given[key] === typeof firstView[key])
      view[key] = given[key];
  }
  if (!tabIds.includes(view.tab as TabId)) view.tab = firstView.tab;
  return view as unknown as View;
}

/** One tensor, or the whole model, at one step. */
export interface Row {
  readonly name: string;
  /** What it is called. */
  readonly label: string;
  readonly size: number;
  readonly shape: readonly number[];
  readonly value: number | null | undefined;
  readonly valid: number | null | undefined;
  /** What the theory predicts for the effect. */
  readonly predicted: number | null | undefined;
  /** The theory holds there. */
  readonly holds: boolean;
  /** The value means something: it is measured, or the theory holds. */
  readonly believable: boolean;
}

/** The tensors of a run at a step, filtered and sorted for the bars. */
export function rows(run: PanelRun, line: StepLine, view: Pick<View, 'measure' | 'sort' | 'filter'>): Row[] {
  const measure = measureNamed(view.measure);
  const all = run.header.tensors.map((tensor): Row => {
    const { name, shape } = tensor;
    const fields = line.tensors[name];
    return {
      name,
      label: labelOf(tensor),
      shape,
      size: sizeOf(shape),
      value: fields && measure.value(fields, line),
      valid: fields?.validShare,
      predicted: fields?.effectPredicted,
      holds: fields !== undefined && isBelievable(fields),
      believable: fields !== undefined && (!measure.theoretical || isBelievable(fields)),
    };
  });
  const found = all.filter(({ name, label }) => isFound({ name, source: label }, view.filter));
  switch (view.sort) {
    case 'model':
      return found;
    case 'name':
      return found.sort((a, b) => a.label.localeCompare(b.label, 'en', { numeric: true }));
    case 'size':
      return found.sort((a, b) => b.size - a.size);
    case 'value':
      return found.sort((a, b) => Math.abs(b.value ?? 0) - Math.abs(a.value ?? 0));
    case 'valid':
      return found.sort((a, b) => (b.valid ?? 0) - (a.valid ?? 0));
  }
}

/** The measure that bars show: the effect only of runs that have one. */
export function barMeasure(run: PanelRun, view: Pick<View, 'measure'>): Measure {
  const measure = measureNamed(view.measure);
  return measuresOf(run).includes(measure) ? measure : strengthMeasure;
}

/** Whether a tensor has a name with the words of a filter, in the model or in the file. */
export const isFound = ({ name, source }: Pick<RunTensor, 'name' | 'source'>, filter: string): boolean =>
  matches(name, filter) || (source !== undefined && matches(source, filter));

/** Words that must all occur; `*` stands for anything. */
export function matches(name: string, filter: string): boolean {
  const lower = name.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => {
      let from = 0;
      return word.split('*').every((part) => {
        const at = lower.indexOf(part, from);
        from = at + part.length;
        return at >= 0;
      });
    });
}

/** At most `most` lines of a run that have a correction and the values of each tensor, evenly, and the last of them. */
export function sampled({ steps }: PanelRun, most: number): readonly StepLine[] {
  const whole = steps.filter(hasTensors);
  const corrected = whole.filter(({ kappa }) => kappa !== undefined);
  const lines = corrected.length > 0 ? corrected : whole;
  const stride = Math.ceil(lines.length / most);
  return lines.filter((_, i) => i % stride === 0 || i === lines.length - 1);
}

/** The values of a measure at lines of a run: of a tensor, or of the model where `tensor` is undefined. */
export function series(
  lines: readonly StepLine[],
  measure: Measure,
  tensor?: string,
): { step: number; value: number }[] {
  return lines.flatMap((line) => {
    const fields = tensor === undefined ? line : line.tensors[tensor];
    const value = fields && measure.value(fields, line);
    return typeof value === 'number' && Number.isFinite(value) ? [{ step: line.step, value }] : [];
  });
}

/** What two or more runs do not have in common, by run: `lr 0.001`, `model a.onnx`; what is off or 0 is not mentioned. */
export function differences(runs: readonly Pick<PanelRun, 'header'>[]): string[][] {
  const settings = runs.map(({ header }) => settingsOf(header));
  const keys = [...new Set(settings.flatMap((each) => [...each.keys()]))];
  const differing = keys.filter((key) => new Set(settings.map((each) => each.get(key) ?? '0')).size > 1);
  const off = new Set<string | undefined>([undefined, '0', 'false', 'outside']);
  const inAll = (key: string) => settings.every((each) => each.has(key));
  return settings.map((each) =>
    differing.flatMap((key) => (off.has(each.get(key)) && !inAll(key) ? [] : [`${key} ${each.get(key)}`])),
  );
}

function settingsOf({ model, data, loss, optimizer, request, dtype, device }: RunHeader): Map<string, string> {
  const file = (path: string) => path.split(/[/\\]/).at(-1) ?? path;
  return new Map(
    Object.entries({
      model: file(model.path),
      data: data.files.map(file).join(', '),
      samples: data.samples,
      loss,
      optimizer: optimizer.title,
      ...optimizer.hyper,
      schedule: request.schedule?.kind ?? 'constant',
      steps: request.steps,
      dtype,
      device,
    }).map(([key, value]) => [key, setting(value)]),
  );
}
