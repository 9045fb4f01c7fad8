// Objects that scenarios put into the cluster: a Redis under every kind of owner, and what else a pod may be made of.
import { target } from '#cluster/target.ts';

const { image } = target;
const redisCommand = ['redis-server', '--save', '', '--protected-mode', 'no', '--dir', '/tmp'];

export interface PodShape {
  /** Fields of the pod's spec beside those of a Redis. */
  spec?: Record<string, unknown>;
  /** Fields of its container. */
  container?: Record<string, unknown>;
  replicas?: number;
}

/** A container that runs `script` in a shell. */
export const shell = (name: string, script: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name,
  image,
  imagePullPolicy: 'Never',
  command: ['sh', '-c', script],
  ...more,
});

export const redisContainer = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  name: 'redis',
  image,
  imagePullPolicy: 'Never',
  command: redisCommand,
  ...more,
});

export const labels = { app: 'shop' };
const metadata = { labels, annotations: { 'k8s.v1.cni.cncf.io/networks': 'stable' } };

function podSpec({ spec = {}, container = {} }: PodShape): Record<string, unknown> {
  return {
    runtimeClassName: 'godwit',
    terminationGracePeriodSeconds: 5,
    containers: [redisContainer(container)],
    ...spec,
  };
}

const template = (shape: PodShape): object => ({ metadata, spec: podSpec(shape) });

export const owners = {
  StatefulSet: (namespace: string, shape: PodShape = {}): object => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'shop', namespace },
    spec: {
      serviceName: 'shop',
      replicas: shape.replicas ?? 1,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: template(shape),
    },
  }),
  Deployment: (namespace: string, shape: PodShape = {}): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace },
    spec: { replicas: shape.replicas ?? 1, selector: { matchLabels: labels }, template: template(shape) },
  }),
  'bare pod': (namespace: string, shape: PodShape = {}): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'lonely', namespace },
    spec: podSpec(shape),
  }),
  Job: (namespace: string, shape: PodShape = {}): object => job(namespace, shape, {}),
  'indexed Job': (namespace: string, shape: PodShape = {}): object =>
    job(namespace, shape, { completionMode: 'Indexed', completions: 1 }),
};

/** As the documentation of Jobs advises for pods that may be interrupted: an interruption is no failure. */
const podFailurePolicy = { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] };

function job(namespace: string, shape: PodShape, more: Record<string, unknown>): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'batch', namespace },
    spec: {
      backoffLimit: 0,
      podFailurePolicy,
      ...more,
      template: { metadata, spec: { ...podSpec(shape), restartPolicy: 'Never' } },
    },
  };
}
