// `godwit get`: handovers that run or ran; one of them as the picture.
import type { Command } from 'commander';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { handoverTable } from '../render/lists.ts';
import { waterfall } from '../render/waterfall.ts';
import { printJson, printLines } from '../terminal.ts';

export function addGet(program: Command, { terminal, client }: Context): void {
  program
    .command('get')
    .description('list running and past handovers, or show one of them')
    .argument('[handover]', 'id of the handover')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (id: string | undefined, { output }: { output: string }) => {
      if (id !== undefined) {
        const record = await client().handover(id);
        if (output === 'json') return printJson(terminal, record);
        return printLines(terminal, output === 'name' ? [record.id] : waterfall(record, terminal));
      }
      const handovers = await client().handovers();
      if (output === 'json') return printJson(terminal, handovers);
      if (output === 'name')
        return printLines(
          terminal,
          handovers.map((one) => one.id),
        );
      if (handovers.length === 0) terminal.err('no handovers yet\n');
      return printLines(terminal, handoverTable(handovers, terminal.now()));
    });
}
