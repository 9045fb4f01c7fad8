// Runs one command line and says how it ended.
import { CommanderError, type Command } from 'commander';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { reportError } from './report-error.ts';
import type { Terminal } from './terminal.ts';

/** Runs `args` (without the names of interpreter and program); never throws, resolves with the exit code. */
export async function run(
  args: readonly string[],
  terminal: Terminal,
  create: (exit: (code: ExitCode) => void) => Command,
): Promise<ExitCode> {
  let code: ExitCode = exitCodes.ok.code;
  let output = 'text';
  const program = create((given) => (code = given));
  program.hook('preAction', (_, command) => {
    output = String(command.opts()['output'] ?? 'text');
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
    return reportError(error, terminal, output);
  }
}
