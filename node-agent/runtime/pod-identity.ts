// Which pod a container belongs to, as containerd's CRI plugin says it in the annotations of the bundle.
import { z } from 'zod';
import { annotations as names } from '#core/api/names.ts';
import type { OciSpec } from '#agent/runtime/oci-spec.ts';

export const podContainerSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  /** Container id of the pod's sandbox. */
  sandbox: z.string(),
  /** Name of the container in the pod. */
  container: z.string(),
  /** UID of the Migration whose replacement the pod is. */
  migration: z.string().optional(),
});
export type PodContainer = z.infer<typeof podContainerSchema>;

const prefix = 'io.kubernetes.cri.';

/** Undefined for a sandbox, and for a container that no pod has. */
export function podContainerOf({ annotations = {} }: OciSpec): PodContainer | undefined {
  const said = (key: string): string | undefined => annotations[`${prefix}${key}`];
  if (said('container-type') !== 'container') return undefined;
  const parsed = podContainerSchema.safeParse({
    namespace: said('sandbox-namespace'),
    name: said('sandbox-name'),
    uid: said('sandbox-uid'),
    sandbox: said('sandbox-id'),
    container: said('container-name'),
    migration: annotations[names.migration],
  });
  return parsed.data;
}
