#!/usr/bin/env node
import { compareCommand } from './cli/compare.ts';
import { experimentCommand } from './cli/experiment.ts';
import { gpuCommand } from './cli/gpu.ts';
import { graphCommand } from './cli/graph.ts';
import { inspectCommand } from './cli/inspect.ts';
import { mcpCommand } from './cli/mcp.ts';
import { modelCommand } from './cli/model.ts';
import { optimizersCommand } from './cli/optimizers.ts';
import { type Command, parseCommand, UsageError } from './cli/options.ts';
import { isAboutPlan, planCommand } from './cli/plan.ts';
import { scanCommand } from './cli/scan.ts';
import { sweepCommand } from './cli/sweep.ts';
import { describeError, InspectorError, quoteName, StoppedError } from './shared/errors.ts';
import { toolVersion } from './shared/version.ts';

/** The command line: one entry per command. */
const commands: readonly Command[] = [
  inspectCommand,
  modelCommand,
  graphCommand,
  compareCommand,
  sweepCommand,
  experimentCommand,
  optimizersCommand,
  scanCommand,
  gpuCommand,
  mcpCommand,
];

const overview = (): string =>
  [
    'optimizer-bias: what the settings of an optimizer do to training, computed for every parameter of an ONNX model.',
    '',
    ...commands.map(({ name, summary }) => `  optimizer-bias ${name.padEnd(12)} ${summary}`),
    '',
    'optimizer-bias COMMAND --help shows the options of a command.',
    'optimizer-bias --point K --in DIR, --status DIR, --resume DIR and --collect DIR are for plans, which --plan DIR makes.',
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
  try {
    if (isAboutPlan(argv)) return await planCommand.run(parseCommand(planCommand, argv));
    const command = commands.find((candidate) => candidate.name === name);
    if (!command) throw new UsageError(`There is no command ${quoteName(name)}.\n\n${overview()}`);
    return await command.run(command.options ? parseCommand(command, rest) : { values: new Map(), positionals: rest });
  } catch (error) {
    return tell(expected(error), rest.includes('--verbose'));
  }
}

/** Says what went wrong; returns the exit code. */
function tell(error: unknown, verbose: boolean): number {
  const isRefusal = error instanceof InspectorError;
  const { message, stack } = error as Error;
  process.stderr.write(`${isRefusal ? describeError(error) : `Internal error: ${message}`}\n`);
  if (verbose) process.stderr.write(`${stack}\n`);
  else if (!isRefusal) process.stderr.write('Run again with --verbose for details, and please report this.\n');
  return error instanceof UsageError ? 2 : error instanceof StoppedError ? 130 : 1;
}

/** Errors of the system that are no defect of ours. */
function expected(error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' && syscall === 'uv_cwd'
    ? new InspectorError('The working folder does not exist any more.', 'Change to another folder and try again.')
    : error;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A closed pipe (`| head`) is no failure.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(
    `Cannot write the output: ${error.code === 'ENOSPC' ? 'there is no space left' : error.message}.\n`,
  );
  process.exit(1);
});
// Nobody reads the errors: nothing can be said any more.
process.stderr.on('error', () => {});

void main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
