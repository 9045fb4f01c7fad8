// API objects for tests of decisions: whole and ordinary, so that a test says only what its case is about.
import type { Condition } from '#core/api/conditions.ts';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { groupVersion, labels, nodeFactsAnnotation, runtimeClassName } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';

/** When everything was made; `at` counts from here. */
const startedAt = Date.parse('2026-01-01T00:00:00Z');

/** The time so many seconds after everything was made. */
export const time = (seconds: number): Date => new Date(startedAt + seconds * 1000);
export const at = (seconds: number): string => time(seconds).toISOString();

export function condition(type: string, status: Condition['status'] = 'True', reason = 'Reason'): Condition {
  return { type, status, reason, message: '', lastTransitionTime: at(0) };
}

interface PodParts {
  /** Kind of its controller, of UID `owner-uid`; left out: it has none. */
  owner?: string | undefined;
  metadata?: Partial<Pod['metadata']>;
  spec?: Partial<Pod['spec']>;
  status?: Pod['status'];
}

/** `shop-0` of UID `u1`, opted in, running on node `a`. */
export function pod({ owner, metadata, spec, status }: PodParts = {}): Pod {
  const ownerReferences =
    owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: owner, name: 'shop', uid: 'owner-uid', controller: true }] };
  return {
    metadata: {
      name: 'shop-0',
      namespace: 'default',
      uid: 'u1',
      creationTimestamp: at(0),
      ...ownerReferences,
      ...metadata,
    },
    spec: { runtimeClassName, nodeName: 'a', containers: [{ name: 'app' }], ...spec },
    status: { phase: 'Running', ...status },
  };
}

/** With the condition that an interruption leaves on it. */
export function interrupted(reason: string | undefined, parts: PodParts = {}): Pod {
  return pod({
    ...parts,
    status: {
      ...parts.status,
      conditions: [{ type: 'DisruptionTarget', status: 'True', ...(reason === undefined ? {} : { reason }) }],
    },
  });
}

interface NodeParts {
  labels?: Record<string, string>;
  spec?: Node['spec'];
  /** Status and message of condition Ready. */
  ready?: { status: string; message?: string };
  /** What the agent says of it, where it differs from others. */
  facts?: object;
  allocatable?: Record<string, string>;
}

const facts = {
  architecture: 'x64',
  cgroupVersion: 1,
  kernel: '6.1',
  criu: '4.2',
  runc: '1.3',
  lazyPages: true,
  cpuFlags: ['avx', 'sse2'],
};

/** Ready, with an agent and room for a few pods. */
export function node(
  name: string,
  {
    labels: more,
    spec = {},
    ready = { status: 'True' },
    facts: own,
    allocatable = { cpu: '2', memory: '4Gi', pods: '110' },
  }: NodeParts = {},
): Node {
  return {
    metadata: {
      name,
      labels: { [labels.agentReady]: 'true', 'kubernetes.io/hostname': name, ...more },
      annotations: { [nodeFactsAnnotation]: JSON.stringify({ ...facts, ...own }) },
    },
    spec,
    status: { conditions: [{ type: 'Ready', ...ready }], allocatable },
  };
}

interface MigrationParts {
  metadata?: Partial<Migration['metadata']>;
  spec?: Partial<Migration['spec']>;
  status?: MigrationStatus;
}

/** `move` of UID `m1`: a user moves pod `shop-0`, and nobody has looked at it yet. */
export function migration({ metadata, spec, status }: MigrationParts = {}): Migration {
  return {
    apiVersion: groupVersion,
    kind: 'Migration',
    metadata: { name: 'move', namespace: 'default', uid: 'm1', creationTimestamp: at(0), ...metadata },
    spec: {
      podName: 'shop-0',
      trigger: 'User',
      deadlineSeconds: 120,
      dryRun: false,
      cancel: false,
      ttlSecondsAfterFinished: 60,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

/** Selects every pod and moves it. */
export function policy(spec: Partial<InterruptionPolicy['spec']> = {}, name = 'policy'): InterruptionPolicy {
  return {
    apiVersion: groupVersion,
    kind: 'InterruptionPolicy',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: {},
      action: 'Migrate',
      holdSeconds: 60,
      evictionDeadlineSeconds: 900,
      disruptionBudgets: 'Respect',
      precedence: 0,
      ...spec,
    },
  };
}
