// `kubectl godwit migrate`: makes a Migration and follows it.
import type { Command } from 'commander';
import { outputOption } from '../../output-option.ts';
import { printJson, printLines } from '../../terminal.ts';
import { followOne } from '../follow.ts';
import { makeMigration } from '../new-migration.ts';
import type { PluginContext } from '../plugin-context.ts';
import { timeoutOption } from '../timeout-option.ts';

interface MigrateOptions {
  to?: string;
  detach?: true;
  timeout?: number;
  output: string;
}

export function addMigrate(program: Command, context: PluginContext): void {
  const { terminal, cluster } = context;
  program
    .command('migrate')
    .description('move a pod to another node; Ctrl-C leaves the Migration running')
    .argument('<pod>', 'name of the pod')
    .option('--to <node>', 'node to move to; any that can take it unless given')
    .option('-d, --detach', 'return when the Migration is made')
    .addOption(
      timeoutOption(
        'stop waiting after this time, while the Migration goes on; its own deadline and 3 minutes unless given',
      ),
    )
    .addOption(outputOption(['text', 'json', 'name'], 'one Migration a line, whenever it changes'))
    .action(async (podName: string, { to, detach, timeout, output }: MigrateOptions) => {
      const session = cluster();
      try {
        const made = await makeMigration(session, { podName, to });
        const { name } = made.metadata;
        if (detach === undefined) return await followOne(context, session, name, { output, timeout });
        if (output === 'json') return printJson(terminal, made);
        return printLines(terminal, [
          output === 'name'
            ? name
            : `made ${name}; follow it with: kubectl godwit watch ${name} -n ${session.namespace}`,
        ]);
      } finally {
        session.close();
      }
    });
}
