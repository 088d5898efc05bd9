import { experimentCommand } from './cli/experiment.ts';
import { graphCommand } from './cli/graph.ts';
import { inspectCommand } from './cli/inspect.ts';
import { modelCommand } from './cli/model.ts';
import { optimizersCommand } from './cli/optimizers.ts';
import { type Command, parseCommand, UsageError } from './cli/options.ts';
import { scanCommand } from './cli/scan.ts';
import { sweepCommand } from './cli/sweep.ts';
import { describeError, InspectorError, quoteName, StoppedError } from './shared/errors.ts';
import { toolVersion } from './shared/version.ts';

/** The command line: one entry per command. */
const commands: readonly Command[] = [
  inspectCommand,
  modelCommand,
  graphCommand,
  sweepCommand,
  experimentCommand,
  optimizersCommand,
  scanCommand,
];

const overview = (): string =>
  [
    'optimizer-bias: what the settings of an optimizer do to training, computed for every parameter of an ONNX model.',
    '',
    ...commands.map(({ name, summary }) => `  optimizer-bias ${name.padEnd(12)} ${summary}`),
    '',
    'optimizer-bias COMMAND --help shows the options of a command.',
  ].join('\n');

/** Runs the program; returns its exit code: 0, 2 for bad usage, 130 where it was interrupted, 1 for anything else. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === 'help' || name === '-h') {
    process.stdout.write(`${overview()}\n`);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${toolVersion}\n`);
    return 0;
  }
  const verbose = rest.includes('--verbose');
  try {
    const command = commands.find((candidate) => candidate.name === name);
    if (!command) throw new UsageError(`There is no command ${quoteName(name)}.\n\n${overview()}`);
    return await command.run(command.options ? parseCommand(command, rest) : { values: new Map(), positionals: rest });
  } catch (error) {
    process.stderr.write(
      `${error instanceof UsageError || error instanceof InspectorError ? describeError(error) : `Internal error: ${(error as Error).message}`}\n`,
    );
    if (verbose) process.stderr.write(`${(error as Error).stack}\n`);
    else if (!(error instanceof UsageError || error instanceof InspectorError))
      process.stderr.write('Run again with --verbose for details, and please report this.\n');
    return error instanceof UsageError ? 2 : error instanceof StoppedError ? 130 : 1;
  }
}

// A closed pipe (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
