import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodePanels,
  vsCodePanelTab,
  vsCodePanelView,
} from '@vscode/webview-ui-toolkit';
import type { ComponentChildren, HTMLAttributes, RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** The only module that knows whose controls these are. */
provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodePanels(),
  vsCodePanelTab(),
  vsCodePanelView(),
);

type Control = HTMLAttributes<HTMLElement> & { readonly children?: ComponentChildren };

declare module 'preact' {
  namespace JSX {
    interface IntrinsicElements {
      'vscode-button': Control & { readonly appearance?: Appearance };
      'vscode-checkbox': Control;
      'vscode-dropdown': Control;
      'vscode-option': Control & { readonly value?: string; readonly selected?: boolean };
      'vscode-panels': Control & { readonly activeindicator?: string };
      'vscode-panel-tab': Control;
      'vscode-panel-view': Control;
    }
  }
}

type Appearance = 'primary' | 'secondary' | 'icon';

interface ButtonProps {
  readonly children: ComponentChildren;
  readonly run: () => void;
  readonly appearance?: Appearance;
  readonly title?: string;
  readonly hidden?: boolean;
  readonly element?: RefObject<HTMLElement | null>;
}

/** A sign needs a name; of what has one, the name is what voices call. */
export const Button = ({ children, run, appearance = 'secondary', title, hidden, element }: ButtonProps) => (
  <vscode-button
    ref={element}
    appearance={appearance}
    title={title}
    hidden={hidden}
    aria-label={appearance === 'icon' ? title : undefined}
    onClick={run}
  >
    {children}
  </vscode-button>
);

/** The toolkit's own ring changes its strokes, for which the whole page is laid out at every frame; this one only turns. */
export const ProgressRing = ({ hidden = false }) => <span class="ring" aria-hidden="true" hidden={hidden} />;

interface DropdownProps {
  readonly label: string;
  readonly choices: readonly (readonly [value: string, text: string])[];
  readonly value: string;
  readonly change: (value: string) => void;
}

/** A drop-down list with its label before it. */
export function Dropdown({ label, choices, value, change }: DropdownProps) {
  const control = useRef<HTMLElement & { value: string }>(null);
  useLayoutEffect(() => {
    // Before its options are there, the control forgets what it is told.
    const { current } = control;
    if (current && current.value !== value) requestAnimationFrame(() => (current.value = value));
  }, [value]);
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is one of the toolkit
    <label class="field">
      <span>{label}</span>
      <vscode-dropdown
        ref={control}
        aria-label={label}
        onChange={({ currentTarget }) => change((currentTarget as HTMLElement & { value: string }).value)}
      >
        {choices.map(([choice, text]) => (
          <vscode-option key={choice} value={choice} selected={choice === value}>
            {text}
          </vscode-option>
        ))}
      </vscode-dropdown>
    </label>
  );
}

interface FilterProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
}

/** A text field for a filter; calls `change` with every key. The toolkit's own takes the name "Text field", whatever it is called. */
export function FilterField({ label, value, change }: FilterProps) {
  return (
    <input
      class="filter"
      placeholder={label}
      aria-label={label}
      defaultValue={value}
      onInput={({ currentTarget }) => change(currentTarget.value)}
    />
  );
}

interface CheckboxProps {
  readonly label: string;
  readonly checked: boolean;
  readonly change: (checked: boolean) => void;
  readonly title?: string;
  readonly hidden?: boolean;
}

export function Checkbox({ label, checked, change, title, hidden }: CheckboxProps) {
  const control = useRef<HTMLElement & { checked: boolean }>(null);
  useLayoutEffect(() => {
    if (control.current && control.current.checked !== checked) control.current.checked = checked;
  }, [checked]);
  return (
    <vscode-checkbox
      ref={control}
      title={title}
      hidden={hidden}
      onChange={({ currentTarget }) => {
        const now = (currentTarget as HTMLElement & { checked: boolean }).checked;
        // The control tells of what it is set to, too.
        if (now !== checked) change(now);
      }}
    >
      {label}
    </vscode-checkbox>
  );
}

interface TabsProps {
  readonly views: readonly { readonly id: string; readonly title: string; readonly content: ComponentChildren }[];
  readonly active: string;
  /** Another tab was chosen. */
  readonly show: (id: string) => void;
}

/** Tabs with their views. */
export function Tabs({ views, active, show }: TabsProps) {
  const control = useRef<HTMLElement & { activeid?: string }>(null);
  const isReady = useRef(false);
  useLayoutEffect(() => {
    const activate = () => control.current?.setAttribute('activeid', `tab-${active}`);
    if (isReady.current) return activate();
    // Before it is laid out, the control marks its first tab, whichever is active.
    const frame = requestAnimationFrame(() => {
      activate();
      requestAnimationFrame(() => {
        isReady.current = true;
      });
    });
    return () => cancelAnimationFrame(frame);
  }, [active]);
  return (
    <vscode-panels
      ref={control}
      aria-label="Views"
      activeindicator="false"
      onChange={({ target, currentTarget }) => {
        if (target !== currentTarget || !isReady.current) return;
        const id = control.current?.activeid?.replace(/^tab-/, '');
        if (id && id !== active) show(id);
      }}
    >
      {views.map(({ id, title }) => (
        <vscode-panel-tab key={`tab-${id}`} id={`tab-${id}`}>
          {title}
        </vscode-panel-tab>
      ))}
      {views.map(({ id, content }) => (
        <vscode-panel-view key={`view-${id}`} id={`view-${id}`}>
          {content}
        </vscode-panel-view>
      ))}
    </vscode-panels>
  );
}
