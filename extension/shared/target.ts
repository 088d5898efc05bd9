import { type InspectRequest, type InspectSetting, inspectSettings } from './request.ts';
import type { Settings } from './setting.ts';
import { objectSchema } from './settingSchema.ts';

/** The file in which a workspace remembers what is inspected with what; meant to be committed. */
export const projectFile = '.optimizer-bias.json';

type AllSettings = typeof inspectSettings;
/** Settings that come from the code, or are of one run. */
type OfOneRun = {
  [K in keyof AllSettings]: AllSettings[K] extends { readonly ofOneRun: true } ? K : never;
}[keyof AllSettings];

/** What is inspected with what: the part of a request that is remembered. Paths are relative to the workspace folder. */
export type Target = Partial<Omit<InspectRequest, OfOneRun | 'model'>> & {
  readonly model: string;
  /** The file whose optimizer it goes with. */
  readonly source?: string;
};

/** Every key of a target and what it holds. */
export const targetSettings: Settings = {
  source: { kind: 'file', help: 'the file whose optimizer it goes with' },
  ...Object.fromEntries(
    Object.entries(inspectSettings).filter(([, setting]: [string, InspectSetting]) => !setting.ofOneRun),
  ),
};

/** JSON schema of the project file: the editor completes and checks it as it is written. */
export function projectSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'What is inspected with what',
    type: 'object',
    properties: {
      inspections: {
        description: 'The last used first. Paths are relative to the folder of the workspace.',
        type: 'array',
        items: objectSchema(targetSettings, ['model']),
      },
    },
    required: ['inspections'],
  };
}
