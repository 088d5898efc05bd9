import { createHash } from 'node:crypto';
import { readJsonFile } from '../files/regular.ts';
import { writeWhole } from '../files/writing.ts';
import { InspectorError, quoteName } from '../shared/errors.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { ScanFinding } from './report.ts';

/** Findings that were there before, and are not told again. */
interface Baseline {
  readonly format: 1;
  readonly findings: readonly { readonly file: string; readonly code: string; readonly fingerprint: string }[];
}

/**
 * What a finding is known by when lines around it have moved: file, rule, the text of its line, and which one of those that are
 * equal in this it is.
 */
export class Fingerprints {
  private readonly met = new Map<string, number>();

  of({ file, lines, text }: ScanFinding, { code, range }: Diagnostic): string {
    const { line } = lines.position(range.from);
    const base = [file, code, text.slice(lines.offset(line, 0), lines.offset(line + 1, 0)).trim()].join('\n');
    const turn = this.met.get(base) ?? 0;
    this.met.set(base, turn + 1);
    return createHash('sha256').update(`${base}\n${turn}`).digest('hex').slice(0, 32);
  }
}

/** The findings without the diagnostics that the baseline in a file knows, and how many those were. Throws an InspectorError where it is none. */
export function withoutKnown(
  findings: readonly ScanFinding[],
  path: string,
): { readonly findings: ScanFinding[]; readonly known: number } {
  const known = new Set(readBaseline(path).findings.map(({ fingerprint }) => fingerprint));
  const fingerprints = new Fingerprints();
  let count = 0;
  const left = findings.map((finding) => ({
    ...finding,
    diagnostics: finding.diagnostics.filter((diagnostic) => {
      const isKnown = known.has(fingerprints.of(finding, diagnostic));
      if (isKnown) count++;
      return !isKnown;
    }),
  }));
  return { findings: left, known: count };
}

/** Writes what was found as the baseline of later scans. Throws an InspectorError where it cannot be written. */
export function writeBaseline(findings: readonly ScanFinding[], path: string): number {
  const fingerprints = new Fingerprints();
  const entries = findings.flatMap((finding) =>
    finding.diagnostics.map((diagnostic) => ({
      file: finding.file,
      code: diagnostic.code,
      fingerprint: fingerprints.of(finding, diagnostic),
    })),
  );
  writeWhole(path, `${JSON.stringify({ format: 1, findings: entries } satisfies Baseline, undefined, 2)}\n`);
  return entries.length;
}

function readBaseline(path: string): Baseline {
  let value: unknown;
  try {
    value = readJsonFile(path);
  } catch (error) {
    throw new InspectorError(
      `Cannot read the baseline ${quoteName(path)}: ${(error as Error).message}.`,
      'Write one with --write-baseline.',
      { cause: error },
    );
  }
  const { format, findings } = (value ?? {}) as Partial<Baseline>;
  if (format !== 1 || !Array.isArray(findings) || !findings.every((each) => typeof each?.fingerprint === 'string'))
    throw new InspectorError(`${quoteName(path)} is no baseline.`, 'Write one with --write-baseline.');
  return value as Baseline;
}
