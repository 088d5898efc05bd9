import { effectLineOf, effectSentence, lastEffect } from '../extension/shared/effectWords.ts';
import { baseName, labelOf, number, percent, shorten, thousands } from '../extension/shared/format.ts';
import type { PanelRun } from '../extension/shared/panel.ts';
import type { StepLine } from '../extension/shared/protocol.ts';
import {
  capitalised,
  decisiveSelfCheck,
  doubt,
  hedged,
  heldAgainst,
  isBelievable,
  sentence,
  strength,
} from '../extension/shared/verdict.ts';
import { lastMeasured, lineOf, measuresOf, settingsText, sizeOf } from './measures.ts';

/** The columns of the CSV after step, tensor and size. */
const fieldNames = [
  'loss',
  'perturbedNorm',
  'gradientNorm1',
  'gradientNorm2',
  'correctionNorm',
  'hKappa',
  'kappa',
  'kappaMin',
  'kappaMax',
  'relativeSize',
  'cosine',
  'normRate',
  'normRateBase',
  'lossRate',
  'lossRateBase',
  'net',
  'validShare',
  'selfCheck',
  'selfCheckRun',
  'selfCheckAveraged',
  'negativeShare',
  'belowSwitchShare',
  'effect',
  'effectAveraged',
  'effectPredicted',
  'oscillation',
  'slowOscillation',
] as const;

/** A cell that spreadsheets take as text: quoted, and never a formula. */
function csvText(text: string): string {
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${harmless.replaceAll('"', '""')}"`;
}

/** A line for every step and tensor, with full precision; the whole model is the tensor "(all)". */
export function toCsv(run: PanelRun): string {
  const sizes = new Map(run.header.tensors.map(({ name, shape }) => [name, sizeOf(shape)]));
  const lines = [['step', 'tensor', 'parameters', ...fieldNames].join(',')];
  const write = (step: number, name: string, size: number, fields: object) => {
    const values = fields as Readonly<Record<string, unknown>>;
    lines.push([step, csvText(name), size, ...fieldNames.map((field) => values[field] ?? '')].join(','));
  };
  for (const line of run.steps) {
    write(line.step, '(all)', run.header.model.parameters, line);
    for (const [name, size] of sizes) if (line.tensors[name]) write(line.step, name, size, line.tensors[name]);
  }
  return `${lines.join('\n')}\n`;
}

/** The run as it is on disk: what was run, and a line for each step. */
export const toJson = ({ name, header, steps }: PanelRun): string =>
  `${JSON.stringify({ name, run: header, steps }, undefined, 2)}\n`;

/** Text from a file in a Markdown table: one line, nothing that is markup. */
const cell = (text: string): string =>
  shorten(text, 80).replace(/[\\`*_{}[\]()#+!|<>~$&@-]/g, (c) => (c === '<' ? '&lt;' : c === '&' ? '&amp;' : `\\${c}`));

/** The verdict, its sentence, and a table, to paste into a report or a pull request. */
export function toMarkdown(run: PanelRun): string {
  const { header, steps } = run;
  const line = lastMeasured(steps);
  const first = steps[0];
  const last = steps.at(-1);
  const parts = [
    `## ${cell(baseName(header.model.path))}: ${cell(settingsText(header))}`,
    `${thousands(header.data.samples)} samples, loss ${header.loss}, ${header.dtype} on ${header.device.toUpperCase()}, ${header.started.slice(0, 10)}, ${header.tool}.`,
  ];
  if (first && last)
    parts.push(
      `Loss ${number(first.loss)} → ${number(last.loss)} in ${last.step} steps; ‖∇E‖₁,ε ${number(first.perturbedNorm)} → ${number(last.perturbedNorm)}.`,
    );
  if (!line)
    return `${[...parts, header.notApplicable ? sentence(header, first ?? ({ step: 0 } as StepLine)) : 'No correction was computed.'].join('\n\n')}\n`;
  const measured = effectSentence(header, lastEffect(steps));
  if (measured) parts.push(`**Measured:** ${measured}`);
  const checked = heldAgainst(line, lastEffect(steps));
  const problem = doubt(checked);
  const limit = header.hKappaLimit === null ? '' : ` (${strength(header.hKappaLimit)} in the long run)`;
  parts.push(
    `**${capitalised(strength(line.hKappa))}** at step ${line.step}${limit}. Self-check ${number(decisiveSelfCheck(line))}, ${percent(line.validShare)} of ${thousands(header.model.parameters)} parameters with ν < 0.3.${problem ? ` **Careful:** ${problem}.` : ''}`,
    sentence(header, checked),
    markdownTable(run, line),
    'Numbers in parentheses: the first-order theory does not hold there. On the Implicit Bias of Adam: https://arxiv.org/abs/2309.00079',
  );
  return `${parts.join('\n\n')}\n`;
}

function markdownTable(run: PanelRun, line: StepLine): string {
  const { header } = run;
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = { line, effectLine: effectLineOf(run) };
  /** Of a tensor, or of the model. */
  const text = (label: string, size: number, tensor?: string) =>
    row([
      label,
      thousands(size),
      ...measuresOf(run).map((measure) => {
        const from = lineOf(measure, lines);
        const fields = tensor === undefined ? from : from?.tensors[tensor];
        const shown = measure.text(from && fields && measure.value(fields, from));
        return hedged(shown, !measure.theoretical || (fields !== undefined && isBelievable(fields)));
      }),
    ]);
  return [
    row(['tensor', 'size', ...measuresOf(run).map(({ title }) => cell(title))]),
    row(['---', '--:', ...measuresOf(run).map(() => '--:')]),
    ...header.tensors.flatMap((tensor) => {
      const { name, shape } = tensor;
      return line.tensors[name] ? [text(cell(labelOf(tensor)), sizeOf(shape), name)] : [];
    }),
    text('**all**', header.model.parameters),
  ].join('\n');
}

/** A file name without an extension: the run's, made of harmless characters. */
export const fileName = ({ name }: PanelRun): string => name.replace(/[^\w.-]+/g, '-').slice(0, 80) || 'run';
