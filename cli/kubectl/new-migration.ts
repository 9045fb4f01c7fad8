// A Migration as a person asks for it.
import { randomBytes } from 'node:crypto';
import { migrationNameFor } from '#core/api/migration-name.ts';
import { migrationSpecSchema, type Migration } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';
import { migrations, pods } from '#core/kube/resources.ts';
import type { ClusterSession } from './cluster-session.ts';

interface Wish {
  podName: string;
  to?: string | undefined;
  dryRun?: boolean;
  deadlineSeconds?: number;
  ttlSecondsAfterFinished?: number;
}

/**
 * Makes a Migration of the pod that bears the name now; rejects with ERR_KUBE_NOT_FOUND when none does. Each call gives
 * another name: a person may ask for the same move twice.
 */
export async function makeMigration(
  { api, namespace }: ClusterSession,
  { podName, to, ...wish }: Wish,
): Promise<Migration> {
  const { metadata } = await api.get(pods, { namespace, name: podName });
  const spec = migrationSpecSchema.parse({
    ...wish,
    podName,
    podUID: metadata.uid,
    ...(to === undefined ? {} : { targetNodeName: to }),
  });
  return api.create(migrations, {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name: migrationNameFor(podName, randomBytes(8).toString('hex')), namespace },
    spec,
  });
}
