// Changes the status of an object that others change too: read, decide, write only if nobody was faster.
import type { KubeApi, KubeObject, ObjectName, Resource } from '#core/kube/port.ts';
import { hasCode } from '#core/kube/api.ts';

const maxTries = 20;

/** Resolves with the object as it is then. `change` gets a fresh object each time; undefined means that nothing is to be done. */
export async function mutateStatus<T extends KubeObject>(api: KubeApi, resource: Resource<T>, name: ObjectName, change: (fresh: T) => T | undefined): Promise<T> {
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
