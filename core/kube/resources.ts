// The kinds that Godwit reads and writes, and where they live.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { disruptionBudgetSchema } from '#core/api/disruption-budget.ts';
import { interruptionPolicySchema } from '#core/api/interruption-policy.ts';
import { migrationSchema } from '#core/api/migration.ts';
import { apiGroup, apiVersion } from '#core/api/names.ts';
import { objectMetaSchema } from '#core/api/objects.ts';
import { jobSchema, replicaSetSchema, statefulSetSchema } from '#core/api/owners.ts';
import { nodeSchema, podSchema } from '#core/api/pod.ts';
import { namespaceSchema } from '#core/api/served-namespaces.ts';
import { endpointSliceSchema, serviceSchema } from '#core/api/service.ts';
import { stableIPSchema } from '#core/api/stable-ip.ts';
import { stableNetworkSchema } from '#core/api/stable-network.ts';
import type { KubeObject, Resource } from '#core/kube/port.ts';

type Address = Pick<Resource<KubeObject>, 'group' | 'version' | 'plural' | 'kind' | 'namespaced'>;

/**
 * Objects come without what only servers read and what is half of a pod: `managedFields`. A PUT without them leaves
 * them as they are.
 *
 * @param lighten takes away what else is large and nobody here reads
 */
export function resource<T extends KubeObject>(
  address: Address,
  schema: z.ZodType<T>,
  lighten: (object: T) => void = () => {},
): Resource<T> {
  return {
    ...address,
    parse(json) {
      const parsed = schema.safeParse(json);
      if (!parsed.success)
        throw new GodwitError(
          'ERR_KUBE_OBJECT',
          `a ${address.kind} is not what this version of Godwit knows: ${z.prettifyError(parsed.error)}`,
        );
      delete parsed.data.metadata['managedFields'];
      lighten(parsed.data);
      return parsed.data;
    },
  };
}

const own = (kind: string, plural: string, namespaced: boolean): Address => ({
  group: apiGroup,
  version: apiVersion,
  plural,
  kind,
  namespaced,
});
const core = (kind: string, plural: string, namespaced = true): Address => ({
  group: '',
  version: 'v1',
  plural,
  kind,
  namespaced,
});

export const migrations = resource(own('Migration', 'migrations', true), migrationSchema);
export const interruptionPolicies = resource(
  own('InterruptionPolicy', 'interruptionpolicies', true),
  interruptionPolicySchema,
);
export const stableNetworks = resource(own('StableNetwork', 'stablenetworks', false), stableNetworkSchema);
export const stableIPs = resource(own('StableIP', 'stableips', false), stableIPSchema);
export const pods = resource(core('Pod', 'pods'), podSchema);
/** Without the list of their images. */
export const nodes = resource(core('Node', 'nodes', false), nodeSchema, ({ status }) => void delete status?.['images']);
export const namespaces = resource(core('Namespace', 'namespaces', false), namespaceSchema);
export const services = resource(core('Service', 'services'), serviceSchema);
export const endpointSlices = resource(
  { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices', kind: 'EndpointSlice', namespaced: true },
  endpointSliceSchema,
);

const certificateRequestSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({
    /** PEM, base64. */
    request: z.string(),
    signerName: z.string(),
    usages: z.array(z.string()).optional(),
    expirationSeconds: z.number().optional(),
    username: z.string().optional(),
    extra: z.record(z.string(), z.array(z.string())).optional(),
  }),
  status: z
    .looseObject({
      certificate: z.string().optional(),
      conditions: z
        .array(
          z.looseObject({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            message: z.string().optional(),
          }),
        )
        .optional(),
    })
    .optional(),
});
export type CertificateRequest = z.infer<typeof certificateRequestSchema>;
export const certificateRequests = resource(
  {
    group: 'certificates.k8s.io',
    version: 'v1',
    plural: 'certificatesigningrequests',
    kind: 'CertificateSigningRequest',
    namespaced: false,
  },
  certificateRequestSchema,
);

const claimSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ accessModes: z.array(z.string()).optional() }).optional(),
});
export const persistentVolumeClaims = resource(core('PersistentVolumeClaim', 'persistentvolumeclaims'), claimSchema);

const leaseSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      holderIdentity: z.string().nullish(),
      leaseDurationSeconds: z.number().nullish(),
      acquireTime: z.string().nullish(),
      renewTime: z.string().nullish(),
      leaseTransitions: z.number().nullish(),
    })
    .optional(),
});
export type Lease = z.infer<typeof leaseSchema>;
export const leases = resource(
  { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true },
  leaseSchema,
);

export const podDisruptionBudgets = resource(
  { group: 'policy', version: 'v1', plural: 'poddisruptionbudgets', kind: 'PodDisruptionBudget', namespaced: true },
  disruptionBudgetSchema,
);

const webhookConfigurationSchema = z.looseObject({
  metadata: objectMetaSchema,
  webhooks: z
    .array(
      z.looseObject({
        name: z.string(),
        clientConfig: z.looseObject({
          caBundle: z.string().optional(),
          service: z.looseObject({ path: z.string().optional() }).optional(),
        }),
      }),
    )
    .optional(),
});
const admission = (kind: string, plural: string): Address => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: false,
});
export const webhookConfigurations = [
  resource(admission('MutatingWebhookConfiguration', 'mutatingwebhookconfigurations'), webhookConfigurationSchema),
  resource(admission('ValidatingWebhookConfiguration', 'validatingwebhookconfigurations'), webhookConfigurationSchema),
];

const attachmentSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z.looseObject({ config: z.string().optional() }).optional(),
});
/** Multus' own kind. */
export const attachmentDefinitions = resource(
  {
    group: 'k8s.cni.cncf.io',
    version: 'v1',
    plural: 'network-attachment-definitions',
    kind: 'NetworkAttachmentDefinition',
    namespaced: true,
  },
  attachmentSchema,
);

export const statefulSets = resource(
  { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  statefulSetSchema,
);
export const replicaSets = resource(
  { group: 'apps', version: 'v1', plural: 'replicasets', kind: 'ReplicaSet', namespaced: true },
  replicaSetSchema,
);
export const jobs = resource(
  { group: 'batch', version: 'v1', plural: 'jobs', kind: 'Job', namespaced: true },
  jobSchema,
);

const configMapSchema = z.looseObject({
  metadata: objectMetaSchema,
  data: z.record(z.string(), z.string()).optional(),
});
export const configMaps = resource(core('ConfigMap', 'configmaps'), configMapSchema);
/** Values are base64. */
export const secrets = resource(core('Secret', 'secrets'), configMapSchema);
