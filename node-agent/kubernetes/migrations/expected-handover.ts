// Whose handover a node takes: that of the node which the Migration names as source, in the attempt which it names. A
// certificate says which node it is that calls, not that it was sent.
import type { Migration } from '#core/api/migration.ts';
import { GodwitError } from '#core/errors.ts';
import type { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { migrationOfHandover } from '#agent/kubernetes/migrations/handover-id.ts';

/** Whether the Migration's status says that `node` is handing over now, in the attempt `handover`. */
export function isExpected({ status }: Migration, node: string, handover: string): boolean {
  return status?.source?.nodeName === node && status.handover?.id === handover;
}

/** ERR_NOT_CLAIMED for any other; the API server is asked when the watch does not say so, since it may be late. */
export async function mustBeExpected(
  view: Pick<ClusterView, 'knownMigration' | 'liveMigration'>,
  node: string,
  handover: string,
): Promise<void> {
  const { uid = '' } = migrationOfHandover(handover) ?? {};
  const known = view.knownMigration(uid);
  if (known !== undefined && isExpected(known, node, handover)) return;
  const live =
    known === undefined
      ? undefined
      : await view.liveMigration(uid, { namespace: known.metadata.namespace ?? '', name: known.metadata.name });
  if (live === undefined || !isExpected(live, node, handover))
    throw new GodwitError('ERR_NOT_CLAIMED', `node ${node} wants to hand over by ${handover}, which no Migration says`);
}
