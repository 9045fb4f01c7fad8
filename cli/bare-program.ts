// What `godwit` and `kubectl godwit` have in common before they have commands: help, version, streams, exit codes.
import { Command } from 'commander';
import { exitCodes } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

const exitCodeLines = Object.values(exitCodes).map(({ code, meaning }) => `  ${code}  ${meaning}`);

/** It throws CommanderError instead of ending the process. */
export function bareProgram(name: string, description: string, terminal: Terminal, version: string): Command {
  return new Command(name)
    .description(description)
    .version(version)
    .addHelpText('after', `\nExit codes:\n${exitCodeLines.join('\n')}`)
    .showHelpAfterError(`(${name} --help tells more)`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.width,
      getErrHelpWidth: () => terminal.width,
    });
}
