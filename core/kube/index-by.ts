// Finds objects of a cache by something else than their name, without looking through all of them.
import type { KubeObject, ObjectCache, ObjectName } from '#core/kube/port.ts';

const nameOf = ({ name, namespace }: ObjectName): string => `${namespace ?? ''}/${name}`;

/**
 * The objects by a key of theirs, kept up to date with the cache from now on; an object without a key is not found.
 * Listeners that come later find it up to date.
 */
export function indexBy<T extends KubeObject>(
  cache: Pick<ObjectCache<T>, 'list' | 'onChange'>,
  keyOf: (object: T) => string | undefined,
): (key: string) => T[] {
  const groups = new Map<string, Map<string, T>>();
  const keys = new Map<string, string>();
  const remove = (name: string, key: string): void => {
    const group = groups.get(key);
    group?.delete(name);
    if (group?.size === 0) groups.delete(key);
    keys.delete(name);
  };
  const take = (object: T, key: string | undefined): void => {
    const name = nameOf(object.metadata);
    const former = keys.get(name);
    if (former !== undefined && former !== key) remove(name, former);
    if (key === undefined) return;
    keys.set(name, key);
    const group = groups.get(key) ?? new Map<string, T>();
    groups.set(key, group.set(name, object));
  };
  cache.onChange(({ type, object }) => take(object, type === 'deleted' ? undefined : keyOf(object)));
  for (const object of cache.list()) take(object, keyOf(object));
  return (key) => [...(groups.get(key)?.values() ?? [])];
}
