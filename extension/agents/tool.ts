import type { Progress } from '../shared/protocol.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a tool may use of the place where it is called. */
export interface ToolContext {
  /** Folder that relative paths are relative to. */
  readonly directory: string;
  /** The file or folder that a path names. Throws an InspectorError where it lies outside of what the client has granted. */
  path(given: string): string;
  /** The granted folder in which a path lies, links followed; undefined where it lies in none. */
  rootOf(path: string): string | undefined;
  /** The bundled engine process. */
  readonly engine: string;
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

/**
 * Something that a coding agent can ask for. Names and descriptions are what it decides by; the answer carries what was measured and
 * how far the theory holds before any number of the theory.
 */
export interface AgentTool {
  /** `inspect_model` */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  /** False where it runs a model and writes a run. */
  readonly readOnly: boolean;
  /** What is going to happen, for whoever is asked whether it may. */
  confirmation?(input: Readonly<Record<string, unknown>>): string;
  /** The input has been held against the schema. Throws an InspectorError for what is wrong with it. */
  run(input: never, context: ToolContext): Promise<object>;
}

const described = (schema: JsonSchema) => (description: string) => ({ ...schema, description });
export const text = described({ type: 'string', minLength: 1 });
export const anyText = described({ type: 'string' });
export const flag = described({ type: 'boolean' });
export const nullableNumber = described({ type: ['number', 'null'] });
export const nullableText = described({ type: ['string', 'null'] });
export const count = (description: string, minimum: number, maximum?: number) => ({
  type: 'integer',
  minimum,
  ...(maximum !== undefined && { maximum }),
  description,
});
export const list = (items: JsonSchema, description: string) => ({ type: 'array', items, description });

/** An object with these properties and no others; all are required but those that are named as optional. */
export const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  optional: readonly string[] = [],
): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
});
