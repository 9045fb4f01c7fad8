// Changes the status of an object that others change too: read, decide, write only if nobody was faster.
import { isDeepStrictEqual } from 'node:util';
import type { KubeApi, KubeObject, ObjectName, Resource } from '#core/kube/port.ts';
import { hasCode } from '#core/kube/api.ts';

const maxTries = 20;

/**
 * Resolves with the object as it is then. `change` gets a fresh object each time; undefined means that nothing is to be
 * done.
 */
export async function mutateStatus<T extends KubeObject>(
  api: KubeApi,
  resource: Resource<T>,
  name: ObjectName,
  change: (fresh: T) => T | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const fresh = await api.get(resource, name);
    const changed = change(fresh);
    if (changed === undefined) return fresh;
    try {
      return await api.replace(resource, changed, 'status');
    } catch (error) {
      if (attempt === maxTries || !hasCode(error, 'ERR_KUBE_CONFLICT')) throw error;
    }
  }
}

/**
 * Brings the status to what `next` says of the object; nothing is asked or written while the watch's copy says so
 * already. Resolves with the object as it is then, undefined when nothing was to be done.
 */
export async function settleStatus<T extends KubeObject & { status?: unknown }>(
  api: KubeApi,
  resource: Resource<T>,
  known: T,
  next: (object: T) => T['status'],
): Promise<T | undefined> {
  if (isDeepStrictEqual(next(known), known.status)) return undefined;
  let written = false;
  const settled = await mutateStatus(
    api,
    resource,
    { name: known.metadata.name, namespace: known.metadata.namespace },
    (fresh) => {
      const status = fresh.metadata.uid === known.metadata.uid ? next(fresh) : fresh.status;
      written = !isDeepStrictEqual(status, fresh.status);
      return written ? { ...fresh, status } : undefined;
    },
  );
  return written ? settled : undefined;
}
