import Ajv, { type ValidateFunction } from 'ajv';
import { InspectorError } from '../shared/errors.ts';
import { compareSettings } from './comparisons.ts';
import { explainConfiguration, scanWorkspace } from './configurations.ts';
import { describeModel } from './models.ts';
import { getRun, inspectModel, listRuns } from './runs.ts';
import type { AgentTool, ToolContext } from './tool.ts';

/** Every tool that agents are offered, in the order in which they are listed. */
export const agentTools: readonly AgentTool[] = [
  explainConfiguration,
  scanWorkspace,
  describeModel,
  inspectModel,
  compareSettings,
  getRun,
  listRuns,
];

const ajv = new Ajv({ allErrors: true, strict: false });
const validators = new Map<AgentTool, ValidateFunction>();

/**
 * Holds an input against the tool's schema and runs it. Throws an InspectorError with everything that is wrong with the input, or what
 * the tool refuses.
 */
export async function callTool(tool: AgentTool, input: unknown, context: ToolContext): Promise<object> {
  const validate = validators.get(tool) ?? ajv.compile(tool.input);
  validators.set(tool, validate);
  if (!validate(input)) {
    const wrong = (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const named = (params as { additionalProperty?: string }).additionalProperty;
      return `  ${instancePath.slice(1) || 'input'} ${message}${named === undefined ? '' : ` ("${named}")`}`;
    });
    throw new InspectorError(
      `The input of ${tool.name} is wrong:\n${[...new Set(wrong)].join('\n')}`,
      `It takes ${Object.keys((tool.input as { properties: object }).properties).join(', ')}.`,
    );
  }
  return tool.run(input as never, context);
}
