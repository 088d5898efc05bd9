import { abbreviate, shorten, tensorLabel } from '../extension/shared/format.ts';

/** As many characters as the column of names has room for in a panel beside the code. */
const fewest = 24;
const most = 48;

/** A tensor's name in a row: abbreviated where the panel is narrow. */
export function TensorName({ name }: { readonly name: string }) {
  const whole = tensorLabel(name, most);
  const brief = shorten(abbreviate(name, fewest), most);
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

/** Style of rows that makes their column of names as wide as the longest of them needs. */
export function nameWidths(names: readonly string[]): Readonly<Record<string, string>> {
  const widest = (text: (name: string, limit: number) => string, limit: number): string =>
    String(Math.min(limit, Math.max(8, ...names.map((name) => text(name, limit).length))));
  return { '--brief': widest(abbreviate, fewest), '--whole': widest(tensorLabel, most) };
}
