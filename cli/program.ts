// The command line as a tree of commands; docs/reference/cli.md is generated from it.
import { Option, type Command } from 'commander';
import { addCancel } from './commands/cancel.ts';
import { addCertificates } from './commands/certificates.ts';
import { addCompletion } from './commands/completion.ts';
import { addDoctor } from './commands/doctor.ts';
import { addGet } from './commands/get.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPlan } from './commands/plan.ts';
import { addPs } from './commands/ps.ts';
import { addWatch } from './commands/watch.ts';
import type { Context } from './context.ts';
import { controlClient } from './control-client.ts';
import { bareProgram } from './bare-program.ts';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

const defaultSocket = '/run/godwit/control.sock';

/** The program with all its commands; it throws CommanderError instead of ending the process. */
export function createProgram(terminal: Terminal, exit: (code: ExitCode) => void, version: string): Command {
  const program = bareProgram(
    'godwit',
    'Moves running containers to another node with memory, files, stable address and TCP connections.',
    terminal,
    version,
  ).addOption(new Option('--socket <path>', 'control socket of the agent on this node').default(defaultSocket));
  const context: Context = { terminal, exit, client: () => controlClient(String(program.opts()['socket'])) };
  for (const add of [
    addPs,
    addPlan,
    addMigrate,
    addWatch,
    addGet,
    addCancel,
    addDoctor,
    addCertificates,
    addCompletion,
  ])
    add(program, context);
  return program;
}
