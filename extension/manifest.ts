import { agentTools } from './agents/registry.ts';
import type { AgentTool } from './agents/tool.ts';
import {
  COMMANDS,
  LANGUAGES,
  languageModelToolName,
  mcpProviderId,
  PREFIX,
  SETTINGS,
  type Setting,
} from './contributions.ts';
import { withTexts } from './manifestTexts.ts';
import {
  colors,
  customEditors,
  icons,
  keybindings,
  menus,
  views,
  viewsContainers,
  viewsWelcome,
  walkthroughs,
} from './places.ts';
import { compareSchema, experimentSchema, sweepSchema, timesSchema } from './shared/experimentSchema.ts';
import { planSchema } from './shared/planSchema.ts';
import { runSchema } from './shared/runSchema.ts';
import { stepsSchema } from './shared/stepsSchema.ts';
import { projectFile, projectSchema } from './shared/target.ts';

// The parts of the manifest that are made from tables; a test compares `package.json` with them.

const schemaFile = 'media/project.schema.json';

/** The schemas of what is written; a test compares the files with the tables that they are made from. */
export const schemas: readonly (readonly [file: string, schema: () => object])[] = [
  [schemaFile, projectSchema],
  ['media/schemas/run.schema.json', runSchema],
  ['media/schemas/steps.schema.json', stepsSchema],
  ['media/schemas/compare.schema.json', compareSchema],
  ['media/schemas/sweep.schema.json', sweepSchema],
  ['media/schemas/experiment.schema.json', experimentSchema],
  ['media/schemas/times.schema.json', timesSchema],
  ['media/schemas/plan.schema.json', planSchema],
];

/** `optimizerBiasInspectModel`, as it is written after `#` in a chat. */
const referenceName = ({ name }: AgentTool): string =>
  PREFIX + name.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());

/** `contributes` of the manifest. */
export function contributes() {
  const commands = Object.entries(COMMANDS);
  return withTexts({
    commands: commands.map(([command]) => ({
      command,
      title: `%command.${command.slice(PREFIX.length + 1)}%`,
      category: '%category%',
      ...(icons[command] && { icon: icons[command] }),
    })),
    menus: {
      ...menus,
      commandPalette: commands.flatMap(([command, { when }]) => (when ? [{ command, when }] : [])),
    },
    keybindings,
    configuration: {
      title: '%category%',
      properties: Object.fromEntries(
        Object.entries(SETTINGS).map(([id, { default: value, schema }]) => [
          `${PREFIX}.${id}`,
          { ...schema, default: value, scope: 'language-overridable', markdownDescription: `%setting.${id}%` },
        ]),
      ),
    },
    viewsContainers,
    views,
    viewsWelcome,
    customEditors,
    colors,
    walkthroughs,
    languageModelTools: agentTools.map((tool) => ({
      name: languageModelToolName(tool),
      toolReferenceName: referenceName(tool),
      displayName: tool.title,
      modelDescription: tool.description,
      userDescription: tool.description,
      canBeReferencedInPrompt: true,
      icon: '$(pulse)',
      inputSchema: tool.input,
    })),
    mcpServerDefinitionProviders: [{ id: mcpProviderId, label: '%category%' }],
    jsonValidation: [{ fileMatch: projectFile, url: `./${schemaFile}` }],
    // The editor itself does not know these languages.
    languages: [
      { id: 'toml', extensions: ['.toml'], aliases: ['TOML'] },
      { id: 'gin', extensions: ['.gin'], aliases: ['Gin'] },
      { id: 'jsonnet', extensions: ['.jsonnet', '.libsonnet'], aliases: ['Jsonnet'] },
      {
        id: 'textproto',
        extensions: ['.textproto', '.pbtxt', '.prototxt'],
        filenames: ['pipeline.config'],
        // Other files end in .config, too.
        firstLine: '^\\s*(?:model|train_config)\\s*:?\\s*\\{',
        aliases: ['Protocol Buffers as Text'],
      },
    ],
  });
}

/** Commands, views and editors activate by themselves. */
export const activationEvents = (): string[] => [
  ...LANGUAGES.map((language) => `onLanguage:${language}`),
  'onWebviewPanel:optimizerBias.panel',
  'onWebviewPanel:optimizerBias.experiment',
  'workspaceContains:.optimizer-bias.json',
];

export const restrictedConfigurations = (): string[] =>
  Object.entries<Setting<unknown>>(SETTINGS).flatMap(([id, { restricted }]) => (restricted ? [`${PREFIX}.${id}`] : []));
