import { shorten } from '../extension/shared/format.ts';
import type { PanelRun } from '../extension/shared/panel.ts';
import { h, svg } from './dom.ts';

/** The colour and dash of the n-th run. */
export function swatch(n: number): SVGElement {
  return svg(
    'svg',
    { class: `swatch series-${n}`, viewBox: '0 0 24 8', 'aria-hidden': 'true' },
    svg('line', { x1: 0, x2: 24, y1: 4, y2: 4 }),
  );
}

/** Names of the runs beside their colours and dashes, where there are several. */
export function runLegend(runs: readonly PanelRun[]): HTMLElement {
  return h(
    'ul',
    { class: 'chart-legend', 'aria-label': 'Legend', hidden: runs.length < 2 },
    ...runs.map(({ name }, i) => h('li', { title: shorten(name, 200) }, swatch(i), shorten(name, 48))),
  );
}
