import { render } from 'preact';
import { useState } from 'preact/hooks';
import { inEditor, inEditorBriefly } from '../extension/shared/editorWords.ts';
import { placed } from '../extension/shared/errors.ts';
import { baseName, labelOf, shorten, tensorLabel, thousands } from '../extension/shared/format.ts';
import type { FromModelPage, ModelPage, ToModelPage } from '../extension/shared/panel.ts';
import { acquireHost } from './host.ts';
import { isFound } from './state.ts';
import { inFile } from './tensorName.tsx';
import { Button, FilterField, ProgressRing } from './toolkit.tsx';
import { Notice } from './views/notices.tsx';

/** Most rows of a table; the filter finds the others. */
const mostRows = 500;

const host = acquireHost<FromModelPage>();
let shown: ToModelPage | undefined;

function App() {
  switch (shown?.type) {
    case undefined:
      return null;
    case 'loading':
      return (
        <section class="empty">
          <ProgressRing />
          <p>Reading the model …</p>
        </section>
      );
    case 'failed':
      return (
        <Notice
          kind="error"
          message={inEditor(placed(shown.failure))}
          remedy={shown.failure.remedy && inEditor(shown.failure.remedy)}
        >
          <Button appearance="primary" run={() => host.postMessage({ type: 'retry' })}>
            Try Again
          </Button>
          <Button run={() => host.postMessage({ type: 'showLog' })}>Show Log</Button>
        </Notice>
      );
    case 'model':
      return <Page model={shown.page} trusted={shown.trusted} />;
  }
}

function Page({ model, trusted }: { readonly model: ModelPage; readonly trusted: boolean }) {
  const { inputs, outputs, parameters, operators, losses, blocked, warnings } = model;
  return (
    <main class="model">
      <Head model={model} trusted={trusted} />
      {blocked ? (
        <div class="notice error">
          <div>
            <p class="message">{inEditor(placed(blocked))}</p>
            {blocked.remedy && <p>{inEditor(blocked.remedy)}</p>}
          </div>
        </div>
      ) : (
        <p class="good">
          <span class="trusted">
            <span class="mark" aria-hidden="true">
              ✓{' '}
            </span>
          </span>
          Every node on the way to the output can be differentiated. Losses that fit the output:{' '}
          {losses.join(', ') || 'none'}.
        </p>
      )}
      {warnings.map(({ title, detail, remedy }) => (
        <div key={`${title} ${detail}`} class="notice warning">
          <div>
            <p class="message">
              <strong>{title}. </strong>
              {inEditor(detail)}
            </p>
            <p>{inEditor(remedy)}</p>
          </div>
        </div>
      ))}
      <div class="columns">
        <Section title="Inputs" heads={['name', 'type', 'shape']} rows={inputs.map(ofTensor)} />
        <Section title="Outputs" heads={['name', 'type', 'shape']} rows={outputs.map(ofTensor)} />
      </div>
      <Parameters parameters={parameters} />
      <Section
        title="Operators"
        heads={['operator', 'count', 'differentiable']}
        rows={operators.map(({ op, count, supported }) => [
          shorten(op, 60),
          thousands(count),
          supported ? 'yes' : 'no',
        ])}
        numeric={1}
      />
    </main>
  );
}

const ofTensor = ({ name, type, shape }: ModelPage['inputs'][number]) => [shorten(name, 60), type, shape];

function Head({ model, trusted }: { readonly model: ModelPage; readonly trusted: boolean }) {
  const { file, producer, opset, nodes, parameters } = model;
  const trained = parameters.filter((each) => each.trained).reduce((sum, { size }) => sum + size, 0);
  const facts = [
    producer ? shorten(producer, 60) : 'unknown producer',
    `opset ${opset}`,
    `${thousands(nodes)} nodes`,
    `${thousands(trained)} trainable parameters`,
  ];
  return (
    <header>
      <div class="head-row">
        <div class="subject">
          <strong title={shorten(file, 300)}>{shorten(baseName(file), 80)}</strong>
          <span class="dim"> · {facts.join(' · ')}</span>
        </div>
        <div class="actions">
          {trusted ? (
            <Button appearance="primary" run={() => host.postMessage({ type: 'inspect' })}>
              Inspect…
            </Button>
          ) : (
            <span class="dim">Trust this workspace to inspect the model</span>
          )}
        </div>
      </div>
    </header>
  );
}

function Parameters({ parameters }: Pick<ModelPage, 'parameters'>) {
  const [filter, setFilter] = useState('');
  const found = parameters.filter((parameter) => isFound(parameter, filter));
  const listed = found.slice(0, mostRows);
  return (
    <section>
      <h3>Parameters ({thousands(parameters.length)})</h3>
      {parameters.length > 12 && (
        <div class="toolbar">
          <FilterField label="Filter parameters" value={filter} change={setFilter} />
        </div>
      )}
      <div class="scroll-x">
        <Grid
          title="Parameters"
          heads={['name', 'shape', 'size', 'trained']}
          rows={listed.map(({ shape, size, trained, reason, ...names }) => [
            tensorLabel(labelOf(names), 60),
            shape,
            thousands(size),
            trained ? 'yes' : `no: ${inEditorBriefly(reason)}`,
          ])}
          numeric={2}
          whole={listed.map((parameter) => inFile({ ...parameter, label: labelOf(parameter) }))}
        />
      </div>
      <p class="dim">
        {found.length > mostRows
          ? `and ${thousands(found.length - mostRows)} more: narrow the filter to see them.`
          : ''}
      </p>
    </section>
  );
}

interface GridProps {
  readonly title: string;
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The column of numbers. */
  readonly numeric?: number;
  /** Whole names, where the first column abbreviates them. */
  readonly whole?: readonly string[];
}

const Section = (grid: GridProps) => (
  <section>
    <h3>{grid.title}</h3>
    <div class="scroll-x">{grid.rows.length > 0 ? <Grid {...grid} /> : <p class="dim">none</p>}</div>
  </section>
);

function Grid({ title, heads, rows, numeric = -1, whole = [] }: GridProps) {
  const side = (i: number) => (i === numeric ? 'numeric' : '');
  return (
    <table class="grid fit">
      <caption class="spoken">{title}</caption>
      <thead>
        <tr>
          {heads.map((text, i) => (
            <th key={text} scope="col" class={side(i)}>
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, ...cells], r) => (
          <tr key={r}>
            <th scope="row" title={whole[r]}>
              {name}
            </th>
            {cells.map((text, i) => (
              <td key={heads[i + 1]} class={side(i + 1)}>
                {text}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

window.addEventListener('message', ({ data }: MessageEvent<ToModelPage>) => {
  // A page that is there already stays until the model has been read anew.
  if (data.type === 'loading' && shown?.type === 'model') return;
  shown = data;
  render(<App />, document.body);
});
host.postMessage({ type: 'ready' });
