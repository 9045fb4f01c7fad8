// `godwit plan`: every check of a handover, without one.
import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { planLines } from '../render/checks.ts';
import { printJson, printLines } from '../terminal.ts';

export function addPlan(program: Command, { terminal, client, exit }: Context): void {
  program
    .command('plan')
    .description('check whether a container could move, and what would move; changes nothing')
    .argument('<container>', 'container id, or a unique prefix of it')
    .requiredOption('--to <node>', 'name of the node it would move to')
    .addOption(outputOption(['text', 'json']))
    .action(async (container: string, { to, output }: { to: string; output: string }) => {
      const plan = await client().plan({ container, to });
      if (output === 'json') printJson(terminal, plan);
      else printLines(terminal, planLines(plan, terminal));
      if (plan.refusals.length > 0) exit(exitCodes.refused.code);
    });
}
