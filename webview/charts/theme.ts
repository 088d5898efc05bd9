/** The editor's colours, for what is drawn on a canvas. */
export interface Palette {
  readonly text: string;
  readonly dim: string;
  readonly grid: string;
  /** Axes and frames. */
  readonly border: string;
  readonly background: string;
  readonly focus: string;
  readonly font: string;
  readonly anti: string;
  readonly regularizing: string;
  /** One for each run that is laid over the others. */
  readonly series: readonly string[];
}

/** The colours of runs after the first two. */
const SERIES = ['green', 'purple', 'red', 'yellow'];

/** Dashes tell runs apart where colours do not. */
export const dashes: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 4, 2, 4], [5, 5], [1, 5]];

/** The palette of the theme that is set now. */
export function palette(): Palette {
  const styles = getComputedStyle(document.documentElement);
  const colour = (...names: string[]) =>
    names.map((name) => styles.getPropertyValue(`--vscode-${name}`).trim()).find((value) => value !== '') ?? '';
  const anti = colour('optimizerBias-antiRegularizing', 'charts-orange', 'foreground');
  const regularizing = colour('optimizerBias-regularizing', 'charts-blue', 'foreground');
  return {
    text: colour('foreground', 'editor-foreground'),
    dim: colour('descriptionForeground', 'foreground'),
    // In themes of high contrast, borders are as strong as curves.
    grid: colour('editorIndentGuide-background1', 'editorIndentGuide-background', 'panel-border'),
    border: colour('contrastBorder', 'editorWidget-border', 'panel-border', 'descriptionForeground'),
    background: colour('editor-background'),
    focus: colour('focusBorder', 'foreground'),
    font: colour('font-family'),
    anti,
    regularizing,
    series: [regularizing, anti, ...SERIES.map((name) => colour(`charts-${name}`, 'foreground'))],
  };
}

/** Calls back when the editor changes its theme, which it tells by attributes of the body and of the root. */
export function onThemeChange(changed: () => void): void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id'] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style'] });
}
