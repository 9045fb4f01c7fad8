// `godwit migrate`: starts a handover and follows it.
import type { Command } from 'commander';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { printJson, printLines } from '../terminal.ts';
import { watchOne } from './watch.ts';

interface MigrateOptions {
  to: string;
  detach?: true;
  output: string;
}

export function addMigrate(program: Command, context: Context): void {
  const { terminal, client } = context;
  program
    .command('migrate')
    .description('move a running container to another node; Ctrl-C leaves the handover running')
    .argument('<container>', 'container id, or a unique prefix of it')
    .requiredOption('--to <node>', 'name of the node to move to: a peer of this node')
    .option('-d, --detach', 'start the handover and return at once')
    .addOption(outputOption(['text', 'json', 'name'], 'one record a line, whenever it changes'))
    .action(async (container: string, { to, detach, output }: MigrateOptions) => {
      const agent = client();
      const record = await agent.start({ container, to });
      if (detach === undefined) return watchOne(context, agent, record, output);
      if (output === 'json') return printJson(terminal, record);
      if (output === 'name') return printLines(terminal, [record.id]);
      return printLines(terminal, [`started ${record.id}; follow it with: godwit watch ${record.id}`]);
    });
}
