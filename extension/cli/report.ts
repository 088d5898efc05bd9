import type { Run } from '../runStore/store.ts';
import type { StepLine, TensorLine } from '../shared/protocol.ts';
import { capitalised, doubt, hedged, isBelievable, sentence, strength } from '../shared/verdict.ts';
import { onCommandLine } from '../shared/words.ts';
import { labelOf, number, percent, setting, shorten, styles, table, tensorLabel, thousands } from './text.ts';

/** Most rows of the table; the rest is summed up in a line. */
const mostRows = 60;

/** What a run says to a person: the verdict, where it comes from, and what to do next. */
export function renderRun(run: Run): string {
  const { header } = run;
  const style = styles(process.stdout);
  const measured = run.steps.findLast((line) => line.kappa !== undefined);
  const last = run.steps.at(-1);
  const first = run.steps[0];
  const lines: string[] = [];
  const { name, title, hyper } = header.optimizer;
  const settings = Object.entries(hyper)
    .map(([key, value]) => `${key} ${setting(value)}`)
    .join(', ');
  const model = header.model.path.split(/[/\\]/).at(-1) ?? '';
  lines.push(
    `${shorten(model, 60)} · ${title} (${settings}) · ${thousands(header.data.samples)} samples · loss ${header.loss} · ${header.dtype} on ${header.device.toUpperCase()}`,
  );
  if (first && last)
    lines.push(
      `loss ${number(first.loss)} → ${number(last.loss)} in ${last.step - first.step} steps; ‖∇E‖₁,ε ${number(first.perturbedNorm)} → ${number(last.perturbedNorm)}`,
    );
  lines.push('');
  if (measured) {
    lines.push(style.bold(verdict(run, measured)), '', tensorTable(run, measured), '', sentence(header, measured));
  } else lines.push(header.notApplicable ? sentence(header, run.steps[0]) : 'No correction was computed.');
  for (const note of header.notes) lines.push('', `Note: ${onCommandLine(note)}`);
  for (const warning of header.warnings)
    lines.push('', `Warning: ${warning.title}. ${onCommandLine(warning.detail)}`, `  ${onCommandLine(warning.remedy)}`);
  if (header.notTrained.length > 0)
    lines.push(
      '',
      style.dim(
        `Not trained: ${header.notTrained
          .slice(0, 8)
          .map(({ name: tensor, reason }) => `${tensorLabel(tensor)} (${onCommandLine(reason)})`)
          .join(', ')}${header.notTrained.length > 8 ? `, and ${header.notTrained.length - 8} more` : ''}`,
      ),
    );
  lines.push('', `Wrote ${run.folder} (run.json, steps.jsonl${header.request.arrays ? ', arrays.npz' : ''}).`);
  if (name === 'adam' || name === 'adamw')
    lines.push(style.dim('Next: compare with another β₂, for example --beta2 0.95, or look at a smaller --lr.'));
  return `${lines.join('\n')}\n`;
}

/** The line of verdict: strength in the limit and now, and whether it can be believed. */
function verdict(run: Run, line: StepLine): string {
  const { header } = run;
  const limit = header.hKappaLimit === null ? '' : `${capitalised(strength(header.hKappaLimit))} in the limit (h·κ); `;
  const now = `${strength(line.hKappa)} at step ${line.step}`;
  const trust = `Theory valid for ${percent(line.validShare)} of ${thousands(header.model.parameters)} parameters; self-check ${number(line.selfCheck)}.`;
  const problem = doubt(line);
  return `${limit}${limit ? now : capitalised(now)}. ${trust}${problem ? `\nCareful: ${problem}.` : ''}`;
}

/** A row per tensor; numbers that the theory does not support stand in parentheses. */
function tensorTable(run: Run, line: StepLine): string {
  const header = ['tensor', 'size', 'strength h·κ', '|corr|/|g|', 'cos', 'net', 'valid', 'self-check', '|g| < |g|*'];
  const base = Math.abs(line.normRateBase ?? 0);
  const row = (label: string, size: number, fields: TensorLine): string[] => {
    const shown = (text: string) => hedged(text, isBelievable(fields));
    return [
      tensorLabel(label),
      thousands(size),
      shown(number(fields.hKappa, true)),
      shown(number(fields.relativeSize)),
      shown(number(fields.cosine, true)),
      shown(
        number(fields.net === null || fields.net === undefined || base === 0 ? undefined : fields.net / base, true),
      ),
      percent(fields.validShare),
      number(fields.selfCheck),
      run.header.switchGradient === null ? '–' : percent(fields.belowSwitchShare),
    ];
  };
  const sizes = run.header.tensors.map(({ shape }) => shape.reduce((product, dim) => product * dim, 1));
  const rows = run.header.tensors
    .slice(0, mostRows)
    .map((tensor, i) => row(labelOf(tensor), sizes[i], line.tensors[tensor.name]));
  rows.push(row('all', run.header.model.parameters, line));
  const text = [table(header, rows)];
  if (run.header.tensors.length > mostRows)
    text.push(`  and ${run.header.tensors.length - mostRows} more tensors in steps.jsonl`);
  if (rows.some((cells) => cells.some((cell) => cell.startsWith('('))))
    text.push(
      '  In parentheses: the first-order theory does not hold there (fewer than half of the coordinates valid, or self-check above 1).',
    );
  return text.join('\n');
}
