import { LANGUAGES } from './contributions.ts';

/** Where the manifest puts commands, views and pages, beside the palette. Texts are in `manifestTexts.ts`. */

const trusted = 'isWorkspaceTrusted';
const inRuns = 'view == optimizerBias.runs';
/** Kinds of entries of the Runs view, as `viewItem` names them. */
const on = (...kinds: string[]) => `${inRuns} && viewItem =~ /^(${kinds.join('|')})$/`;
const onRun = on('run', 'point');
const onResult = on('sweep', 'sweep\\.unfinished', 'experiment');
const onPlan = on('plan', 'plan\\.unfinished');
const onOwn = on('run', 'sweep', 'sweep\\.unfinished', 'experiment', 'plan', 'plan\\.unfinished');

const item = (command: string, when: string, group: string) => ({ command, when, group });

export const menus = {
  'explorer/context': [
    item('optimizerBias.inspect', `resourceExtname == .onnx && resourceScheme == file && ${trusted}`, '2_workspace@9'),
  ],
  'editor/context': [
    item(
      'optimizerBias.inspect',
      `editorLangId =~ /^(${LANGUAGES.join('|')})$/ && optimizerBias.hasOptimizer && ${trusted}`,
      'z_commands@9',
    ),
  ],
  'view/title': [
    item('optimizerBias.inspect', inRuns, 'navigation@1'),
    item('optimizerBias.compareRuns', inRuns, 'navigation@2'),
    item('optimizerBias.sweep', `${inRuns} && ${trusted}`, '1_run@1'),
    item('optimizerBias.runExperiment', `${inRuns} && ${trusted}`, '1_run@2'),
    item('optimizerBias.setUpGpu', inRuns, '2_tools@1'),
    item('optimizerBias.trySample', inRuns, '2_tools@2'),
  ],
  'view/item/context': [
    item('optimizerBias.openRun', onRun, 'inline@1'),
    item('optimizerBias.openExperiment', onResult, 'inline@1'),
    item('optimizerBias.openRun', onRun, '1_open@1'),
    item('optimizerBias.openExperiment', onResult, '1_open@1'),
    item('optimizerBias.compareRuns', on('run', 'point', 'sweep', 'sweep\\.unfinished'), '1_open@2'),
    item('optimizerBias.collectPlan', `${onPlan} && ${trusted}`, 'inline@1'),
    item('optimizerBias.collectPlan', `${onPlan} && ${trusted}`, '1_open@1'),
    item('optimizerBias.resumePlan', `${on('plan\\.unfinished')} && ${trusted}`, '1_open@3'),
    item('optimizerBias.resumeSweep', `${on('sweep\\.unfinished')} && ${trusted}`, '1_open@3'),
    item(
      'optimizerBias.rerun',
      `${on('run', 'point', 'sweep', 'sweep\\.unfinished', 'experiment')} && ${trusted}`,
      '1_open@4',
    ),
    item('optimizerBias.revealRun', inRuns, '2_file@1'),
    item('optimizerBias.renameRun', onOwn, '7_modification@1'),
    item(
      'optimizerBias.deleteRun',
      on('run', 'sweep', 'sweep\\.unfinished', 'experiment', 'plan', 'plan\\.unfinished', 'damaged'),
      '7_modification@2',
    ),
  ],
};

const inList = "focusedView == 'optimizerBias.runs' && listFocus && !inputFocus";

/** The keys that lists of files have. */
export const keybindings = [
  { command: 'optimizerBias.renameRun', key: 'F2', when: inList },
  { command: 'optimizerBias.deleteRun', key: 'Delete', mac: 'Cmd+Backspace', when: inList },
];

/** Commands of the Runs view's own entries and buttons have icons. */
export const icons: Readonly<Record<string, string>> = {
  'optimizerBias.inspect': '$(play)',
  'optimizerBias.openRun': '$(open-preview)',
  'optimizerBias.openExperiment': '$(open-preview)',
  'optimizerBias.compareRuns': '$(diff)',
};

export const viewsContainers = {
  activitybar: [{ id: 'optimizerBias', title: '%category%', icon: 'media/view.svg' }],
};

export const views = {
  optimizerBias: [
    { id: 'optimizerBias.runs', name: '%view.runs%', icon: 'media/view.svg', contextualTitle: '%category%' },
  ],
};

export const viewsWelcome = [
  { view: 'optimizerBias.runs', contents: '%welcome.runs%', when: trusted },
  { view: 'optimizerBias.runs', contents: '%welcome.untrusted%', when: `!${trusted}` },
];

export const customEditors = [
  {
    viewType: 'optimizerBias.model',
    displayName: '%editor.model%',
    selector: [{ filenamePattern: '*.onnx' }],
    priority: 'default',
  },
];

const colour = (
  id: string,
  description: string,
  dark: string,
  light: string,
  highContrast: string,
  highContrastLight: string,
) => ({
  id: `optimizerBias.${id}`,
  description,
  defaults: { dark, light, highContrast, highContrastLight },
});

/** The two signs of the strength: orange and blue are told apart by nearly everyone, and each has a word or pattern as well. */
export const colors = [
  colour('antiRegularizing', '%colour.antiRegularizing%', '#f0a35e', '#a85200', '#ffb56b', '#8a3f00'),
  colour('regularizing', '%colour.regularizing%', '#6cb6ff', '#0062b1', '#7cc4ff', '#003f7f'),
];

const step = (id: string, completion: readonly string[], media: object) => ({
  id,
  title: `%walkthrough.${id}.title%`,
  description: `%walkthrough.${id}.description%`,
  media,
  completionEvents: completion,
});
const picture = (name: string) => ({ svg: `media/walkthrough/${name}.svg`, altText: `%walkthrough.${name}.picture%` });
/** A picture of the real editor, which `npm run pictures` takes in both themes. */
const photograph = (name: string, file: string) => {
  const [dark, light] = [`media/pictures/${file}.png`, `media/pictures/${file}-light.png`];
  return { image: { dark, light, hc: dark, hcLight: light }, altText: `%walkthrough.${name}.picture%` };
};

export const walkthroughs = [
  {
    id: 'start',
    title: '%walkthrough.title%',
    description: '%walkthrough.description%',
    steps: [
      step(
        'hover',
        ['onCommand:optimizerBias.explain', 'onCommand:optimizerBias.goToOptimizer'],
        photograph('hover', 'hover'),
      ),
      step('sample', ['onCommand:optimizerBias.trySample'], photograph('sample', 'sample')),
      step('inspect', ['onCommand:optimizerBias.inspect'], photograph('inspect', 'panel')),
      step('compare', ['onCommand:optimizerBias.compareRuns'], picture('compare')),
      step('export', ['onCommand:optimizerBias.openDocumentation'], photograph('export', 'export')),
    ],
  },
];
