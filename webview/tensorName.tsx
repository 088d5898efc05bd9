import { shorten, tensorLabels } from '../extension/shared/format.ts';

/** As many characters as the column of names has room for in a panel beside the code. */
const fewest = 24;
const most = 48;

/** The names of tensors in a column. */
export interface Names {
  /** Style of rows that makes their column of names as wide as the longest of them needs. */
  readonly widths: Readonly<Record<string, string>>;
  readonly whole: (name: string) => string;
  /** Where the panel is narrow. */
  readonly brief: (name: string) => string;
}

/** How tensors that stand below each other are named: all whole, or all abbreviated alike. */
export function namesAmong(labels: readonly string[]): Names {
  const [whole, brief] = [tensorLabels(labels, most), tensorLabels(labels, fewest)];
  const widest = (text: (name: string) => string, limit: number): string =>
    String(Math.min(limit, Math.max(8, ...labels.map((name) => text(name).length))));
  return { widths: { '--brief': widest(brief, fewest), '--whole': widest(whole, most) }, whole, brief };
}

/** A tensor's name in a row: abbreviated where the panel is narrow. */
export function TensorName({ name, names }: { readonly name: string; readonly names: Names }) {
  const [whole, brief] = [names.whole(name), names.brief(name)];
  if (brief === whole) return <bdi>{whole}</bdi>;
  return (
    <>
      <bdi class="whole">{whole}</bdi>
      <bdi class="brief">{brief}</bdi>
    </>
  );
}

/** What a tensor is called, and in the file, where that is another name. */
export const inFile = ({ name, label }: { readonly name: string; readonly label: string }): string =>
  shorten(label, 200) + (name === label ? '' : `, in the file ${shorten(name, 100)}`);
