// `kubectl godwit cancel`: asks for the roll-back of a Migration.
import type { Command } from 'commander';
import { hasCondition } from '#core/api/conditions.ts';
import { isCancelled, isUnderway, type Migration } from '#core/api/migration.ts';
import { GodwitError } from '#core/errors.ts';
import { migrations } from '#core/kube/resources.ts';
import { outputOption } from '../../output-option.ts';
import { printJson, printLines } from '../../terminal.ts';
import type { ClusterSession } from '../cluster-session.ts';
import type { PluginContext } from '../plugin-context.ts';

export function addCancel(program: Command, { terminal, cluster }: PluginContext): void {
  program
    .command('cancel')
    .description('roll a Migration back, unless it is committed already')
    .argument('<migration>', 'name of the Migration')
    .option('--force', 'also when its pod is held: its program is ended then, and starts afresh')
    .addOption(outputOption(['text', 'json', 'name']))
    .action(async (name: string, { output, force = false }: { output: string; force?: boolean }) => {
      const session = cluster();
      try {
        const asked = await cancel(session, name, force);
        if (output === 'json') return printJson(terminal, asked);
        const said = isUnderway(asked)
          ? `${name} is asked to roll back; follow it with: kubectl godwit watch ${name} -n ${session.namespace}`
          : `${name} is cancelled already`;
        return printLines(terminal, [output === 'name' ? name : said]);
      } finally {
        session.close();
      }
    });
}

/**
 * Resolves also when it is cancelled already; rejects with ERR_TOO_LATE when there is nothing to roll back any more,
 * and with ERR_HELD when that costs the program and nobody insists.
 */
async function cancel({ api, namespace }: ClusterSession, name: string, force: boolean): Promise<Migration> {
  const found = await api.get(migrations, { namespace, name });
  const canBeCancelled = isUnderway(found) && !isCommitted(found);
  if (canBeCancelled && !isCancelled(found) && hasCondition(found.status?.conditions, 'Held') && !force)
    throw new GodwitError('ERR_HELD', `the pod of ${name} is held: cancelled now, its program may be ended`);
  const asked = canBeCancelled ? await api.patch(migrations, { namespace, name }, { spec: { cancel: true } }) : found;
  const { phase } = asked.status ?? {};
  if (!isUnderway(asked) && phase !== 'Cancelled') throw new GodwitError('ERR_TOO_LATE', `${name} is over: ${phase}`);
  if (isCommitted(asked)) throw new GodwitError('ERR_TOO_LATE', `${name} is committed: it can only go on`);
  return asked;
}

const isCommitted = ({ status }: Migration): boolean => status?.commit?.decision === 'committed';
