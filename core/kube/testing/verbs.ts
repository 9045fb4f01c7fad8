// What requests do to the objects: create, replace, patch, delete, evict, with the checks of the real API server.
import { z } from 'zod';
import { mergePatch } from './merge-patch.ts';
import { storedSchema, type ObjectStore, type Stored } from './object-store.ts';
import type { Place } from './place.ts';
import { Refused } from './status-body.ts';

type Named = Place & { name: string };

const preconditionsSchema = z.looseObject({
  preconditions: z.object({ uid: z.string().optional(), resourceVersion: z.string().optional() }).optional(),
});
const evictionSchema = z.looseObject({ deleteOptions: preconditionsSchema.optional() });

export function get(store: ObjectStore, { kinds, namespace, name }: Named): Stored {
  const found = store.get(kinds, namespace, name);
  if (found === undefined) throw new Refused(404, 'NotFound', `${kinds.split('/').at(-1)} "${name}" not found`);
  return found;
}

export function create(store: ObjectStore, { kinds, namespace }: Place, body: unknown, dryRun = false): Stored {
  const object = storedSchema.parse(body);
  const { name } = object.metadata;
  if (store.get(kinds, namespace, name) !== undefined)
    throw new Refused(409, 'AlreadyExists', `${kinds.split('/').at(-1)} "${name}" already exists`);
  const made = { ...object, metadata: { ...object.metadata, ...(namespace === undefined ? {} : { namespace }) } };
  return dryRun ? made : store.write(kinds, made);
}

/** The subresource `status` changes nothing but the status, and everything else never changes it. */
export function replace(store: ObjectStore, place: Named, body: unknown): Stored {
  const current = get(store, place);
  const wanted = storedSchema.parse(body);
  const { resourceVersion } = wanted.metadata;
  if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion)
    throw new Refused(
      409,
      'Conflict',
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  const { status: wantedStatus, ...others } = wanted;
  const next =
    place.subresource === 'status'
      ? { ...current, status: wantedStatus }
      : { ...others, ...('status' in current ? { status: current['status'] } : {}) };
  return store.write(place.kinds, next);
}

export function patch(store: ObjectStore, place: Named, body: unknown): Stored {
  const current = get(store, place);
  const { resourceVersion } = current.metadata;
  const wanted = storedSchema.parse(mergePatch(current, body));
  return replace(store, place, {
    ...wanted,
    metadata: { ...wanted.metadata, resourceVersion: wanted.metadata.resourceVersion ?? resourceVersion },
  });
}

export function remove(store: ObjectStore, place: Named, body: unknown): Stored {
  const current = get(store, place);
  const { uid, resourceVersion } = preconditionsSchema.parse(body ?? {}).preconditions ?? {};
  const { metadata } = current;
  if (
    (uid !== undefined && uid !== metadata.uid) ||
    (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
  )
    throw new Refused(409, 'Conflict', 'Precondition failed');
  store.remove(place.kinds, place.namespace, place.name);
  return current;
}

export function evict(store: ObjectStore, place: Named, body: unknown): object {
  remove(store, place, evictionSchema.parse(body).deleteOptions);
  return { kind: 'Status', apiVersion: 'v1', status: 'Success', code: 201 };
}
