// StableNetwork: a layer-2 network of all nodes whose addresses belong to workloads, not to nodes.
import { z } from 'zod';
import { conditionsSchema } from '#core/api/conditions.ts';
import { boundedSelectorSchema } from '#core/api/interruption-policy.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import { groupVersion } from '#core/api/names.ts';

export const stableNetworkModes = ['Bridge', 'VXLAN'] as const;

export const stableNetworkSpecSchema = z.object({
  ranges: z
    .array(
      z.object({
        cidr: z.string().max(64),
        rangeStart: z.string().max(64).optional(),
        rangeEnd: z.string().max(64).optional(),
        /** Addresses and CIDRs that are never given. */
        exclude: z.array(z.string().max(64)).max(64).optional(),
        gateway: z.string().max(64).optional(),
      }),
    )
    .min(1)
    .max(8),
  mode: z.enum(stableNetworkModes).default('Bridge'),
  /** Bridge of every node; made where it is missing. Left out: named after the network. */
  bridge: z.string().max(15).optional(),
  /** Mode Bridge: device of every node that connects the bridges. */
  uplink: z.string().max(15).optional(),
  /** Mode VXLAN: tunnel between the nodes' internal addresses. */
  vxlan: z
    .object({ id: z.number().int().min(1).max(0xffffff), port: z.number().int().min(1).max(65_535).default(4789) })
    .optional(),
  mtu: z.number().int().min(1280).max(65_535).default(1500),
  routes: z
    .array(z.object({ dst: z.string().max(64), gw: z.string().max(64).optional() }))
    .max(64)
    .optional(),
  /** Namespaces that get a NetworkAttachmentDefinition of the network's name. */
  namespaces: z.array(z.string().max(63)).max(256).default(['default']),
  /** Namespaces with these labels get one, too; an empty selector selects all. */
  namespaceSelector: boundedSelectorSchema.optional(),
});

/** Cluster-scoped. */
export const stableNetworkSchema = z.object({
  apiVersion: z.literal(groupVersion),
  kind: z.literal('StableNetwork'),
  metadata: objectMetaSchema,
  spec: stableNetworkSpecSchema,
  status: z
    .object({
      observedGeneration: z.number().int().optional(),
      /**
       * Attached: attachment definitions are in all namespaces. Ready: so they are, and the ranges can be used.
       * Exhausted: no address is free. Narrow: a node takes smaller packets than `mtu`.
       */
      conditions: conditionsSchema.optional(),
      addresses: z
        .object({
          /** StableIPs of the network. */
          used: z.number().int(),
          /**
           * Addresses that the ranges can give, of all families together; at most 2^53 - 1, which IPv6 ranges easily
           * have.
           */
          total: z.number().int(),
        })
        .optional(),
    })
    .optional(),
});
export type StableNetwork = z.infer<typeof stableNetworkSchema>;
