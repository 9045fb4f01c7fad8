// `godwit ps`: the containers of this node that the agent knows.
import type { Command } from 'commander';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { containerTable } from '../render/lists.ts';
import { printJson, printLines } from '../terminal.ts';

export function addPs(program: Command, { terminal, client }: Context): void {
  program
    .command('ps')
    .description('list the containers of this node')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async ({ output }: { output: string }) => {
      const containers = await client().containers();
      if (output === 'json') return printJson(terminal, containers);
      if (output === 'name')
        return printLines(
          terminal,
          containers.map((one) => one.id),
        );
      if (containers.length === 0) terminal.err('no containers run on this node\n');
      return printLines(terminal, containerTable(containers, terminal.now()));
    });
}
