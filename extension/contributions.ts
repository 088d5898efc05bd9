import { RULES, SEVERITIES } from './advice/rules.ts';
import type { AgentTool } from './agents/tool.ts';

/**
 * Everything that the manifest contributes, typed once. `manifest.ts` makes
 * `package.json` of it; titles and descriptions are in `manifestTexts.ts`.
 */
export const PREFIX = 'optimizerBias';

/** The editor's ids of the languages in which configurations are found. */
export const LANGUAGES = [
  'python', 'yaml', 'json', 'jsonc', 'toml', 'gin', 'textproto', 'ini', 'properties', 'jsonnet',
] as const; // biome-ignore format: a list

/** What each command takes when it is run by a link or a button; from the palette all are run without arguments. */
export interface CommandArguments {
  /** Inspects the configuration at a position of a document, a model (`where` is the .onnx file), or what the cursor is at. */
  'optimizerBias.inspect': [where?: string | Address, line?: number, character?: number];
  'optimizerBias.stop': [];
  /** Repeats the run in a folder, or the last one, with the settings as they are now; `agreed`: without asking about its files. */
  'optimizerBias.rerun': [folder?: string | RunItem, agreed?: boolean];
  'optimizerBias.retryOnCpu': [];
  'optimizerBias.openPanel': [];
  /** Runs the experiment of that name, or asks which. */
  'optimizerBias.runExperiment': [name?: string];
  /** Shows the result in a folder, or asks which. */
  'optimizerBias.openExperiment': [item?: RunItem];
  /** Both take what `optimizerBias.inspect` takes. */
  'optimizerBias.compareBeta2': [where?: string | Address, line?: number, character?: number];
  'optimizerBias.sweep': [where?: string | Address, line?: number, character?: number];
  /** Writes the script that exports what a training script trains (the editor's, where none is given), and offers to run it. */
  'optimizerBias.exportFromScript': [where?: string | Address];
  /** Runs a script that `exportFromScript` has written. */
  'optimizerBias.runExport': [where?: string | Address];
  'optimizerBias.insertHelper': [];
  'optimizerBias.trySample': [];
  'optimizerBias.setUpGpu': [];
  'optimizerBias.openRun': [item?: RunItem];
  'optimizerBias.compareRuns': [item?: RunItem, items?: readonly RunItem[]];
  'optimizerBias.renameRun': [item?: RunItem];
  'optimizerBias.deleteRun': [item?: RunItem, items?: readonly RunItem[]];
  'optimizerBias.revealRun': [item?: RunItem];
  /** Runs the points of a sweep that are missing. */
  'optimizerBias.resumeSweep': [item?: RunItem];
  /** Runs the points of a plan that are missing. */
  'optimizerBias.resumePlan': [item?: RunItem];
  /** Makes the result of a plan of the points that are there, and shows it. */
  'optimizerBias.collectPlan': [item?: RunItem];
  /** Shows the hover of the configuration at a position of a document, or of the one nearest to the cursor. */
  'optimizerBias.explain': [uri?: string, line?: number, character?: number];
  'optimizerBias.goToOptimizer': [];
  /** Shows the documentation, at a heading. */
  'optimizerBias.openDocumentation': [anchor?: string];
  'optimizerBias.showLog': [];
}

/** The address of a file, as the editor hands it to commands of its menus. */
export interface Address {
  toString(): string;
}

/** An entry of the Runs view: a run, a sweep or an experiment. */
export interface RunItem {
  readonly folder: string;
}

export type CommandId = keyof CommandArguments;

/** When a command shows in the palette; the key makes sure that none is forgotten. */
export const COMMANDS: { readonly [K in CommandId]: { readonly when?: string } } = {
  'optimizerBias.inspect': {},
  'optimizerBias.stop': { when: 'optimizerBias.running' },
  'optimizerBias.rerun': { when: 'optimizerBias.hasRun || optimizerBias.canRepeat' },
  'optimizerBias.retryOnCpu': { when: 'optimizerBias.canRepeat' },
  'optimizerBias.openPanel': {},
  'optimizerBias.runExperiment': {},
  'optimizerBias.openExperiment': {},
  'optimizerBias.compareBeta2': {},
  'optimizerBias.sweep': {},
  'optimizerBias.exportFromScript': { when: `editorLangId =~ /^(${LANGUAGES.join('|')})$/` },
  'optimizerBias.runExport': { when: 'false' },
  'optimizerBias.insertHelper': { when: 'editorLangId == python' },
  'optimizerBias.trySample': {},
  'optimizerBias.setUpGpu': {},
  'optimizerBias.openRun': {},
  'optimizerBias.compareRuns': {},
  'optimizerBias.renameRun': { when: 'false' },
  'optimizerBias.deleteRun': { when: 'false' },
  'optimizerBias.revealRun': { when: 'false' },
  'optimizerBias.resumeSweep': { when: 'false' },
  'optimizerBias.resumePlan': { when: 'false' },
  'optimizerBias.collectPlan': { when: 'false' },
  'optimizerBias.explain': { when: `editorLangId =~ /^(${LANGUAGES.join('|')})$/` },
  'optimizerBias.goToOptimizer': { when: `editorLangId =~ /^(${LANGUAGES.join('|')})$/` },
  'optimizerBias.openDocumentation': {},
  'optimizerBias.showLog': {},
};

/** Severities of diagnostics by their code, in place of the rule's own. */
export type SeverityOverrides = Readonly<Record<string, (typeof SEVERITIES)[number] | 'off'>>;

/** Settings without their prefix. */
export interface SettingTypes {
  'hover.enabled': boolean;
  'codeLens.enabled': boolean;
  'codeLens.mostPerFile': number;
  'inlayHints.enabled': boolean;
  'decorations.enabled': boolean;
  'diagnostics.enabled': boolean;
  'diagnostics.severity': SeverityOverrides;
  'python.interpreter': string;
}

export type SettingId = keyof SettingTypes;

export interface Setting<T> {
  readonly default: T;
  /** Workspaces that are not trusted cannot set it. */
  readonly restricted?: boolean;
  /** JSON schema of the value. */
  readonly schema: Readonly<Record<string, unknown>>;
}

const flag = (value: boolean): Setting<boolean> => ({ default: value, schema: { type: 'boolean' } });

export const SETTINGS: { readonly [K in SettingId]: Setting<SettingTypes[K]> } = {
  'hover.enabled': flag(true),
  'codeLens.enabled': flag(true),
  'codeLens.mostPerFile': { default: 3, schema: { type: 'integer', minimum: 0 } },
  'inlayHints.enabled': flag(false),
  'decorations.enabled': flag(true),
  'diagnostics.enabled': flag(true),
  // What runs is nothing that a repository may choose.
  'python.interpreter': { default: '', restricted: true, schema: { type: 'string' } },
  'diagnostics.severity': {
    default: {},
    schema: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.entries(RULES).map(([code, { title, severity }]) => [
          code,
          { type: 'string', description: `${title} (${severity})`, enum: [...SEVERITIES, 'off'] },
        ]),
      ),
    },
  },
};

/** The full name of a setting, as in settings.json. */
export const settingName = (id: SettingId): string => `${PREFIX}.${id}`;

/** The server for coding agents that the editor is told of. */
export const mcpProviderId = `${PREFIX}.tools`;

/** `optimizerBias_inspect_model` */
export const languageModelToolName = ({ name }: Pick<AgentTool, 'name'>): string => `${PREFIX}_${name}`;
