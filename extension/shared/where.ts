import { quoteName, quoteUnusual } from './names.ts';

/** What an error is about, as data: each surface says it, or makes a link of it, in its own way. */
export interface Where {
  /** A path, as it was asked for. */
  readonly file?: string;
  /** Counted from 1. */
  readonly line?: number;
  /** Of a table: its position counted from 1, its name, or both. */
  readonly column?: { readonly number?: number; readonly name?: string };
  /** The name of a node of the graph, or what it computes where it has none. */
  readonly node?: string;
  /** What the node is: `Conv`, or with its version `Conv-11`. */
  readonly operator?: string;
  /** Of the node, or of a function of the model. */
  readonly attribute?: string;
  readonly function?: string;
  /** An initializer of a model, an array of a data file, a tensor of a checkpoint. */
  readonly tensor?: { readonly kind: 'initializer' | 'array' | 'tensor' | 'input'; readonly name: string };
}

/** One of several things that an error is about: `  "conv" (Conv-11): it depends on data`. */
export interface Part {
  readonly where: Where;
  readonly message: string;
}

/** A place that lies in another one: the fields of both, the inner ones first. */
export const inside = (outer: Where | undefined, inner: Where | undefined): Where | undefined =>
  outer && inner ? { ...outer, ...inner } : (inner ?? outer);

/** `"data.csv", line 3, column 2 ("b")`, `"m.onnx", node "conv" (Conv)`; empty where there is no place. */
export function whereText({ file, ...within }: Where = {}): string {
  return [file !== undefined ? quoteName(file, 400) : '', withinFile(within)].filter(Boolean).join(', ');
}

/** The same without the file: what is left to say beside a link to it. */
export function withinFile({ line, column, node, operator, attribute, tensor, ...where }: Where = {}): string {
  const columnName = column?.name === undefined ? undefined : quoteName(column.name, 40);
  return [
    line !== undefined && `line ${line}`,
    column &&
      `column ${column.number === undefined ? columnName : [column.number, columnName && `(${columnName})`].filter(Boolean).join(' ')}`,
    where.function !== undefined && `function ${quoteName(where.function)}`,
    node !== undefined && `node ${nodeText({ node, operator })}`,
    attribute !== undefined && `attribute ${quoteName(attribute)}`,
    tensor && `${tensor.kind} ${quoteName(tensor.name)}`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** `"conv" (Conv-11)`. */
const nodeText = ({ node, operator }: Where): string =>
  quoteName(node ?? '') + (operator === undefined ? '' : ` (${quoteUnusual(operator)})`);

/** The place of one of several things: in a list of nodes, their names say enough. */
export const partText = (where: Where): string => (where.node === undefined ? whereText(where) : nodeText(where));
