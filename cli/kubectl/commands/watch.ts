// `kubectl godwit watch`: follows one Migration to its end, or all of the namespace until Ctrl-C.
import type { Command } from 'commander';
import { outputOption } from '../../output-option.ts';
import { printLines } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import { followOne } from '../follow.ts';
import type { PluginContext } from '../plugin-context.ts';
import { changeLine } from '../render.ts';
import { timeoutOption } from '../timeout-option.ts';

export function addWatch(program: Command, context: PluginContext): void {
  program
    .command('watch')
    .description('follow a Migration to its end, or all of the namespace; Ctrl-C stops watching only')
    .argument('[migration]', 'name of the Migration')
    .addOption(
      timeoutOption('stop watching one Migration after this time; its own deadline and 3 minutes unless given'),
    )
    .addOption(outputOption(['text', 'json', 'name'], 'one Migration a line, whenever it changes'))
    .action(async (name: string | undefined, { output, timeout }: { output: string; timeout?: number }) => {
      const session = context.cluster();
      try {
        if (name === undefined) await watchAll(context, session, output);
        else await followOne(context, session, name, { output, timeout });
      } finally {
        session.close();
      }
    });
}

async function watchAll({ terminal }: PluginContext, session: ClusterSession, output: string): Promise<void> {
  const left = new AbortController();
  const release = terminal.onInterrupt(() => left.abort());
  try {
    for await (const migration of session.followAll(left.signal)) {
      if (output === 'json') terminal.out(`${JSON.stringify(migration)}\n`);
      else printLines(terminal, [output === 'name' ? migration.metadata.name : changeLine(migration, terminal.color)]);
    }
  } finally {
    release();
  }
}
