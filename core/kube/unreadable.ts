// Objects that are not what this version of Godwit knows: one of them, whoever made it, must not hide all others from a
// list or a watch.
import { z } from 'zod';
import { asGodwitError } from '#core/errors.ts';
import type { KubeObject, ObjectName, Resource } from '#core/kube/port.ts';

export interface Unreadable extends ObjectName {
  resourceVersion: string | undefined;
  /** What about it cannot be read. */
  error: string;
}

const namedSchema = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string().optional(),
    resourceVersion: z.string().optional(),
  }),
});

/** Throws for what has not even a name: then it is the server that cannot be understood. */
export function read<T extends KubeObject>(
  resource: Resource<T>,
  json: unknown,
): { object: T } | { unreadable: Unreadable } {
  try {
    return { object: resource.parse(json) };
  } catch (error) {
    const {
      metadata: { name, namespace, resourceVersion },
    } = namedSchema.parse(json);
    return { unreadable: { name, namespace, resourceVersion, error: asGodwitError(error).message } };
  }
}
