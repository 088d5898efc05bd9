/** What the generated script says about where it comes from. */
export interface ScriptFacts {
  /** Name of the training script, beside which the new one lies. */
  readonly script: string;
  /** One line for each optimizer that was found: settings and line. */
  readonly optimizers: readonly string[];
  /** Folder for model and data, relative to the script. */
  readonly directory: string;
  /** The script's own command line. */
  readonly arguments?: readonly string[];
}

/** Text in a Python string literal. */
const literal = (text: string): string => JSON.stringify(text);

/** Text inside a docstring or a comment: it can neither end it nor continue a line. */
const plain = (text: string): string =>
  text
    .replaceAll('\\', '/')
    .replaceAll('"', "'")
    // What ends a line, or hides what follows.
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');

/**
 * The script that exports what a training script trains. It runs the user's own script with the helper watching, so that
 * model, data, loss and settings are those of the training, whatever they come from, and ends it once enough was seen.
 */
export function exportScript({ script, optimizers, directory, arguments: given = [] }: ScriptFacts): string {
  const found = optimizers.length > 0 ? optimizers : ['none from the text; it is seen when the script runs'];
  return `"""Exports what ${plain(script)} trains, for Optimizer Bias Inspector. Look it over, then run it.

It runs ${plain(script)} as it is until SAMPLES samples have gone through the model, and ends it then:
after a few steps, not after a whole training. What the script does before and in these steps
(folders, logs, downloads), it does here, too. Written are model.onnx, data.npz and, where the
optimizer has begun, state.npz into DIRECTORY, and an entry in the workspace's .optimizer-bias.json.

Optimizers in the text:
${found.map((line) => `    ${plain(line)}`).join('\n')}
"""

import os
from pathlib import Path

import optimizer_bias

# The command line of ${plain(script)}, such as ["--config", "small.yaml"].
ARGUMENTS = [${given.map(literal).join(', ')}]
# More samples make the numbers steadier and each step longer.
SAMPLES = ${defaultSamples}
DIRECTORY = ${literal(directory)}

here = Path(__file__).resolve().parent
# Relative paths of the script start here.
os.chdir(here)

try:
    optimizer_bias.export_script(here / ${literal(script)}, ARGUMENTS, DIRECTORY, SAMPLES)
except optimizer_bias.Refusal as refusal:
    raise SystemExit(f"Cannot export: {refusal}")
`;
}

const defaultSamples = 256;

/** The training script that a script of `exportScript` runs; undefined for any other text. */
export function exportedScript(text: string): string | undefined {
  const [, name] = /^ {4}optimizer_bias\.export_script\(here \/ ("(?:[^"\\\n]|\\.)*"),/m.exec(text) ?? [];
  try {
    return name === undefined ? undefined : (JSON.parse(name) as string);
  } catch {
    return undefined;
  }
}
