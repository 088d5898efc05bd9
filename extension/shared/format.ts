/**
 * How numbers read on every surface: the command line, the panel, the text beside the code, pictures and messages. No other file
 * turns digits into text (a test holds it).
 */

/** Rounded to so many significant digits. */
export const rounded = (value: number, digits: number): number => Number(value.toPrecision(digits));

/** Three significant digits for columns, with a real minus sign; an en dash where there is no value. */
export function number(value: number | null | undefined, sign = false): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const exact = Math.abs(value);
  // What rounds to 0.001 is written as that; digits are rounded once.
  const size = rounded(exact, 4);
  const text =
    size === 0
      ? '0'
      : size >= 1e5 || size < 1e-3
        ? exact.toExponential(2).replace('e+', 'e').replace('-', '−')
        : size >= 1000
          ? thousands(Math.round(size))
          : exact.toPrecision(3);
  return `${value < 0 ? '−' : sign ? '+' : ''}${text}`;
}

/** The same in running text, where nothing has to be aligned: 0.99 for 0.990. */
export function amount(value: number | null | undefined, sign = false): string {
  return number(value, sign)
    .replace(/(\.\d*?)0+(?=$|e)/, '$1')
    .replace(/\.(?=$|e)/, '');
}

/** Three significant digits for sentences that say "unknown" where there is no value, or as many as asked for. */
export function shown(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || Number.isNaN(value)) return 'unknown';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  const text =
    size !== 0 && (size >= 1e5 || size < 1e-3) ? size.toExponential(digits - 1) : String(rounded(size, digits));
  return `${value < 0 ? '−' : ''}${text.replace('e+', 'e').replace('e-', 'e−')}`;
}

/** As short as so many significant digits allow, with a real minus sign: 0.5, −12. */
export const brief = (value: number, digits: number): string => String(rounded(value, digits)).replace('-', '−');

/** With so many decimals, for columns of numbers of one size; in words where it is none. */
export const decimals = (value: number, count: number, otherwise = '–'): string =>
  Number.isFinite(value) ? value.toFixed(count) : otherwise;

/** 12,345. */
export const thousands = (value: number): string => value.toLocaleString('en-US');

/** 64 %, with a sign where asked for. */
export function percent(share: number | null | undefined, sign = false): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  const whole = Math.round(Math.abs(share) * 100);
  const text = whole >= 1e5 ? number(whole) : thousands(whole);
  return `${whole === 0 ? '' : share < 0 ? '−' : sign ? '+' : ''}${text} %`;
}

/** 12 %, 3.2 %, 0.4 %: with one decimal below ten; a sign where asked for. */
export function finePercent(share: number | null | undefined, sign = false): string {
  if (share === null || share === undefined || !Number.isFinite(share) || Math.abs(share) >= 0.0995)
    return percent(share, sign);
  const text = Math.abs(100 * share)
    .toFixed(1)
    .replace(/\.0$/, '');
  return `${text === '0' ? '' : share < 0 ? '−' : sign ? '+' : ''}${text} %`;
}

/** 98.0 %, for columns of shares: always with one decimal. No value stays none, as tables have it. */
export function columnPercent(share: number): string;
export function columnPercent(share: number | null | undefined): string | null;
export function columnPercent(share: number | null | undefined): string | null {
  return share === null || share === undefined ? null : `${(100 * share).toFixed(1)} %`;
}

/** 3.21 %, 0.0512 %: a share with three significant digits, for sentences; a plus sign where asked for. */
export const sharePercent = (share: number, sign = false): string =>
  `${sign && share > 0 ? '+' : ''}${shown(100 * share)} %`;

/** A number of an axis: 0.25, 2e−5. */
export function tick(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5)
    ? value.toExponential(1).replace('.0e', 'e').replace('e+', 'e').replace(/-/g, '−')
    : brief(value, 4);
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** A number of an axis in a picture that stands alone: 0.01, 5·10⁻⁴, 10⁶. */
export function powerTick(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size < 1e5 && size >= 1e-3)) return brief(value, 6);
  const [digits = '', exponent = ''] = rounded(value, 6).toExponential().split('e');
  const power = `10${exponent
    .replace('+', '')
    .replace('-', '⁻')
    .replace(/\d/g, (digit) => superscripts.charAt(Number(digit)))}`;
  return `${digits === '1' ? '' : digits === '-1' ? '−' : `${digits.replace('-', '−')}·`}${power}`;
}

/** A place in a picture, in its units. */
export const place = (value: number): string => value.toFixed(1);

/** "1 byte", "12 bytes", "3.5 MiB". */
export function byteCount(count: number): string {
  if (count > Number.MAX_SAFE_INTEGER) return 'more than 8192 TiB';
  if (count < 1024) return `${count} byte${count === 1 ? '' : 's'}`;
  const power = Math.min(4, Math.floor(Math.log2(count) / 10));
  return `${Number((count / 1024 ** power).toFixed(1))} ${['', 'KiB', 'MiB', 'GiB', 'TiB'][power]}`;
}

/** A setting as users write it: 0.001, 1e-6. */
export function setting(value: unknown): string {
  if (typeof value !== 'number' || value === 0) return String(value);
  if (!Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  return size < 1e-3 || (size >= 1e6 && !Number.isInteger(value))
    ? value.toExponential().replace('e+', 'e')
    : String(value);
}

/** 12 s, 3 min, 4.3 h. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(minutes < 600 ? 1 : 0)} h`;
}

/** A name from a file: control and bidirectional characters replaced, its middle left out where it is long. */
export function shorten(name: string, limit = 40): string {
  const visible = name.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '�');
  return visible.length <= limit
    ? visible
    : `${visible.slice(0, limit / 2 - 1)}…${visible.slice(visible.length - limit / 2)}`;
}

/**
 * `e.l.0.s.in_proj.weight` for `encoder.layers.0.self_attn.in_proj.weight`, where the name has more than `limit` characters:
 * words shrink to their first letters, but for the last two, or the last one. Numbers stay: they tell tensors apart.
 */
export const abbreviate = (name: string, limit: number): string => abbreviator([name], limit)(name);

/** The same for names that stand beside each other: all of them are abbreviated alike, as far as the longest one needs. */
export function abbreviator(names: readonly string[], limit: number): (name: string) => string {
  const kept = [Number.POSITIVE_INFINITY, 2].find((last) => names.every((name) => keeping(name, last).length <= limit));
  if (kept !== undefined) return (name) => keeping(name, kept);
  // Tensors that would be called the same keep a word more, however long.
  const last = new Set(names.map((name) => keeping(name, 1))).size < new Set(names).size ? 2 : 1;
  return (name) => keeping(name, last);
}

/** A name whose words are first letters, but for the last ones and for numbers. */
function keeping(name: string, last: number): string {
  const parts = name.split(/([./])/);
  const words = (parts.length + 1) / 2;
  return parts
    .map((part, i) => (i % 2 === 1 || i / 2 >= words - last || /^\d/.test(part) ? part : initial(part)))
    .join('');
}

/** First letter and number of a word: `l1` for `layer1`. */
const initial = (word: string): string => word.slice(0, 1) + (/\d*$/.exec(word.slice(1))?.[0] ?? '');

/** A tensor's name in at most `limit` characters: abbreviated, and only then without its middle. */
export const tensorLabel = (name: string, limit = 40): string => shorten(abbreviate(name, limit), limit);

/** The labels of tensors that stand beside each other, in at most `limit` characters each. */
export function tensorLabels(names: readonly string[], limit = 40): (name: string) => string {
  const short = abbreviator(names, limit);
  return (name) => shorten(short(name), limit);
}

/** What a tensor is called: as in the original module, where the exporter renamed it. */
export const labelOf = ({ name, source }: { readonly name: string; readonly source?: string }): string =>
  source ?? name;

/** The last part of a path with either kind of slash. */
export const baseName = (path: string): string => path.split(/[/\\]/).at(-1) ?? path;
