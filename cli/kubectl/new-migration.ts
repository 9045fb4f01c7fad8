// A Migration as a person asks for it.
import { randomBytes } from 'node:crypto';
import { migrationNameFor } from '#core/api/migration-name.ts';
import type { Migration } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';
import { migrationSpecSchema } from '#core/api/migration.ts';

interface Wish {
  podName: string;
  namespace: string;
  to?: string | undefined;
  dryRun?: boolean;
  deadlineSeconds?: number;
}

/** Each call gives another name: a person may ask for the same move twice. */
export function newMigration({ podName, namespace, to, dryRun = false, deadlineSeconds }: Wish): Migration {
  const spec = migrationSpecSchema.parse({ podName, dryRun, ...(to === undefined ? {} : { targetNodeName: to }), ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }) });
  return { apiVersion: groupVersion, kind: 'Migration', metadata: { name: migrationNameFor(podName, randomBytes(8).toString('hex')), namespace }, spec };
}
