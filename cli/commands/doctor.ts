// `godwit doctor`: whether this node is ready for handovers, and what is missing.
import type { Command } from 'commander';
import { exitCodes } from '../exit-codes.ts';
import { outputOption } from '../output-option.ts';
import type { Context } from '../context.ts';
import { diagnosisLines } from '../render/checks.ts';
import { printJson, printLines } from '../terminal.ts';

export function addDoctor(program: Command, { terminal, client, exit }: Context): void {
  program
    .command('doctor')
    .description('check this node: kernel, CRIU, runtime, network, certificates, peers')
    .addOption(outputOption(['text', 'json']))
    .action(async ({ output }: { output: string }) => {
      const diagnosis = await client().diagnose();
      if (output === 'json') printJson(terminal, diagnosis);
      else printLines(terminal, diagnosisLines(diagnosis, terminal));
      if (diagnosis.checks.some((check) => !check.ok)) exit(exitCodes.failed.code);
    });
}
