import { useMemo, useRef } from 'preact/hooks';
import { labelOf, number, percent } from '../../extension/shared/format.ts';
import type { MeasureFields } from '../../extension/shared/protocol.ts';
import { modelStrengthRange, strengthRange } from '../../extension/shared/verdict.ts';
import { Figure } from '../charts/figure.tsx';
import { RunLegend } from '../charts/swatch.tsx';
import { Kept } from '../kept.ts';
import { measureNamed } from '../measures.ts';
import { useOnScreen } from '../onScreen.ts';
import { useRovingFocus } from '../rovingFocus.ts';
import { isFound } from '../state.ts';
import { inFile, type Names, namesAmong, TensorName } from '../tensorName.tsx';
import { chartOf, nothingYet } from './curves.tsx';
import { type Actions, isRunning, tabClass, type ViewProps } from './view.ts';

/** Most tensors that are listed. */
const mostRows = 400;

/** Which part of the coordinates is anti-regularized and which regularized, and why. */
export function RegimesView({ shown, actions }: ViewProps) {
  const { runs, run, line } = shown;
  const { header } = run;
  const nothing = header.notApplicable ? 'There is no correction with these settings.' : nothingYet;
  const text = !line
    ? nothing
    : header.switchGradient === null
      ? `With ${header.optimizer.title} at these settings every coordinate is in the same regime.`
      : `In the limit of many steps the sign turns at |g|* = ${number(header.switchGradient)}: coordinates with a smaller gradient are regularized, all others anti-regularized. At step ${line.step}:`;
  return (
    <div class={tabClass(shown)}>
      <p>{text}</p>
      <p class="legend">
        <span class="key anti" />
        anti-regularized <span class="key regularizing hatched" />
        regularized <span class="key" />
        no gradient
      </p>
      <Regimes shown={shown} actions={actions} />
      <RunLegend runs={runs} />
      <div class="charts">
        <Figure
          together
          chart={chartOf(
            'Share of coordinates below the switch',
            runs,
            () =>
              ({ belowSwitchShare }) =>
                belowSwitchShare,
          )}
          explanation={measureNamed('belowSwitch').about}
          nothing={nothing}
        />
      </div>
    </div>
  );
}

function Regimes({ shown, actions }: ViewProps) {
  const { run, line, view, highlighted } = shown;
  const list = useRef<HTMLDivElement>(null);
  const isOnScreen = useOnScreen(list);
  useRovingFocus(list, '.name button');
  const found = run.header.tensors.filter((tensor) => isFound(tensor, view.filter)).slice(0, mostRows);
  const labels = ['all parameters', ...found.map(labelOf)];
  const column = useMemo(() => namesAmong(labels), [labels.join('\n')]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table of bars
    <div ref={list} class="regimes" role="table" aria-label="Regimes by tensor" style={column.widths}>
      {line && (
        <>
          <Head />
          <Regime
            label="all parameters"
            names={column}
            fields={line}
            range={modelStrengthRange(line)}
            select={() => actions.select(null, false)}
          />
          {found.map((tensor) => {
            const { name } = tensor;
            const fields = line.tensors[name];
            const marks = { isSelected: name === view.selected, isAtCursor: highlighted.includes(name) };
            return (
              fields && (
                <Kept
                  key={name}
                  placed={`${run.folder} ${marks.isSelected} ${marks.isAtCursor}`}
                  fresh={!isRunning(shown) || isOnScreen(name)}
                >
                  {() => (
                    <TensorRegime
                      name={name}
                      label={labelOf(tensor)}
                      names={column}
                      fields={fields}
                      actions={actions}
                      {...marks}
                    />
                  )}
                </Kept>
              )
            );
          })}
        </>
      )}
    </div>
  );
}

interface TensorRegimeProps {
  readonly name: string;
  readonly label: string;
  readonly names: Names;
  readonly fields: MeasureFields;
  readonly actions: Actions;
  readonly isSelected: boolean;
  readonly isAtCursor: boolean;
}

const TensorRegime = ({ name, label, names, fields, actions, isSelected, isAtCursor }: TensorRegimeProps) => (
  <Regime
    name={name}
    label={label}
    names={names}
    fields={fields}
    range={strengthRange(fields)}
    look={`${isSelected ? ' selected' : ''}${isAtCursor ? ' at-cursor' : ''}`}
    select={() => actions.select(name, false)}
    reveal={() => actions.select(name, true)}
  />
);

interface RegimeProps {
  /** Of the tensor; absent for all parameters. */
  readonly name?: string;
  readonly label: string;
  readonly names: Names;
  readonly fields: MeasureFields;
  /** What the strengths of its coordinates span. */
  readonly range: string;
  readonly look?: string;
  readonly select: () => void;
  readonly reveal?: () => void;
}

function Regime({ name, label, names, fields, range, look = '', select, reveal }: RegimeProps) {
  const { negativeShare, belowSwitchShare } = fields;
  const [anti, regularized] = [negativeShare ?? 0, belowSwitchShare ?? 0];
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: its button has the focus
    // biome-ignore lint/a11y/useKeyWithClickEvents: its button handles the keys
    // biome-ignore lint/a11y/useSemanticElements: a row of bars
    <div class={`regime-row${look}`} role="row" data-row={name} onClick={select} onDblClick={reveal}>
      {/* biome-ignore lint/a11y/useFocusableInteractive: its button has the focus */}
      {/* biome-ignore lint/a11y/useSemanticElements: a row of bars */}
      <span class="name" role="rowheader" title={inFile({ name: name ?? label, label })}>
        {reveal ? (
          <button type="button" class="sort" title="Show the line that creates it" onClick={reveal}>
            <TensorName name={label} names={names} />
          </button>
        ) : (
          label
        )}
      </span>
      <span class="share" aria-hidden="true">
        {anti > 0 && <span class="anti" style={{ width: `${100 * anti}%` }} />}
        {regularized > 0 && <span class="regularizing hatched" style={{ width: `${100 * regularized}%` }} />}
      </span>
      <Cell>{percent(negativeShare)}</Cell>
      <Cell>{percent(belowSwitchShare)}</Cell>
      <Cell more=" dim wide">{range}</Cell>
    </div>
  );
}

const Cell = ({ children, more = '' }: { readonly children: string; readonly more?: string }) => (
  // biome-ignore lint/a11y/useSemanticElements: a table of bars
  <span class={`numeric${more}`} role="cell">
    {children}
  </span>
);

const columns = [
  ['anti', 'Share of the coordinates that are anti-regularized', ''],
  ['reg.', 'Share of the coordinates that are regularized', ''],
  ['strength', 'Of the coordinates, from the strongest anti-regularization to the strongest regularization', ' wide'],
] as const;

const Head = () => (
  // biome-ignore lint/a11y/useFocusableInteractive: a head of columns
  // biome-ignore lint/a11y/useSemanticElements: a table of bars
  <div class="regime-row regime-head" role="row">
    {/* biome-ignore lint/a11y/useFocusableInteractive: a head of columns */}
    {/* biome-ignore lint/a11y/useSemanticElements: a table of bars */}
    <span role="columnheader">
      <span class="spoken">Tensor</span>
    </span>
    <span aria-hidden="true" />
    {columns.map(([text, title, kind]) => (
      // biome-ignore lint/a11y/useFocusableInteractive: a head of columns
      // biome-ignore lint/a11y/useSemanticElements: a table of bars
      <span key={text} class={`dim numeric${kind}`} role="columnheader" title={title}>
        {text}
      </span>
    ))}
  </div>
);
