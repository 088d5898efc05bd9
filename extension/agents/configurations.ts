import { sep } from 'node:path';
import { verdict } from '../advice/hover.ts';
import { type ScanFinding, toRecord } from '../advice/report.ts';
import { scanLoose, scanPaths } from '../advice/scan.ts';
import type { Language } from '../configs/config.ts';
import { InspectorError } from '../shared/errors.ts';
import {
  type AgentTool,
  anyText,
  count,
  list,
  nullableNumber,
  nullableText,
  object,
  type ToolContext,
  text,
} from './tool.ts';

/** Goes with every prediction, so that it is not passed on without it. */
const VALIDITY =
  'Prediction of the theory for full-batch training with small steps; nothing was measured. Larger steps and small batches can reverse it: inspect_model and compare_settings measure it.';

const value = object(
  {
    value: { type: ['number', 'boolean', 'string', 'null'] },
    from: text('literal, resolved, default or unknown'),
    file: anyText('where it was read, if elsewhere'),
  },
  ['file'],
);
const values = { type: 'object', additionalProperties: value };

const configuration = object({
  file: anyText('path, or "text"'),
  line: count('from 1', 1),
  framework: anyText('library whose defaults hold'),
  optimizer: anyText('canonical name'),
  validity: anyText('how far the prediction may be believed'),
  prediction: anyText('what theory predicts, in words'),
  hyperparameters: {
    ...values,
    description: 'values and where they come from; "unknown" has no value and no default was assumed',
  },
  others: values,
  schedule: nullableText('learning-rate schedule'),
  notes: list({ type: 'string' }, 'what is unusual or not known'),
  hKappa: nullableNumber(
    'weight of the norm in the loss that is followed, in the long run; negative is anti-regularizing',
  ),
  diagnostics: list(
    object({
      code: anyText('rule'),
      severity: anyText('error, warning, information or hint'),
      message: anyText('message'),
      line: count('from 1', 1),
    }),
    'what is wrong or worth knowing',
  ),
});

function answerOf(finding: ScanFinding): object {
  const { file, line, framework, optimizer, hyperparameters, others, schedule, notes, hKappa, diagnostics } =
    toRecord(finding);
  const prediction = verdict(finding.config).replace(/[*]/g, '');
  const said = { file, line, framework, optimizer, validity: VALIDITY, prediction };
  return { ...said, hyperparameters, others, schedule, notes, hKappa, diagnostics };
}

interface ExplainInput {
  readonly text?: string;
  readonly file?: string;
  readonly language?: Language;
}

export const explainConfiguration: AgentTool = {
  name: 'explain_configuration',
  title: 'Explain an optimizer configuration',
  description:
    'Finds the optimizers that a piece of code or configuration sets up, with every value and where it comes from, and says what the theory of backward error analysis predicts of their implicit bias. Nothing is run. Give text (and its language) or a file.',
  readOnly: true,
  input: object(
    {
      text: anyText('code or configuration'),
      file: text(
        'path of a Python file, a notebook, or a file of settings (YAML, JSON, TOML, Gin, INI, Jsonnet, protocol buffers as text)',
      ),
      language: {
        enum: ['python', 'yaml', 'json', 'jsonc', 'toml', 'notebook', 'gin', 'textproto', 'ini', 'jsonnet'],
        description: 'of the text (default python)',
      },
    },
    ['text', 'file', 'language'],
  ),
  output: object(
    {
      files: count('files that were read', 0),
      configurations: list(configuration, 'in the order of the text'),
      incomplete: anyText('what was not looked at'),
    },
    ['incomplete'],
  ),
  async run({ text: given, file, language = 'python' }: ExplainInput, context: ToolContext) {
    if ((given === undefined) === (file === undefined))
      throw new InspectorError('Give either text or file.', 'text is code itself; file is a path below a root.');
    if (file !== undefined) return scanned(context.path(file), context, 1000);
    const { findings, incomplete } = await scanLoose(given!, language);
    return { files: 0, configurations: findings.map(answerOf), ...(incomplete !== undefined && { incomplete }) };
  },
};

async function scanned(path: string, { rootOf }: ToolContext, most: number) {
  const told: string[] = [];
  const { findings, fileCount } = await scanPaths([path], {
    cwd: rootOf(path)!,
    error: (line) => told.push(line.trim()),
    accepts: (file) => rootOf(file) !== undefined,
  });
  if (findings.length > most) told.push(`${findings.length - most} further configurations are left out.`);
  return {
    files: fileCount,
    configurations: findings.slice(0, most).map(answerOf),
    ...(told.length > 0 && { incomplete: told.slice(0, 50).join('\n') }),
  };
}

export const scanWorkspace: AgentTool = {
  name: 'scan_workspace',
  title: 'Find optimizer configurations',
  description:
    'Finds every optimizer configuration below a folder (Python, notebooks, YAML, JSON, TOML, Gin, INI, Jsonnet, protocol buffers as text), with values, diagnostics and what theory predicts. Nothing is run.',
  readOnly: true,
  input: object(
    {
      path: text('file or folder (default: the first root)'),
      limit: count('most configurations in the answer (default 50)', 1, 1000),
    },
    ['path', 'limit'],
  ),
  output: object(
    {
      files: count('files that were read', 0),
      configurations: list(configuration, 'by file and place'),
      incomplete: anyText('what was left out'),
    },
    ['incomplete'],
  ),
  run: ({ path = `.${sep}`, limit = 50 }: { path?: string; limit?: number }, context: ToolContext) =>
    scanned(context.path(path), context, limit),
};
