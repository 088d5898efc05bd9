import { effectHeadline, lastEffect } from '../../extension/shared/effectWords.ts';
import { number, percent, shorten } from '../../extension/shared/format.ts';
import { mostRuns } from '../../extension/shared/panel.ts';
import { decisiveSelfCheck, doubt, heldAgainst } from '../../extension/shared/verdict.ts';
import { Figure } from '../charts/figure.tsx';
import { RunSwatch } from '../charts/swatch.tsx';
import { lastMeasured, measureNamed, netMeasure, settingsText, strengthMeasure } from '../measures.ts';
import { differences } from '../state.ts';
import { Button } from '../toolkit.tsx';
import { chartOf, nothingYet } from './curves.tsx';
import type { ViewProps } from './view.ts';

/** Up to six runs over each other: what differs in their settings, and what came of it. */
export function CompareView({ shown: { runs, view }, actions }: ViewProps) {
  const differing = differences(runs);
  const heads = [
    'Run',
    runs.length === 1 ? 'Settings' : 'What differs',
    'Steps',
    'Loss',
    '‖∇E‖₁,ε',
    'Effect',
    'Strength',
    'Net effect',
    'Valid',
    'Self-check',
    '',
  ];
  return (
    <div class="tab">
      <div class="scroll-x">
        <table class="grid">
          <caption class="spoken">Runs</caption>
          <thead>
            <tr>
              {heads.map((text, i) => (
                <th key={text} scope="col" class={i > 1 ? 'numeric' : ''}>
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {runs.map(({ folder, name, header, steps }, i) => {
              const last = lastMeasured(steps);
              const line = last && heldAgainst(last, lastEffect(steps));
              const problem = line && doubt(line);
              const theory = { class: `numeric${problem ? ' doubtful' : ''}`, title: problem ?? '' };
              return (
                <tr key={folder}>
                  <th scope="row">
                    <RunSwatch n={i} />
                    <span title={settingsText(header)}>{shorten(name, 48)}</span>
                  </th>
                  <td class="wrap">
                    {runs.length === 1 ? settingsText(header) : differing[i].join(' · ') || 'same settings'}
                  </td>
                  <td class="numeric">{String(steps.at(-1)?.step ?? 0)}</td>
                  <td class="numeric">{number(steps.at(-1)?.loss)}</td>
                  <td class="numeric">{number(steps.at(-1)?.perturbedNorm)}</td>
                  <td class="numeric">{effectHeadline(header, lastEffect(steps)) ?? '–'}</td>
                  <td {...theory}>{line ? strengthMeasure.text(strengthMeasure.value(line, line)) : '–'}</td>
                  <td {...theory}>{line ? netMeasure.text(netMeasure.value(line, line)) : '–'}</td>
                  <td class="numeric">{percent(line?.validShare)}</td>
                  <td class="numeric">{number(line && decisiveSelfCheck(line))}</td>
                  <td>
                    {i > 0 && (
                      <Button
                        appearance="icon"
                        title={`Remove ${shorten(name, 48)}`}
                        run={() => actions.post({ type: 'removeRun', folder })}
                      >
                        ✕
                      </Button>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      <div class="toolbar">
        <Button hidden={runs.length >= mostRuns} run={() => actions.post({ type: 'do', action: 'addRun' })}>
          Add a Run…
        </Button>
        <span class="dim hint">Up to {mostRuns} runs; all other tabs lay their curves over each other, too.</span>
      </div>
      <div class="charts">
        <Figure
          together
          chart={chartOf('Strength', runs, () => (line) => strengthMeasure.value(line, line))}
          explanation={strengthMeasure.about}
          nothing={nothingYet}
        />
        <Figure
          together
          chart={chartOf(
            '‖∇E‖₁,ε',
            runs,
            () =>
              ({ perturbedNorm }) =>
                perturbedNorm,
            {
              logarithmic: view.logarithmic,
            },
          )}
          explanation={measureNamed('norm').about}
          nothing={nothingYet}
        />
      </div>
    </div>
  );
}
