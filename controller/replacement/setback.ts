// Why an owner makes no replacement: what the API server told it, as its newest event says.
import { z } from 'zod';
import type { Migration } from '#core/api/migration.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { resource } from '#core/kube/resources.ts';

const ownersEventSchema = z.looseObject({
  metadata: objectMetaSchema,
  message: z.string().optional(),
  lastTimestamp: z.string().nullish(),
  eventTime: z.string().nullish(),
});
type OwnersEvent = z.infer<typeof ownersEventSchema>;
/** Of the core group: owners write theirs there, and it can be asked for them by the UID of what they are about. */
const ownersEvents = resource(
  { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true },
  ownersEventSchema,
);

/** Undefined: it was told nothing since the move began. */
export async function setbackOf(
  api: KubeApi,
  { metadata: { namespace, creationTimestamp = '' }, status }: Migration,
): Promise<string | undefined> {
  const owner = status?.source?.owner;
  if (owner === undefined) return undefined;
  const { items } = await api.list(ownersEvents, {
    namespace,
    fieldSelector: `involvedObject.uid=${owner.uid},reason=FailedCreate`,
  });
  const since = Date.parse(status?.startedAt ?? creationTimestamp);
  const [newest] = items.filter((event) => !(timeOf(event) < since)).toSorted((a, b) => timeOf(b) - timeOf(a));
  return newest === undefined ? undefined : `${owner.kind} ${owner.name}: ${newest.message ?? 'FailedCreate'}`;
}

/** Owners give whole seconds, rounded down. */
function timeOf({ metadata, lastTimestamp, eventTime }: OwnersEvent): number {
  return Date.parse(lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') + 999;
}
