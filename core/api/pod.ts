// Pods and nodes as far as Godwit reads them; everything else of the objects is kept as it came.
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';

const quantities = z.record(z.string(), z.union([z.string(), z.number()]));
const resources = z.looseObject({ requests: quantities.optional(), limits: quantities.optional() });

const probe = z.looseObject({
  initialDelaySeconds: z.number().optional(),
  periodSeconds: z.number().optional(),
  failureThreshold: z.number().optional(),
});

/** What a hook before the end may be; each kind as it came. */
const preStop = z.looseObject({
  exec: z.looseObject({ command: z.array(z.string()).optional() }).optional(),
  httpGet: z.unknown().optional(),
  tcpSocket: z.unknown().optional(),
});

const container = z.looseObject({
  name: z.string(),
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  restartPolicy: z.string().optional(),
  tty: z.boolean().optional(),
  lifecycle: z.looseObject({ postStart: z.unknown().optional(), preStop: preStop.optional() }).optional(),
  resources: resources.optional(),
  livenessProbe: probe.optional(),
  startupProbe: probe.optional(),
  volumeMounts: z
    .array(z.looseObject({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }))
    .optional(),
  volumeDevices: z.array(z.looseObject({ name: z.string() })).optional(),
  ports: z
    .array(z.looseObject({ name: z.string().optional(), containerPort: z.number(), protocol: z.string().optional() }))
    .optional(),
  securityContext: z.looseObject({}).optional(),
});

const nodeSelectorTerm = z.looseObject({
  matchExpressions: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).optional() }))
    .optional(),
  matchFields: z
    .array(z.looseObject({ key: z.string(), operator: z.string(), values: z.array(z.string()).optional() }))
    .optional(),
});

export const podSpecSchema = z.looseObject({
  nodeName: z.string().optional(),
  hostname: z.string().optional(),
  subdomain: z.string().optional(),
  runtimeClassName: z.string().optional(),
  hostNetwork: z.boolean().optional(),
  hostPID: z.boolean().optional(),
  hostIPC: z.boolean().optional(),
  restartPolicy: z.string().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  priority: z.number().optional(),
  nodeSelector: z.record(z.string(), z.string()).optional(),
  affinity: z
    .looseObject({
      nodeAffinity: z
        .looseObject({
          requiredDuringSchedulingIgnoredDuringExecution: z
            .looseObject({ nodeSelectorTerms: z.array(nodeSelectorTerm) })
            .optional(),
        })
        .optional(),
    })
    .optional(),
  tolerations: z
    .array(
      z.looseObject({
        key: z.string().optional(),
        operator: z.string().optional(),
        value: z.string().optional(),
        effect: z.string().optional(),
        tolerationSeconds: z.number().optional(),
      }),
    )
    .optional(),
  schedulingGates: z.array(z.looseObject({ name: z.string() })).optional(),
  containers: z.array(container),
  initContainers: z.array(container).optional(),
  /** Of the pod as a whole, instead of its containers'. */
  resources: resources.optional(),
  overhead: quantities.optional(),
  resourceClaims: z.array(z.looseObject({ name: z.string() })).optional(),
  volumes: z
    .array(
      z.looseObject({
        name: z.string(),
        persistentVolumeClaim: z.looseObject({ claimName: z.string(), readOnly: z.boolean().optional() }).optional(),
        hostPath: z.unknown().optional(),
        emptyDir: z.unknown().optional(),
        ephemeral: z.unknown().optional(),
        csi: z.unknown().optional(),
      }),
    )
    .optional(),
});

const podCondition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  lastTransitionTime: z.string().nullish(),
});

const containerStatus = z.looseObject({
  name: z.string(),
  containerID: z.string().optional(),
  ready: z.boolean().optional(),
  started: z.boolean().nullish(),
  restartCount: z.number().optional(),
  state: z
    .looseObject({
      running: z.looseObject({ startedAt: z.string().nullish() }).optional(),
      terminated: z.unknown().optional(),
      waiting: z.unknown().optional(),
    })
    .optional(),
});

export const podSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: podSpecSchema,
  status: z
    .looseObject({
      phase: z.string().optional(),
      reason: z.string().optional(),
      podIP: z.string().optional(),
      hostIP: z.string().optional(),
      conditions: z.array(podCondition).optional(),
      containerStatuses: z.array(containerStatus).optional(),
      initContainerStatuses: z.array(containerStatus).optional(),
    })
    .optional(),
});
export type Pod = z.infer<typeof podSchema>;

export const nodeSchema = z.looseObject({
  metadata: objectMetaSchema,
  spec: z
    .looseObject({
      unschedulable: z.boolean().optional(),
      podCIDR: z.string().optional(),
      taints: z.array(z.looseObject({ key: z.string(), value: z.string().optional(), effect: z.string() })).optional(),
    })
    .optional(),
  status: z
    .looseObject({
      allocatable: z.record(z.string(), z.string()).optional(),
      conditions: z.array(podCondition).optional(),
      addresses: z.array(z.looseObject({ type: z.string(), address: z.string() })).optional(),
    })
    .optional(),
});
export type Node = z.infer<typeof nodeSchema>;

/** The containers that run side by side, in the order in which the kubelet starts them: sidecars, then the others. */
export function runningTogether({ spec }: Pick<Pod, 'spec'>): Pod['spec']['containers'] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers];
}

/** The owner that makes replacements of a pod, if it has one. */
export function controllerOf(object: Pick<Pod, 'metadata'>) {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The kubelet says so in the Ready condition when a graceful shutdown has begun. */
export function isShuttingDown({ status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'False' && /node is shutting down/.test(ready.message ?? '');
}

/** Whether its kubelet answers. */
export function isNodeReady(node: Node | undefined): boolean {
  return node?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** The node is gone, and the API server forgets its pods. */
const garbageCollected = 'DeletionByPodGC';

/** Reason of the pod's DisruptionTarget condition, if something interrupts it. */
export function disruptionReason({ status }: Pod): string | undefined {
  const found = status?.conditions?.find(({ type, status: value }) => type === 'DisruptionTarget' && value === 'True');
  return found === undefined || found.reason === garbageCollected ? undefined : (found.reason ?? 'Unknown');
}

/** Whether it ran to its end: nothing of it is to be moved. */
export function isFinished({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/** Kubernetes' own default. */
const defaultGraceSeconds = 30;

/** Between the signal that asks a program to end and the one that ends it. */
export function gracePeriodSeconds({ spec }: Pod): number {
  return spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
}

/** The pod's own word on whether it serves. */
export function isPodReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}
