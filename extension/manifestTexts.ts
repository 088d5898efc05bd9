/** Every text of the manifest: titles, descriptions and names, by the place where they stand. */
export const manifestTexts: Readonly<Record<string, string>> = {
  category: 'Optimizer Bias',
  'command.explain': 'Explain Optimizer at Cursor',
  'command.goToOptimizer': 'Go to Optimizer…',
  'command.openDocumentation': 'Open Documentation',
  'command.showLog': 'Show Log',
  'setting.hover.enabled':
    'Show what the settings of an optimizer do when the mouse rests on its name or on one of its arguments.',
  'setting.codeLens.mostPerFile': 'Files with more optimizers have one line for all of them instead of one above each.',
  'setting.codeLens.enabled':
    'Show the predicted strength above each optimizer configuration. Needs `#editor.codeLens#`.',
  'setting.inlayHints.enabled':
    'Show the predicted strength behind each optimizer configuration. Needs `#editor.inlayHints.enabled#`.',
  'setting.diagnostics.enabled':
    'Report values out of range, and settings that are worth knowing about. A single line is silenced with the comment `# optimizer-bias: ignore`; see `#optimizerBias.diagnostics.severity#` for a single diagnostic.',
  'setting.diagnostics.severity':
    'Severities of single diagnostics in place of their own; `off` silences one everywhere. [What each means](command:optimizerBias.openDocumentation?%5B%22diagnostics%22%5D).',
  'capability.untrustedWorkspaces':
    'Configurations are found and explained. Running a model needs a trusted workspace.',
  'capability.virtualWorkspaces': 'Configurations are found and explained. Running a model needs files on disk.',
  'command.inspect': 'Inspect…',
  'command.stop': 'Stop Inspection',
  'command.rerun': 'Run Again',
  'command.retryOnCpu': 'Run Again on the CPU',
  'command.openPanel': 'Open Panel',
  'command.runExperiment': 'Run Experiment…',
  'command.openExperiment': 'Open Experiment Result…',
  'command.compareBeta2': 'Compare β₂…',
  'command.sweep': 'Sweep…',
  'command.trySample': 'Try the Sample',
  'command.setUpGpu': 'Set Up GPU',
  'command.openRun': 'Open Run…',
  'command.compareRuns': 'Compare Runs…',
  'command.renameRun': 'Rename…',
  'command.deleteRun': 'Delete',
  'command.revealRun': 'Reveal in File Manager',
  'command.resumeSweep': 'Resume Sweep',
  'command.resumePlan': 'Resume Plan',
  'command.collectPlan': 'Collect Results',
  'setting.decorations.enabled':
    'Show the measured strength of each parameter tensor at the end of the line that creates it.',
  'colour.antiRegularizing': 'Bars and text for tensors whose gradient norm finite steps favour.',
  'colour.regularizing': 'Bars and text for tensors whose gradient norm finite steps penalise.',
  'view.runs': 'Runs',
  'editor.model': 'ONNX Model',
  'welcome.runs':
    'A run takes real full-batch steps of your optimizer on your ONNX model, and computes for every parameter what its finite steps and its memory do to training.\n[Inspect…](command:optimizerBias.inspect)\nNo model at hand? The sample has everything that is needed.\n[Try the Sample](command:optimizerBias.trySample)',
  'welcome.untrusted':
    'Models are only run in workspaces that you trust.\n[Manage Trust](command:workbench.trust.manage)',
  'walkthrough.title': 'Get Started with Optimizer Bias',
  'walkthrough.description': 'See what the settings of your optimizer do to training.',
  'walkthrough.hover.title': 'Read what your settings do',
  'walkthrough.hover.description':
    'Rest the mouse on Adam(…), or on one of its arguments, in Python, YAML, JSON or TOML. The line above it says how strongly finite steps impede the reduction of the gradient’s norm.\n[Go to Optimizer](command:optimizerBias.goToOptimizer)',
  'walkthrough.sample.title': 'Open the sample',
  'walkthrough.sample.description':
    'A small network on handwritten digits: training script, configuration, model and data. Nothing needs to be installed.\n[Try the Sample](command:optimizerBias.trySample)',
  'walkthrough.inspect.title': 'Inspect a model',
  'walkthrough.inspect.description':
    'Choose “Inspect…” above the optimizer. A few real steps are taken, and the panel shows how strong the effect is, where, and whether it can be believed.\n[Inspect…](command:optimizerBias.inspect)',
  'walkthrough.compare.title': 'Compare settings',
  'walkthrough.compare.description':
    'Change β₂ or the learning rate, run again, and lay the runs over each other.\n[Compare Runs](command:optimizerBias.compareRuns)',
  'walkthrough.export.title': 'Export your own model',
  'walkthrough.export.description':
    '"Export from This Script…" above an optimizer runs your script until enough samples were seen, and opens the sheet filled in. By hand: torch.onnx.export(model.eval(), args, "model.onnx", dynamo=True, optimize=False, external_data=False) keeps the names of the parameters, so that each is shown at the line that creates it. Save samples and labels with numpy.savez("data.npz", x=x, y=y).\n[Open Documentation](command:optimizerBias.openDocumentation)',
  'walkthrough.hover.picture': 'A hover on Adam with its strength',
  'walkthrough.sample.picture': 'The files of the sample, and what stands above its optimizer',
  'walkthrough.inspect.picture': 'The panel with three tiles and a bar for each parameter',
  'walkthrough.compare.picture': 'Curves of several runs over each other',
  'walkthrough.export.picture': 'The script that exports a model, with the button that runs it',
  'setting.python.interpreter':
    "The Python that runs exports of training scripts. Empty: the one that is chosen in the Python extension, else the system's.",
  'command.exportFromScript': 'Export from This Script…',
  'command.runExport': 'Run Export in Terminal',
  'command.insertHelper': 'Insert Helper',
};

/** What a value of the manifest becomes: `%key%` in it is the text of that key. Throws where there is none. */
export function withTexts<T>(value: T): T {
  const text = JSON.stringify(value).replace(/"%([^"%]+)%"/g, (_, key: string) => {
    if (!Object.hasOwn(manifestTexts, key)) throw new Error(`The manifest has no text "${key}".`);
    return JSON.stringify(manifestTexts[key]);
  });
  return JSON.parse(text) as T;
}
