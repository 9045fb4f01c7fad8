// `godwit cancel`: stops a handover that is not committed yet.
import type { Command } from 'commander';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { printJson, printLines } from '../terminal.ts';

export function addCancel(program: Command, { terminal, client }: Context): void {
  program
    .command('cancel')
    .description('stop a handover before its commit; the container goes on where it was')
    .argument('<handover>', 'id of the handover')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (id: string, { output }: { output: string }) => {
      const record = await client().cancel(id);
      if (output === 'json') return printJson(terminal, record);
      if (output === 'name') return printLines(terminal, [record.id]);
      return printLines(terminal, [
        `cancelling ${record.id} (${record.state}); ${record.container} goes on at ${record.from}`,
      ]);
    });
}
