import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { noEffect } from '../../extension/shared/effectWords.ts';
import { percent, tensorLabel, thousands } from '../../extension/shared/format.ts';
import type { StepLine } from '../../extension/shared/protocol.ts';
import { hedged } from '../../extension/shared/verdict.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { Kept } from '../kept.ts';
import {
  lineOf,
  type Measure,
  measuresOf,
  predictedMeasure,
  sideOf,
  strengthMeasure,
  validMeasure,
} from '../measures.ts';
import { useOnScreen } from '../onScreen.ts';
import { barMeasure, type Row, rows, type SortKey, sampled, series } from '../state.ts';
import { inFile, type Names, namesAmong, TensorName } from '../tensorName.tsx';
import { Dropdown, FilterField } from '../toolkit.tsx';
import { type Actions, isRunning, tabClass, type ViewProps } from './view.ts';

/** Most bars at once; the filter finds the others. */
const mostRows = 400;
/** Most points of a sparkline. */
export const mostPoints = 60;

const sorts: readonly (readonly [SortKey, string])[] = [
  ['model', 'order in the model'],
  ['value', 'magnitude'],
  ['valid', 'validity'],
  ['size', 'size'],
  ['name', 'name'],
];

/** A bar for each parameter tensor. */
export function ParametersView({ shown, actions }: ViewProps) {
  const { run, view } = shown;
  const measure = barMeasure(run, view);
  const line = lineOf(measure, shown);
  return (
    <div class={tabClass(shown)}>
      <div class="toolbar">
        <Dropdown
          label="Bars"
          choices={measuresOf(run).flatMap(({ id, title, ends }) => (ends ? [[id, title] as const] : []))}
          value={barMeasure(run, view).id}
          change={(measure) => actions.look({ measure })}
        />
        <Dropdown
          label="Sort by"
          choices={sorts}
          value={view.sort}
          change={(sort) => actions.look({ sort: sort as SortKey })}
        />
        <FilterField label="Filter tensors" value={view.filter} change={(filter) => actions.look({ filter })} />
      </div>
      {line ? (
        <Bars shown={shown} measure={measure} line={line} actions={actions} />
      ) : (
        <p class="dim">
          {measure.measured
            ? (noEffect(run.header, undefined) ?? 'The reference has not come as far yet.')
            : run.header.notApplicable
              ? 'There are no corrections to show; see the curves.'
              : 'Nothing has been measured yet.'}
        </p>
      )}
    </div>
  );
}

function Bars({ shown, measure, line, actions }: ViewProps & { readonly measure: Measure; readonly line: StepLine }) {
  const { run, view, highlighted } = shown;
  const list = useRef<HTMLDivElement>(null);
  const isOnScreen = useOnScreen(list);
  const all = rows(run, line, { ...view, measure: measure.id });
  const visible = all.slice(0, mostRows);
  const names = visible.map(({ name }) => name);
  let [low, high] = [0, 0];
  for (const { value } of visible) [low, high] = [Math.min(low, value ?? 0), Math.max(high, value ?? 0)];
  const lines = sampled(run, mostPoints);
  const labels = visible.map(({ label }) => label);
  const column = useMemo(() => namesAmong(labels), [labels.join('\n')]);
  /** Ahead of what is drawn, since keys may be faster. */
  const selected = useRef(view.selected);
  selected.current = view.selected;
  useBringIntoView(list, names, view.selected, highlighted);
  const key = (event: KeyboardEvent) => {
    const at = selected.current === null ? -1 : names.indexOf(selected.current);
    const last = names.length - 1;
    const next = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (next !== undefined && names[next] !== undefined) {
      selected.current = names[next];
      actions.select(names[next], false);
    } else if (event.key === 'Enter' && at >= 0) actions.select(names[at], true);
    else if (event.key === 'Escape') actions.select(null, false);
    else return;
    event.preventDefault();
  };
  const chosen = view.selected === null ? -1 : names.indexOf(view.selected);
  return (
    <div style={column.widths}>
      <Axis measure={measure} low={low} high={high} />
      <div
        ref={list}
        class="bars"
        role="listbox"
        aria-label="Parameter tensors"
        tabIndex={0}
        onKeyDown={key}
        aria-activedescendant={chosen >= 0 ? `bar-${chosen}` : undefined}
      >
        {visible.map((row, i) => {
          const placed = `${run.folder} ${column.brief(row.label)} ${column.whole(row.label)} ${measure.id} ${i} ${row.name === view.selected} ${highlighted.includes(row.name)}`;
          return (
            <Kept key={row.name} placed={placed} fresh={!isRunning(shown) || isOnScreen(row.name)}>
              {() => (
                <BarRow
                  row={row}
                  names={column}
                  index={i}
                  isSelected={row.name === view.selected}
                  isAtCursor={highlighted.includes(row.name)}
                  measure={measure}
                  lines={lines}
                  low={low}
                  span={high - low || 1}
                  actions={actions}
                />
              )}
            </Kept>
          );
        })}
      </div>
      <p class="dim">{note(all, visible)}</p>
    </div>
  );
}

function note(all: readonly Row[], visible: readonly Row[]): string {
  if (all.length === 0) return 'No tensor has such a name.';
  const hidden =
    all.length > visible.length
      ? ` ${thousands(all.length - visible.length)} more tensors: narrow the filter to see them.`
      : '';
  const hatched = visible.some(({ believable }) => !believable)
    ? 'Hatched: the first-order theory does not hold there (valid for fewer than half of the coordinates, or self-check above 1).'
    : '';
  return `${hatched}${hidden}`;
}

function Axis({ measure, low, high }: { readonly measure: Measure; readonly low: number; readonly high: number }) {
  const [negative, positive] = measure.ends ?? ['', ''];
  return (
    <div class="bar-axis">
      <span />
      <span class="ends" title={measure.about}>
        <span>{low < 0 ? `◂ ${negative}` : ''}</span>
        <span>{high > 0 ? `${positive} ▸` : ''}</span>
      </span>
      <span class="numeric">{measure.title}</span>
      <span class="numeric" title={(measure.measured ? predictedMeasure : validMeasure).about}>
        {measure.measured ? 'predicted' : 'valid'}
      </span>
      <span class="spark-head">over run</span>
    </div>
  );
}

interface BarRowProps {
  readonly row: Row;
  readonly names: Names;
  readonly index: number;
  readonly isSelected: boolean;
  readonly isAtCursor: boolean;
  readonly measure: Measure;
  readonly lines: readonly StepLine[];
  readonly low: number;
  readonly span: number;
  readonly actions: Actions;
}

function BarRow({ row, names, index, isSelected, isAtCursor, measure, lines, low, span, actions }: BarRowProps) {
  const value = row.value ?? 0;
  const at = (position: number) => (100 * (position - low)) / span;
  const end = measure.ends?.[value < 0 ? 0 : 1] ?? '';
  const theory = !measure.measured
    ? `, valid ${percent(row.valid)}`
    : typeof row.predicted === 'number'
      ? `, predicted ${hedged(predictedMeasure.text(row.predicted), row.holds)}`
      : '';
  const spoken = `${tensorLabel(row.label, 80)}: ${value === 0 || measure === strengthMeasure ? '' : `${end} `}${measure.text(row.value)}${theory}${row.holds ? '' : ', theory does not hold'}`;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus, and names the active one
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list handles the keys
    <div
      class={`bar-row${row.believable ? '' : ' doubtful'}${isAtCursor ? ' at-cursor' : ''}`}
      role="option"
      id={`bar-${index}`}
      data-row={row.name}
      aria-selected={isSelected}
      aria-label={spoken}
      title={`${inFile(row)}  [${row.shape.join(', ')}]\n${spoken}\nClick: select; double click: show the line that creates it`}
      onClick={() => actions.select(row.name, false)}
      onDblClick={() => actions.select(row.name, true)}
    >
      <span class="name">
        <TensorName name={row.label} names={names} />
      </span>
      <span class="bar-box">
        <span
          class={`bar-fill ${sideOf(measure, value)}${row.believable ? '' : ' hatched'}`}
          style={{ left: `${Math.min(at(0), at(value))}%`, width: `${Math.abs(at(value) - at(0))}%` }}
        />
        <span class="bar-zero" style={{ left: `${at(0)}%` }} />
      </span>
      <span class="numeric">{(measure.brief ?? measure.text)(row.value)}</span>
      {measure.measured ? (
        <span class={`numeric${row.holds ? '' : ' dim'}`}>
          {hedged(predictedMeasure.text(row.predicted), row.holds)}
        </span>
      ) : (
        <span class="numeric">{percent(row.valid)}</span>
      )}
      <Sparkline points={series(lines, measure, row.name)} />
    </div>
  );
}

/** Scrolls to what has just been selected, or is at the cursor in the code now; the reader may have scrolled on since. */
function useBringIntoView(
  list: { readonly current: HTMLElement | null },
  names: readonly string[],
  selected: string | null,
  highlighted: readonly string[],
): void {
  const inView = useRef<string | null>(null);
  useLayoutEffect(() => {
    const target =
      (selected !== null && names.includes(selected) ? selected : undefined) ??
      highlighted.find((name) => names.includes(name)) ??
      null;
    if (target === inView.current) return;
    inView.current = target;
    if (target !== null) list.current?.children[names.indexOf(target)]?.scrollIntoView({ block: 'nearest' });
  });
}
