// Owners and their pods, all opted in, as a cluster with webhooks and kubelets has them.
import { groupVersion, annotations, claimGate, runtimeClassName } from '#core/api/names.ts';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration } from '#core/api/migration.ts';
import type { ReplicaSet, StatefulSet } from '#core/api/owners.ts';
import type { Pod } from '#core/api/pod.ts';
import { addressIn, digits, timestamp } from './nodes.ts';

export interface Owner {
  kind: 'StatefulSet' | 'ReplicaSet';
  namespace: string;
  name: string;
  uid: string;
}

export const podsPerOwner = 10;
const image = 'registry.example.com/shop/server';

const container: Pod['spec']['containers'][number] = {
  name: 'app',
  image: `${image}:v1.4.2`,
  command: ['/usr/bin/server'],
  args: ['--listen=:8080', '--workers=4'],
  ports: [{ name: 'http', containerPort: 8080 }],
  env: [
    { name: 'LOG_LEVEL', value: 'info' },
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'DATABASE', value: 'postgres://database.shop.svc:5432/shop' },
  ],
  resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
  readinessProbe: { httpGet: { path: '/ready', port: 'http' } },
  livenessProbe: { httpGet: { path: '/live', port: 'http' } },
  volumeMounts: [
    { name: 'scratch', mountPath: '/scratch' },
    { name: 'kube-api-access-x7k2p', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
  ],
};
const token = {
  sources: [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
  ],
};

/** @param nodeName undefined: it waits at the gate */
export function pod(
  name: string,
  owner: Owner,
  nodeName: string | undefined,
  labels: Readonly<Record<string, string>> = {},
): Pod {
  return {
    metadata: {
      name,
      namespace: owner.namespace,
      labels: { app: owner.name, 'app.kubernetes.io/part-of': 'shop', 'pod-template-hash': '7d4b9c6f5', ...labels },
      annotations: {
        [annotations.lineage]: digits(name.length, 32),
        [annotations.generation]: '0',
        'prometheus.io/scrape': 'true',
      },
      ownerReferences: [
        {
          apiVersion: 'apps/v1',
          kind: owner.kind,
          name: owner.name,
          uid: owner.uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: {
      runtimeClassName,
      serviceAccountName: 'default',
      containers: [container],
      volumes: [
        { name: 'scratch', emptyDir: {} },
        { name: 'kube-api-access-x7k2p', projected: token },
      ],
      ...(nodeName === undefined ? { schedulingGates: [{ name: claimGate }] } : { nodeName }),
    },
  };
}

/** Of the pod of that number. */
export function running(number: number): NonNullable<Pod['status']> {
  const since = timestamp();
  const podIP = addressIn(10, number);
  return {
    phase: 'Running',
    hostIP: addressIn(172, number),
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: since,
    conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(
      (type) => ({ type, status: 'True', lastTransitionTime: since }),
    ),
    containerStatuses: [
      {
        name: 'app',
        ready: true,
        started: true,
        restartCount: 0,
        image: `${image}:v1.4.2`,
        imageID: `${image}@sha256:${digits(1, 64)}`,
        containerID: `containerd://${digits(number, 64)}`,
        state: { running: { startedAt: since } },
      },
    ],
  };
}

export function ownerObject(kind: Owner['kind'], name: string, namespace: string): StatefulSet & ReplicaSet {
  const template = {
    metadata: { labels: { app: name } },
    spec: { runtimeClassName, containers: [{ name: 'app', image: `${image}:v1.4.2` }] },
  };
  return {
    metadata: { name, namespace },
    spec: {
      replicas: podsPerOwner,
      selector: { matchLabels: { app: name } },
      template,
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
    },
  };
}

/** Of a user who wants the pod somewhere else. */
export function newMigration(
  name: string,
  { name: podName, owner: { namespace } }: { name: string; owner: Owner },
): Migration {
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name, namespace },
    spec: {
      podName,
      trigger: 'User',
      deadlineSeconds: 600,
      dryRun: false,
      cancel: false,
      ttlSecondsAfterFinished: 3600,
    },
  };
}

/** Every pod of the namespace is moved when interrupted. */
export function movingAll(namespace: string): InterruptionPolicy {
  return {
    apiVersion: groupVersion,
    kind: 'InterruptionPolicy',
    metadata: { name: 'all', namespace },
    spec: {
      selector: {},
      action: 'Migrate',
      holdSeconds: 60,
      evictionDeadlineSeconds: 900,
      disruptionBudgets: 'Respect',
      precedence: 0,
    },
  };
}
