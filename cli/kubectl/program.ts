// `kubectl godwit` as a tree of commands; docs/reference/kubectl-godwit.md is generated from it.
import type { Command } from 'commander';
import { bareProgram } from '../bare-program.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { openCluster } from './cluster-session.ts';
import { addCancel } from './commands/cancel.ts';
import { addCompletion } from './commands/completion.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDrain } from './commands/drain.ts';
import { addExplain } from './commands/explain.ts';
import { addGet } from './commands/get.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPlan } from './commands/plan.ts';
import { addWatch } from './commands/watch.ts';
import type { PluginContext } from './plugin-context.ts';

export function createPlugin(terminal: Terminal, exit: (code: ExitCode) => void, version: string): Command {
  const program = bareProgram(
    'kubectl godwit',
    'Moves pods to other nodes with memory, files, stable address and TCP connections.',
    terminal,
    version,
  )
    .option('--kubeconfig <file>', 'kubeconfig to use', '')
    .option('--context <name>', 'context of the kubeconfig to use')
    .option('-n, --namespace <name>', 'namespace; the one of the context unless given');
  const context: PluginContext = { terminal, exit, cluster: () => openCluster(program.opts()) };
  for (const add of [addPlan, addMigrate, addGet, addWatch, addDrain, addCancel, addExplain, addDoctor, addCompletion])
    add(program, context);
  return program;
}
