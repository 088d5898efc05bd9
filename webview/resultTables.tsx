import type { ResultTable } from '../extension/shared/experiments.ts';
import { number } from '../extension/shared/format.ts';
import { hedged, isBelievable } from '../extension/shared/verdict.ts';

/** The tables of an experiment's result. */
export const ResultTables = ({ tables }: { readonly tables: readonly ResultTable[] }) => (
  <>
    {tables
      .filter(({ rows }) => rows.length > 0)
      .map((table) => (
        <TableSection key={table.title} {...table} />
      ))}
  </>
);

function TableSection({ title, columns, rows }: ResultTable) {
  const sides = columns.map((_, i) => (i > 0 && rows.every((row) => isNumeric(row[i])) ? 'numeric' : ''));
  const doubts = rows.map((row) => isDoubtful(columns, row));
  return (
    <section>
      <h2>{title}</h2>
      <div class="scroll-x">
        <table class="grid fit">
          <caption class="spoken">{title}</caption>
          <thead>
            <tr>
              {columns.map((text, i) => (
                <th key={text} scope="col" class={sides[i]}>
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, r) => (
              <tr key={r}>
                {row.map((cell, i) => {
                  const isDoubted = doubts[r] && theoretical.has(columns[i]);
                  const text = hedged(typeof cell === 'string' ? cell : number(cell), !isDoubted);
                  const look = `${sides[i]}${isDoubted ? ' doubtful' : ''}`;
                  return i === 0 ? (
                    <th key={columns[i]} scope="row" class={look}>
                      {text}
                    </th>
                  ) : (
                    <td key={columns[i]} class={look}>
                      {text}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {doubts.includes(true) && <p class="dim">Dim and in parentheses: the first-order theory does not hold there.</p>}
    </section>
  );
}

/** Columns of numbers that mean nothing where the first-order theory does not hold. */
const theoretical: ReadonlySet<string> = new Set(['strength', 'κ_eff', 'h·κ']);

/** The row says of itself that the theory does not hold there. */
function isDoubtful(columns: readonly string[], row: ResultTable['rows'][number]): boolean {
  const at = columns.indexOf('self-check');
  const selfCheck = row[at];
  return at >= 0 && !isBelievable({ selfCheck: typeof selfCheck === 'number' ? selfCheck : null });
}

/** A number, a share, or nothing: aligned at the right. */
const isNumeric = (cell: string | number | null): boolean =>
  typeof cell !== 'string' || /^[−-]?[\d.,]+(e[−-]?\d+)?( %)?$|^–$/.test(cell);
