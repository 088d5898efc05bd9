import { useRef } from 'preact/hooks';
import { labelOf, setting, tensorLabels, thousands } from '../../extension/shared/format.ts';
import { groupLines, groupOf } from '../../extension/shared/groupLabel.ts';
import type { RunHeader, StepLine } from '../../extension/shared/protocol.ts';
import { hedged, isBelievable } from '../../extension/shared/verdict.ts';
import { Sparkline } from '../charts/sparkline.tsx';
import { Kept } from '../kept.ts';
import { lineOf, measureNamed, measuresOf, sizeOf } from '../measures.ts';
import { useOnScreen } from '../onScreen.ts';
import { useRovingFocus } from '../rovingFocus.ts';
import { barMeasure, isFound, sampled, series } from '../state.ts';
import { inFile } from '../tensorName.tsx';
import { FilterField } from '../toolkit.tsx';
import { mostPoints } from './parameters.tsx';
import { type Actions, isRunning, type Shown, tabClass, type ViewProps } from './view.ts';

interface Entry {
  readonly name: string;
  readonly label: string;
  readonly shape: readonly number[];
}

/** Every measure of every tensor. */
export function TableView({ shown, actions }: ViewProps) {
  const { run, line, view, highlighted } = shown;
  const body = useRef<HTMLTableSectionElement>(null);
  const isOnScreen = useOnScreen(body);
  useRovingFocus(body, 'th button');
  const lines = sampled(run, mostPoints);
  const text = tensorLabels(run.header.tensors.map(labelOf), 48);
  return (
    <div class={tabClass(shown)}>
      <div class="toolbar">
        <FilterField label="Filter tensors" value={view.filter} change={(filter) => actions.look({ filter })} />
      </div>
      <div class="scroll-x">
        <table class="grid">
          <caption class="spoken">Measures by parameter tensor</caption>
          <thead>{line && <Heads shown={shown} actions={actions} />}</thead>
          <tbody ref={body}>
            {line &&
              entriesOf(shown, line).map((entry) => {
                const look = `${entry.name === view.selected ? 'selected' : ''}${highlighted.includes(entry.name) ? ' at-cursor' : ''}`;
                return (
                  <Kept
                    key={entry.name}
                    placed={`${run.folder} ${view.measure} ${look}`}
                    fresh={!isRunning(shown) || isOnScreen(entry.name)}
                  >
                    {() => (
                      <TensorRow
                        {...entry}
                        text={text(entry.label)}
                        look={look}
                        shown={shown}
                        lines={lines}
                        actions={actions}
                      />
                    )}
                  </Kept>
                );
              })}
          </tbody>
          <tfoot>
            {line && (
              <tr>
                <th scope="row">all</th>
                <td class="numeric">{thousands(run.header.model.parameters)}</td>
                {run.header.groups && <td colSpan={groupColumns.length} />}
                <Cells shown={shown} />
                <td>
                  <Sparkline points={series(lines, barMeasure(run, view))} />
                </td>
              </tr>
            )}
          </tfoot>
        </table>
      </div>
      {groupLines(run.header).map((text) => (
        <p key={text} class="dim">
          {text}
        </p>
      ))}
      <p class="dim">
        {line
          ? `Step ${line.step}. Dim and in parentheses: the first-order theory does not hold there.`
          : 'Nothing has been measured yet.'}
      </p>
    </div>
  );
}

/** The tensors that the filter finds, in the order of the chosen column. */
function entriesOf(shown: Shown, line: StepLine): Entry[] {
  const { run, view } = shown;
  const entries = run.header.tensors.flatMap((tensor): Entry[] => {
    const { name, shape } = tensor;
    const isListed = line.tensors[name] !== undefined && isFound(tensor, view.filter);
    return isListed ? [{ name, label: labelOf(tensor), shape }] : [];
  });
  if (view.column === 'model') return entries;
  const measure = measureNamed(view.column);
  const at = lineOf(measure, shown);
  const key = ({ name, label, shape }: Entry): number | string => {
    if (view.column === 'name') return label;
    if (view.column === 'size') return sizeOf(shape);
    const fields = at?.tensors[name];
    return (at && fields && measure.value(fields, at)) ?? Number.NEGATIVE_INFINITY;
  };
  const direction = view.descending ? -1 : 1;
  return entries.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return direction * (typeof x === 'string' ? x.localeCompare(String(y), 'en', { numeric: true }) : x - Number(y));
  });
}

function Heads({ shown, actions }: ViewProps) {
  const { run, view } = shown;
  return (
    <tr>
      <Column id="name" title="Tensor" about="Name of the initializer in the model" view={view} actions={actions} />
      <Column id="size" title="Size" about="Number of parameters" numeric view={view} actions={actions} />
      {run.header.groups &&
        groupColumns.map((title) => (
          <th key={title} scope="col" class="numeric">
            {title}
          </th>
        ))}
      {measuresOf(run).map(({ id, title, about }) => (
        <Column key={id} id={id} title={title} about={about} numeric view={view} actions={actions} />
      ))}
      <th scope="col">{barMeasure(run, view).title} over the run</th>
    </tr>
  );
}

interface ColumnProps {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly numeric?: boolean;
  readonly view: Shown['view'];
  readonly actions: Actions;
}

function Column({ id, title, about, numeric = false, view, actions }: ColumnProps) {
  const sorted = view.column === id;
  const next =
    sorted && view.descending === numeric
      ? { column: id, descending: !numeric }
      : sorted
        ? { column: 'model', descending: false }
        : { column: id, descending: numeric };
  return (
    <th
      scope="col"
      class={numeric ? 'numeric' : ''}
      aria-sort={sorted ? (view.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" class="sort" title={about} onClick={() => actions.look(next)}>
        {title}
        {sorted && <span aria-hidden="true">{view.descending ? ' ▾' : ' ▴'}</span>}
      </button>
    </th>
  );
}

interface TensorRowProps extends Entry {
  /** The label as it fits beside its neighbours. */
  readonly text: string;
  readonly look: string;
  readonly shown: Shown;
  readonly lines: readonly StepLine[];
  readonly actions: Actions;
}

function TensorRow({ name, label, text, shape, look, shown, lines, actions }: TensorRowProps) {
  return (
    <tr
      class={look}
      data-row={name}
      onClick={() => actions.select(name, false)}
      onDblClick={() => actions.select(name, true)}
    >
      <th scope="row" title={`${inFile({ name, label })}  [${shape.join(', ')}]`}>
        <button
          type="button"
          class="sort"
          title="Show the line that creates it"
          onClick={() => actions.select(name, true)}
        >
          {text}
        </button>
      </th>
      <td class="numeric">{thousands(sizeOf(shape))}</td>
      <GroupCells header={shown.run.header} name={name} />
      <Cells shown={shown} name={name} />
      <td>
        <Sparkline points={series(lines, barMeasure(shown.run, shown.view), name)} />
      </td>
    </tr>
  );
}

const groupColumns = ['Group', 'lr', 'Weight decay'];

/** Where parameters have groups: that of a tensor, counted from 1, and its learning rate and weight decay. */
function GroupCells({ header, name }: { readonly header: RunHeader; readonly name: string }) {
  if (!header.groups) return null;
  const { group, lr, weightDecay } = groupOf(header, name);
  return (
    <>
      {[group || '–', lr ?? '–', weightDecay ?? '–'].map((value, i) => (
        <td key={groupColumns[i]} class="numeric">
          {setting(value)}
        </td>
      ))}
    </>
  );
}

/** The value of each measure, of a tensor or of the model; in parentheses where the theory that it belongs to does not hold. */
function Cells({ shown, name }: { readonly shown: Shown; readonly name?: string }) {
  return (
    <>
      {measuresOf(shown.run).map((measure) => {
        const line = lineOf(measure, shown);
        const fields = name === undefined ? line : line?.tensors[name];
        const text = measure.text(line && fields && measure.value(fields, line));
        const doubtful = measure.theoretical === true && !(fields && isBelievable(fields));
        return (
          <td key={measure.id} class={`numeric${doubtful && text !== '–' ? ' doubtful' : ''}`}>
            {hedged(text, !doubtful)}
          </td>
        );
      })}
    </>
  );
}
