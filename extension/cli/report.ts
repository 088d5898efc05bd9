import { triedBeside } from '../jobs/triedBeside.ts';
import { optimizerOf } from '../optimizers/registry.ts';
import type { Run } from '../runStore/store.ts';
import { effectSentence, hasEffect, lastEffect } from '../shared/effectWords.ts';
import { finePercent } from '../shared/format.ts';
import { groupLines, groupOf } from '../shared/groupLabel.ts';
import type { RunHeader, StepLine, TensorLine } from '../shared/protocol.ts';
import { spikesOf, spikeText } from '../shared/spikes.ts';
import { lastCorrected, lastWithTensors } from '../shared/steps.ts';
import {
  decisiveSelfCheck,
  doubt,
  hedged,
  heldAgainst,
  isBelievable,
  isUnchecked,
  mostFactor,
  mostSelfCheck,
  sentence,
  strength,
  strengthText,
} from '../shared/verdict.ts';
import { onCommandLine } from '../shared/words.ts';
import {
  labelOf,
  number,
  percent,
  setting,
  shorten,
  styles,
  table,
  tensorLabel,
  tensorLabels,
  thousands,
} from './text.ts';

/** Most rows of the table; the rest is summed up in a line. */
const mostRows = 60;

/** What a run says to a person: what was measured, what the theory says of it, the numbers by tensor, and what to do next. */
export function renderRun(run: Run, taken = ''): string {
  const { header } = run;
  const style = styles(process.stdout);
  const corrected = lastCorrected(run.steps);
  const last = run.steps.at(-1);
  const first = run.steps[0];
  const lines: string[] = [];
  const { name, title, hyper } = header.optimizer;
  const settings = Object.entries(hyper)
    .map(([key, value]) => `${key} ${setting(value)}`)
    .join(', ');
  const model = header.model.path.split(/[/\\]/).at(-1) ?? '';
  const effect = measuredText(run);
  if (effect) lines.push(style.bold(effect));
  const checked = corrected && heldAgainst(corrected, lastEffect(run.steps));
  if (checked) lines.push(theoryText(run, checked));
  else lines.push(header.notApplicable ? sentence(header, first) : 'No correction was computed.');
  const edge = edgeText(run);
  if (edge) lines.push(edge);
  if (spikesOf(run.steps).length > 0) lines.push(spikeText(run.steps)!);
  lines.push(
    '',
    `${shorten(model, 60)} · ${title} (${settings}) · ${thousands(header.data.samples)} samples · loss ${header.loss} · ${header.dtype} on ${header.device.toUpperCase()}`,
  );
  if (taken !== '') lines.push(taken);
  if (first && last)
    lines.push(
      `loss ${number(first.loss)} → ${number(last.loss)} in ${last.step - first.step} steps; ‖∇E‖₁ ${number(first.gradientNorm1)} → ${number(last.gradientNorm1)}`,
    );
  lines.push(...groupLines(header));
  const shown = lastWithTensors(run.steps, hasEffect) ?? corrected;
  if (shown) lines.push('', tensorTable(run, shown));
  if (checked) lines.push('', sentence(header, checked));
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
  const tried = triedBeside(run.folder, header);
  const next = nextStep(name, hyper);
  if (tried.length > 0) lines.push('', ...tried);
  else if (next) lines.push(style.dim(next));
  return `${lines.join('\n')}\n`;
}

/** What was measured, in plain words; why it was not, where it was not. */
function measuredText({ header, steps }: Run): string | undefined {
  const sentence = effectSentence(header, lastEffect(steps));
  if (sentence !== undefined) return sentence;
  const { reference } = header;
  return reference?.reason === undefined ? undefined : `No effect was measured: ${reference.reason}.`;
}

/** What the theory says, what it predicts for the quantity that was measured, and whether it holds. */
function theoryText({ header, steps }: Run, line: StepLine): string {
  const long = header.hKappaLimit === null ? '' : `${strength(header.hKappaLimit)} in the long run, `;
  const says = `Theory: ${long}${strength(line.hKappa)} at step ${line.step}.`;
  const measured = lastEffect(steps);
  const predicted = measured?.effectPredicted;
  const compared =
    typeof predicted === 'number'
      ? ` For the same quantity it predicts ${predictedText(predicted)} at step ${measured!.step}, where ${finePercent(measured!.effect, true)} was measured.`
      : '';
  const problem = doubt(line);
  const holds = `the steps are as it predicts (self-check ${number(decisiveSelfCheck(line))})`;
  const fails = isUnchecked(line) ? 'Whether it holds here is not known' : 'It does not hold here';
  return `${says}${compared} ${problem ? `${fails}: ${problem}.` : `It holds here: ${holds}.`}`;
}

/** How near to the edge of stability the last measurement was, and the step that gained least. */
function edgeText({ steps }: Run): string | undefined {
  const last = steps.findLast(({ edge }) => typeof edge === 'number');
  if (!last) return undefined;
  const sharpness = number(last.preconditionedSharpness);
  const where =
    last.edge! >= 1 ? 'beyond the edge of stability' : `at ${finePercent(last.edge)} of the edge of stability`;
  const most = Math.max(...steps.flatMap(({ zeta }) => (typeof zeta === 'number' ? [zeta] : [])));
  const lost = Number.isFinite(most)
    ? `; of what the gradient promised, its steps lost ${finePercent(Math.max(0, most))} at most`
    : '';
  return `At step ${last.step} the run is ${where} (preconditioned sharpness ${sharpness})${lost}.`;
}

/** Beyond this an accumulated prediction is no number that means anything. */
const mostPredicted = 10;

const predictedText = (predicted: number): string =>
  predicted > mostPredicted ? `over ${percent(mostPredicted, true)}` : finePercent(predicted, true);

/** What to try next, where no comparison was run yet: something that is measured, too. */
function nextStep(name: string, hyper: RunHeader['optimizer']['hyper']): string | undefined {
  const axis =
    optimizerOf(name)?.optimizer.memory.denominator === 'beta2'
      ? `beta2=${[0.9, 0.95, 0.99, 0.999].filter((value) => value !== hyper.beta2).join(',')}`
      : typeof hyper.momentum === 'number'
        ? `momentum=${[0, 0.9, 0.99].filter((value) => value !== hyper.momentum).join(',')}`
        : undefined;
  return axis && `Next: optimizer-bias compare with the same options and --try ${axis} measures what they change.`;
}

/** A row per tensor; numbers that the theory does not support stand in parentheses. */
function tensorTable(run: Run, line: StepLine): string {
  const columns = ['strength', '|corr|/|g|', 'cos', 'net', 'valid', 'self-check', '|g| < |g|*'];
  const measured = run.header.reference !== undefined && run.header.reference.kind !== 'none';
  const grouped = run.header.groups !== undefined;
  const header = [
    'tensor',
    'size',
    ...(grouped ? ['group', 'lr', 'decay'] : []),
    ...(measured ? ['effect', 'predicted'] : []),
    ...columns,
  ];
  const base = Math.abs(line.normRateBase ?? 0);
  const name = tensorLabels(run.header.tensors.map(labelOf));
  const row = (label: string, size: number, fields: TensorLine, own?: ReturnType<typeof groupOf>): string[] => {
    const shown = (text: string) => hedged(text, isBelievable(fields));
    return [
      name(label),
      thousands(size),
      ...(grouped ? [own?.group || '–', own?.lr ?? '–', own?.weightDecay ?? '–'].map(setting) : []),
      ...(measured
        ? [
            finePercent(fields.effect, true),
            shown(typeof fields.effectPredicted === 'number' ? predictedText(fields.effectPredicted) : '–'),
          ]
        : []),
      shown(strengthText(fields.hKappa)),
      shown(number(fields.relativeSize)),
      shown(number(fields.cosine, true)),
      shown(
        number(fields.net === null || fields.net === undefined || base === 0 ? undefined : fields.net / base, true),
      ),
      percent(fields.validShare),
      number(decisiveSelfCheck(fields)),
      run.header.switchGradient === null ? '–' : percent(fields.belowSwitchShare),
    ];
  };
  const sizes = run.header.tensors.map(({ shape }) => shape.reduce((product, dim) => product * dim, 1));
  const rows = run.header.tensors
    .slice(0, mostRows)
    .map((tensor, i) => row(labelOf(tensor), sizes[i], line.tensors[tensor.name], groupOf(run.header, tensor.name)));
  rows.push(row('all', run.header.model.parameters, line));
  const text = [table(header, rows)];
  if (run.header.tensors.length > mostRows)
    text.push(`  and ${run.header.tensors.length - mostRows} more tensors in steps.jsonl`);
  if (rows.some((cells) => cells.some((cell) => cell.startsWith('('))))
    text.push(
      `  In parentheses: the first-order theory is not known to hold there (self-check above ${mostSelfCheck} or none, or more than a factor ${mostFactor} from what was measured).`,
    );
  return text.join('\n');
}
