import { inEditor, inEditorBriefly } from '../extension/shared/editorWords.ts';
import { baseName, labelOf, shorten, tensorLabel, thousands } from '../extension/shared/format.ts';
import type { FromModelPage, ModelPage, ToModelPage } from '../extension/shared/panel.ts';
import { type Child, h, set } from './dom.ts';
import { acquireHost } from './host.ts';
import { isFound } from './state.ts';
import { inFile } from './tensorName.ts';
import { button, filterField, progressRing } from './toolkit.ts';

/** Most rows of a table; the filter finds the others. */
const mostRows = 500;

const host = acquireHost<FromModelPage>();

function show(message: ToModelPage): void {
  switch (message.type) {
    case 'loading':
      if (!document.querySelector('.model'))
        set(document.body, h('section', { class: 'empty' }, progressRing(), h('p', {}, 'Reading the model …')));
      return;
    case 'failed':
      set(
        document.body,
        h(
          'div',
          { class: 'notice error', role: 'alert' },
          h('div', {}, h('p', { class: 'message' }, message.message), message.remedy && h('p', {}, message.remedy)),
          h(
            'div',
            { class: 'actions' },
            button('Try Again', () => host.postMessage({ type: 'retry' }), 'primary'),
            button('Show Log', () => host.postMessage({ type: 'showLog' })),
          ),
        ),
      );
      return;
    case 'model':
      set(document.body, page(message.page, message.trusted));
  }
}

function page(model: ModelPage, trusted: boolean): HTMLElement {
  const { file, producer, opset, nodes, inputs, outputs, parameters, operators, losses, blocked, warnings } = model;
  const trained = parameters.filter((each) => each.trained).reduce((sum, { size }) => sum + size, 0);
  const facts = [
    producer ? shorten(producer, 60) : 'unknown producer',
    `opset ${opset}`,
    `${thousands(nodes)} nodes`,
    `${thousands(trained)} trainable parameters`,
  ];
  const inspect = button('Inspect…', () => host.postMessage({ type: 'inspect' }), 'primary');
  return h(
    'main',
    { class: 'model' },
    h(
      'header',
      {},
      h(
        'div',
        { class: 'head-row' },
        h(
          'div',
          { class: 'subject' },
          h('strong', { title: shorten(file, 300) }, shorten(baseName(file), 80)),
          h('span', { class: 'dim' }, ` · ${facts.join(' · ')}`),
        ),
        h(
          'div',
          { class: 'actions' },
          trusted ? inspect : h('span', { class: 'dim' }, 'Trust this workspace to inspect the model'),
        ),
      ),
    ),
    blocked
      ? h(
          'div',
          { class: 'notice error' },
          h(
            'div',
            {},
            h('p', { class: 'message' }, inEditor(blocked.message)),
            blocked.remedy && h('p', {}, inEditor(blocked.remedy)),
          ),
        )
      : h(
          'p',
          { class: 'good' },
          h('span', { class: 'trusted' }, h('span', { class: 'mark', 'aria-hidden': 'true' }, '✓ ')),
          `Every node on the way to the output can be differentiated. Losses that fit the output: ${losses.join(', ') || 'none'}.`,
        ),
    ...warnings.map(({ title, detail, remedy }) =>
      h(
        'div',
        { class: 'notice warning' },
        h(
          'div',
          {},
          h('p', { class: 'message' }, h('strong', {}, `${title}. `), inEditor(detail)),
          h('p', {}, inEditor(remedy)),
        ),
      ),
    ),
    h(
      'div',
      { class: 'columns' },
      section(
        'Inputs',
        ['name', 'type', 'shape'],
        inputs.map(({ name, type, shape }) => [shorten(name, 60), type, shape]),
      ),
      section(
        'Outputs',
        ['name', 'type', 'shape'],
        outputs.map(({ name, type, shape }) => [shorten(name, 60), type, shape]),
      ),
    ),
    parameterSection(parameters),
    section(
      'Operators',
      ['operator', 'count', 'differentiable'],
      operators.map(({ op, count, supported }) => [shorten(op, 60), thousands(count), supported ? 'yes' : 'no']),
      1,
    ),
  );
}

function parameterSection(parameters: ModelPage['parameters']): HTMLElement {
  const body = h('div', { class: 'scroll-x' });
  const note = h('p', { class: 'dim' });
  const fill = (filter: string) => {
    const found = parameters.filter((parameter) => isFound(parameter, filter));
    const shown = found.slice(0, mostRows);
    const whole = shown.map((parameter) => inFile({ ...parameter, label: labelOf(parameter) }));
    const rows = shown.map(({ shape, size, trained, reason, ...names }) => [
      tensorLabel(labelOf(names), 60),
      shape,
      thousands(size),
      trained ? 'yes' : `no: ${inEditorBriefly(reason)}`,
    ]);
    set(body, grid('Parameters', ['name', 'shape', 'size', 'trained'], rows, 2, whole));
    note.textContent =
      found.length > mostRows ? `and ${thousands(found.length - mostRows)} more: narrow the filter to see them.` : '';
  };
  fill('');
  return h(
    'section',
    {},
    h('h3', {}, `Parameters (${thousands(parameters.length)})`),
    parameters.length > 12 && h('div', { class: 'toolbar' }, filterField('Filter parameters', '', fill)),
    body,
    note,
  );
}

function section(
  title: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  numeric?: number,
): HTMLElement {
  return h(
    'section',
    {},
    h('h3', {}, title),
    h(
      'div',
      { class: 'scroll-x' },
      rows.length > 0 ? grid(title, heads, rows, numeric) : h('p', { class: 'dim' }, 'none'),
    ),
  );
}

function grid(
  title: string,
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  numeric = -1,
  /** Whole names, where the first column abbreviates them. */
  whole: readonly string[] = [],
): HTMLElement {
  const cells = (tag: string, texts: readonly string[], title?: string): Child[] =>
    texts.map((text, i) =>
      h(
        i === 0 && tag === 'td' ? 'th' : tag,
        {
          class: i === numeric ? 'numeric' : '',
          ...(tag === 'th' ? { scope: 'col' } : i === 0 && { scope: 'row', title }),
        },
        text,
      ),
    );
  return h(
    'table',
    { class: 'grid fit' },
    h('caption', { class: 'spoken' }, title),
    h('thead', {}, h('tr', {}, ...cells('th', heads))),
    h('tbody', {}, ...rows.map((row, r) => h('tr', {}, ...cells('td', row, whole[r])))),
  );
}

window.addEventListener('message', ({ data }: MessageEvent<ToModelPage>) => show(data));
host.postMessage({ type: 'ready' });
