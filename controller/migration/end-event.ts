// The end of a Migration as events: on the Migration, and on the pod that it was about.
import { findCondition } from '#core/api/conditions.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';
import type { Events, Regarding } from '#core/kube/events.ts';

export async function tellEnd(events: Events, { metadata, spec }: Migration, { phase, conditions, source, target, freezeMs }: MigrationStatus): Promise<void> {
  const { reason = 'Unknown', message = '' } = findCondition(conditions, 'Succeeded') ?? {};
  const { name, namespace, uid } = metadata;
  const succeeded = phase === 'Succeeded';
  const note = succeeded && target !== undefined ? `${spec.podName} moved from ${source?.nodeName} to ${target.nodeName}; it stood still for ${freezeMs ?? '?'} ms` : message;
  const migration = about({ apiVersion: groupVersion, kind: 'Migration', name, namespace, uid });
  const subject = succeeded && target !== undefined ? target : source;
  const turn = { type: succeeded ? 'Normal' : 'Warning', reason, action: 'Migrate', note } as const;
  await events.tell({ ...turn, regarding: migration });
  if (subject !== undefined) await events.tell({ ...turn, regarding: about({ apiVersion: 'v1', kind: 'Pod', name: subject.name, namespace, uid: subject.uid }), related: migration });
}

function about({ apiVersion, kind, name, namespace, uid }: { apiVersion: string; kind: string; name: string; namespace: string | undefined; uid: string | undefined }): Regarding {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }), ...(uid === undefined ? {} : { uid }) };
}
