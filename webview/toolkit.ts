import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodePanels,
  vsCodePanelTab,
  vsCodePanelView,
  vsCodeProgressRing,
} from '@vscode/webview-ui-toolkit';
import { type Child, h } from './dom.ts';

/** The only module that knows whose controls these are. */
provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodePanels(),
  vsCodePanelTab(),
  vsCodePanelView(),
  vsCodeProgressRing(),
);

type Appearance = 'primary' | 'secondary' | 'icon';

export function button(label: Child, run: () => void, appearance: Appearance = 'secondary', title = ''): HTMLElement {
  // A sign needs a name; of what has one, the name is what voices call.
  const name = appearance === 'icon' ? { 'aria-label': title } : {};
  return h('vscode-button', { appearance, ...(title && { title }), ...name, onclick: run }, label);
}

export const progressRing = (): HTMLElement => h('vscode-progress-ring', { 'aria-hidden': 'true' });

interface ValueElement extends HTMLElement {
  value: string;
}

/** A drop-down list with its label before it; `set` changes what is chosen without calling `change`. */
export function dropdown(
  label: string,
  choices: readonly (readonly [value: string, text: string])[],
  value: string,
  change: (value: string) => void,
): { readonly element: HTMLElement; set(value: string): void } {
  const control = h(
    'vscode-dropdown',
    { 'aria-label': label },
    ...choices.map(([choice, text]) =>
      h('vscode-option', { value: choice, ...(choice === value && { selected: '' }) }, text),
    ),
  ) as ValueElement;
  control.addEventListener('change', () => change(control.value));
  return {
    element: h('label', { class: 'field' }, h('span', {}, label), control),
    set: (chosen) => {
      if (control.value !== chosen) control.value = chosen;
    },
  };
}

/** A text field for a filter; calls `change` with every key. */
export function filterField(label: string, value: string, change: (value: string) => void): HTMLElement {
  // The toolkit's own field takes the name "Text field", whatever it is called.
  const control = h('input', { class: 'filter', placeholder: label, 'aria-label': label, value }) as HTMLInputElement;
  control.addEventListener('input', () => change(control.value));
  return control;
}

export function checkbox(label: string, checked: boolean, change: (checked: boolean) => void): HTMLElement {
  const control = h('vscode-checkbox', { ...(checked && { checked: '' }) }, label) as HTMLElement & {
    checked: boolean;
  };
  control.addEventListener('change', () => change(control.checked));
  return control;
}

/** Tabs with their views; `show` is called with the id of the tab that comes to the front. */
export function tabs(
  views: readonly { readonly id: string; readonly title: string; readonly element: HTMLElement }[],
  active: string,
  show: (id: string) => void,
): { readonly element: HTMLElement; activate(id: string): void } {
  const element = h(
    'vscode-panels',
    { 'aria-label': 'Views', activeindicator: 'false' },
    ...views.map(({ id, title }) => h('vscode-panel-tab', { id: `tab-${id}` }, title)),
    ...views.map(({ id, element: view }) => h('vscode-panel-view', { id: `view-${id}` }, view)),
  );
  // Before it is laid out, the control marks its first tab, whichever is active.
  requestAnimationFrame(() => element.setAttribute('activeid', `tab-${active}`));
  let ready = false;
  requestAnimationFrame(() => requestAnimationFrame(() => (ready = true)));
  element.addEventListener('change', (event) => {
    if (event.target !== element || !ready) return;
    const id = (element as HTMLElement & { activeid?: string }).activeid?.replace(/^tab-/, '');
    if (id) show(id);
  });
  return {
    element,
    activate: (id) => {
      element.setAttribute('activeid', `tab-${id}`);
      show(id);
    },
  };
}
