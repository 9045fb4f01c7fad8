// StableIP: one object per address. Creating it is taking the address; its status says who holds it, at which epoch.
import { z } from 'zod';
import { conditionsSchema } from '#core/api/conditions.ts';
import { objectMetaSchema, ownerReferenceSchema, podReferenceSchema } from '#core/api/objects.ts';
import { groupVersion } from '#core/api/names.ts';

export const stableIPSpecSchema = z.object({
  network: z.string().max(63),
  /** `address/prefix`, IPv6 in RFC 5952 form. */
  address: z.string().max(64),
  mac: z.string().max(17),
  /** Interface in the pod, e.g. `net1`. */
  ifName: z.string().max(15),
  /** Whose address it is: survives pods and nodes. */
  workload: z.object({
    namespace: z.string(),
    lineage: z.string(),
    owner: ownerReferenceSchema.optional(),
    podName: z.string(),
  }),
});

/** Cluster-scoped; the name is made of network and address, so that an address exists once. */
export const stableIPSchema = z.object({
  apiVersion: z.literal(groupVersion),
  kind: z.literal('StableIP'),
  metadata: objectMetaSchema,
  spec: stableIPSpecSchema,
  status: z
    .object({
      /** Fencing number: grows by one at every change of the holder. */
      epoch: z.number().int(),
      /** Pod and node that may speak. */
      holder: podReferenceSchema.optional(),
      /** Ready: a pod holds it (controller; all else is the agents'). */
      conditions: conditionsSchema.optional(),
    })
    .optional(),
});
export type StableIP = z.infer<typeof stableIPSchema>;

const epochsBegin = Date.parse('2026-01-01T00:00:00Z');

/**
 * Epoch of an address; before anybody held it the seconds at which its object was made. An address that was released
 * and is taken again has a new object, and nodes may remember the epochs of the one before: no address changes its
 * holder every second, so the new ones are higher.
 */
export function epochOf({ metadata, status }: Pick<StableIP, 'metadata' | 'status'>): number {
  return (
    status?.epoch ?? Math.max(0, Math.floor((Date.parse(metadata.creationTimestamp ?? '') - epochsBegin) / 1000) || 0)
  );
}

/**
 * Object name of an address, `<network>.<address>` with every `.` and `:` of the address as `-`; no two addresses of
 * all networks have the same.
 */
export function stableIPName(network: string, address: string): string {
  const part = (address.split('/')[0] ?? address).toLowerCase().replaceAll(/[.:]/g, '-');
  return `${network}.${part.startsWith('-') ? '0' : ''}${part}${part.endsWith('-') ? '0' : ''}`;
}
