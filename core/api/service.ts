// Services and EndpointSlices, as far as Godwit reads and writes them.
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';

export const serviceSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      selector: z.record(z.string(), z.string()).nullish(),
      /** `None` for a headless one. */
      clusterIP: z.string().optional(),
      ipFamilies: z.array(z.string()).optional(),
      publishNotReadyAddresses: z.boolean().optional(),
      ports: z
        .array(
          z.looseObject({
            name: z.string().optional(),
            protocol: z.string().optional(),
            port: z.number(),
            targetPort: z.union([z.number(), z.string()]).optional(),
            appProtocol: z.string().optional(),
          }),
        )
        .nullish(),
    })
    .optional(),
});
export type Service = z.infer<typeof serviceSchema>;

const endpointPortSchema = z.looseObject({
  name: z.string().nullish(),
  port: z.number().nullish(),
  protocol: z.string().nullish(),
  appProtocol: z.string().nullish(),
});
export type EndpointPort = z.infer<typeof endpointPortSchema>;

const endpointSchema = z.looseObject({
  /** One address; more mean the same endpoint, and nobody reads them. */
  addresses: z.array(z.string()),
  conditions: z
    .looseObject({ ready: z.boolean().nullish(), serving: z.boolean().nullish(), terminating: z.boolean().nullish() })
    .optional(),
  hostname: z.string().optional(),
  nodeName: z.string().optional(),
  targetRef: z
    .looseObject({
      kind: z.string().optional(),
      namespace: z.string().optional(),
      name: z.string().optional(),
      uid: z.string().optional(),
    })
    .optional(),
});
export type Endpoint = z.infer<typeof endpointSchema>;

export const addressTypes = ['IPv4', 'IPv6'] as const;
export type AddressType = (typeof addressTypes)[number];

export const endpointSliceSchema = z.looseObject({
  metadata: objectMetaSchema,
  addressType: z.enum([...addressTypes, 'FQDN']),
  ports: z.array(endpointPortSchema).nullish(),
  endpoints: z.array(endpointSchema).nullish(),
});
export type EndpointSlice = z.infer<typeof endpointSliceSchema>;

/** Labels of EndpointSlices. */
export const sliceLabels = {
  service: 'kubernetes.io/service-name',
  managedBy: 'endpointslice.kubernetes.io/managed-by',
  /** On those of headless Services: proxies need not read them. */
  headless: 'service.kubernetes.io/headless',
} as const;
/** Value of `managedBy` on slices that Godwit writes; a label's value takes no slash. */
export const sliceManager = 'controller.godwit.dev';
