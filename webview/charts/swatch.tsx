import { shorten } from '../../extension/shared/format.ts';
import type { PanelRun } from '../../extension/shared/panel.ts';
import type { Look } from './looks.ts';
import { dashes } from './theme.ts';

const shapes: Readonly<Record<Look['shape'], string>> = {
  circle: 'M16 1a4 4 0 1 0 .01 0Z',
  triangle: 'M16 1l4 7h-8Z',
  rect: 'M12.500 1.500h7v7h-7Z',
  rectRot: 'M16 0.500l4.500 4.500l-4.500 4.500l-4.500-4.500Z',
  crossRot: 'M12.500 1.500l7 7m0-7l-7 7',
  star: 'M12.500 1.500l7 7m0-7l-7 7M16 0v10M11 5h10',
};

/** Line and mark of a series as charts have them; without a look, of a line to compare with. */
export function Swatch({ look, lone = false }: { readonly look?: Look; readonly lone?: boolean }) {
  return (
    <svg class={`mark-swatch ${look ? `colour-${look.colour}` : 'reference'}`} viewBox="0 0 32 10" aria-hidden="true">
      {!lone && <line x1={0} x2={32} y1={5} y2={5} stroke-dasharray={look?.dash.join(' ')} />}
      {look && <path d={shapes[look.shape]} />}
    </svg>
  );
}

/** Of the n-th run. */
export const RunSwatch = ({ n }: { readonly n: number }) => (
  <Swatch look={{ colour: n, dash: dashes[n], shape: Object.keys(shapes)[n] as Look['shape'] }} />
);

/** Names of the runs beside their colours and dashes, where there are several. */
export function RunLegend({ runs }: { readonly runs: readonly PanelRun[] }) {
  if (runs.length < 2) return null;
  return (
    <ul class="chart-legend" aria-label="Legend">
      {runs.map(({ folder, name }, i) => (
        <li key={folder} title={shorten(name, 200)}>
          <RunSwatch n={i} />
          {shorten(name, 48)}
        </li>
      ))}
    </ul>
  );
}
