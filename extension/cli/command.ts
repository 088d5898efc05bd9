import { quoted } from '../plans/commands.ts';

/** The command with which this program was started, for a shell on any machine that sees the same files. */
export const programCommand = (): string => [process.execPath, process.argv[1]].map(quoted).join(' ');
