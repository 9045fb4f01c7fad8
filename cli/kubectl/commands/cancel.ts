// `kubectl godwit cancel`: asks for the roll-back of a Migration.
import type { Command } from 'commander';
import { isUnderway } from '#core/api/migration.ts';
import { migrations } from '#core/kube/resources.ts';
import { outputOption } from '../../output-option.ts';
import { exitCodes } from '../../exit-codes.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { PluginContext } from '../program.ts';

export function addCancel(program: Command, { terminal, cluster, exit }: PluginContext): void {
  program
    .command('cancel')
    .description('roll a Migration back, unless it is committed already')
    .argument('<migration>', 'name of the Migration')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (name: string, { output }: { output: string }) => {
      const { api, namespace, close } = cluster();
      try {
        const found = await api.get(migrations, { namespace, name });
        const committed = found.status?.commit?.decision === 'committed';
        const asked = isUnderway(found) && !committed ? await api.patch(migrations, { namespace, name }, { spec: { cancel: true } }) : found;
        if (output === 'json') printJson(terminal, asked);
        else if (output === 'name') printLines(terminal, [name]);
        else printLines(terminal, [!isUnderway(found) ? `${name} is over: ${found.status?.phase}` : committed ? `${name} is committed: it can only go on` : `${name} is asked to roll back; follow it with: kubectl godwit watch ${name}`]);
        if (!isUnderway(found) || committed) exit(exitCodes.failed.code);
      } finally {
        close();
      }
    });
}
