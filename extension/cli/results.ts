import { readExperiment } from '../jobs/store.ts';
import { readSweep } from '../jobs/sweepFolder.ts';
import { openLines } from '../shared/differences.ts';
import type { ExperimentHeader, ExperimentResult, ResultTable } from '../shared/experiments.ts';
import { badgeOf } from '../shared/experimentVerdict.ts';
import type { PlanKind } from '../shared/plans.ts';
import { onCommandLine } from '../shared/words.ts';
import { number, styles, table } from './text.ts';

/** Prints the result in a folder, for people or as JSON. Throws an InspectorError where there is none. */
export function tellResult(kind: PlanKind, folder: string, json: boolean): void {
  const header = readExperiment(folder);
  if (json) {
    const points = kind === 'sweep' ? { points: readSweep(folder).points } : {};
    process.stdout.write(`${JSON.stringify({ folder, ...points, ...header })}\n`);
  } else if (kind === 'compare' && header.result) process.stdout.write(renderComparison(folder, header.result));
  else if (kind === 'sweep' || header.result) process.stdout.write(renderExperiment(folder, header));
}

function renderComparison(folder: string, { sentence, tables, differences, notes }: ExperimentResult): string {
  const style = styles(process.stdout);
  const lines = [style.bold(sentence)];
  tables.forEach(({ title, columns, rows }, i) => {
    const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : number(cell))));
    lines.push('', title, table(columns, cells));
    if (i === 0 && differences) lines.push(...openLines(differences).map((line) => `  ${line}`));
  });
  lines.push('', ...notes.map(onCommandLine), '', `Wrote ${folder} (compare.json, experiment.json).`);
  return `${lines.join('\n')}\n`;
}

/** The result for people: the sentence, the verdict where it is finished, the tables, and where the files are. */
export function renderExperiment(folder: string, { result, status }: ExperimentHeader): string {
  if (!result) return `No result in ${folder}.\n`;
  const style = styles(process.stdout);
  const badge = badgeOf(result);
  const files = ['experiment.json', 'series.csv', ...result.charts.map(({ id }) => `${id}.svg`)];
  return [
    ...(status === 'finished'
      ? [style.bold(result.sentence), ...(badge ? [`${badge.mark} ${badge.text}.`] : [])]
      : [style.bold(`So far: ${result.sentence}`)]),
    ...result.tables.flatMap((each) => ['', `${each.title}:`, resultTable(each)]),
    ...(result.notes.length > 0 ? [''] : []),
    ...result.notes.map((note) => style.dim(`Note: ${onCommandLine(note)}`)),
    '',
    `Wrote ${folder} (${files.join(', ')}).`,
    '',
  ].join('\n');
}

const resultTable = ({ columns, rows }: ResultTable): string =>
  table(
    columns,
    rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : number(cell)))),
  );
