// What the API alone says against moving a pod: each check is one pure look at its spec.
import type { Note, Refusal } from '#core/api/handover.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';
import { unservedFact, unservedRemedy } from '#core/api/served-namespaces.ts';
import type { Finding, PodCheck, PodFacts } from '#controller/migration/pod-check.ts';
import { startOrderChecks } from '#controller/migration/start-order.ts';
import { volumeChecks } from '#controller/migration/volume-refusals.ts';

type Container = Pod['spec']['containers'][number];

const allContainers = ({ spec }: Pod) => [...(spec.initContainers ?? []), ...spec.containers];
const knownOwners = new Set(['StatefulSet', 'ReplicaSet', 'Job']);
const ordinaryResources = /^(cpu|memory|ephemeral-storage|hugepages-.*|godwit\.dev\/.*)$/;
const found = (fact: string, remedy: string): Finding => ({ fact, remedy });

/** By the code they refuse with. */
export const podChecks: Readonly<Record<string, PodCheck>> = {
  PREFLIGHT_RUNTIME_CLASS: {
    about: `The pod does not have the runtime class ${runtimeClassName}.`,
    run: ({ pod }) =>
      pod.spec.runtimeClassName === runtimeClassName
        ? undefined
        : found(
            `the pod has the runtime class ${pod.spec.runtimeClassName ?? '(none)'}`,
            `Set runtimeClassName: ${runtimeClassName} in the template.`,
          ),
  },
  PREFLIGHT_POLICY_NEVER: {
    about: 'The InterruptionPolicy that counts for the pod says Never.',
    run: ({ policy }) =>
      policy?.spec.action === 'Never'
        ? found(`InterruptionPolicy ${policy.metadata.name} says Never`, 'Change the policy, or its selector.')
        : undefined,
  },
  PREFLIGHT_OWNER: {
    about:
      'The pod belongs to its node: one of a DaemonSet, a static pod, or one whose owner is none of StatefulSet, ReplicaSet and Job.',
    run: ({ pod }) => {
      const owner = controllerOf(pod);
      if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined)
        return found('it is a static pod of its node', 'Static pods stay where their file is.');
      return owner === undefined || knownOwners.has(owner.kind)
        ? undefined
        : found(
            `its owner is a ${owner.kind}, which makes no replacement elsewhere`,
            'Run it by a StatefulSet, Deployment or Job, or as a bare pod.',
          );
    },
  },
  PREFLIGHT_HOST_NAMESPACES: {
    about: 'The pod uses namespaces of its node: hostNetwork, hostPID or hostIPC.',
    run: ({ pod: { spec } }) =>
      spec.hostNetwork === true || spec.hostPID === true || spec.hostIPC === true
        ? found('it uses namespaces of its node', 'Do without hostNetwork, hostPID and hostIPC.')
        : undefined,
  },
  ...volumeChecks,
  PREFLIGHT_TTY: {
    about: 'A container has a terminal (`tty: true`).',
    run: ({ pod }) => {
      const container = allContainers(pod).find(({ tty }) => tty === true);
      return container === undefined
        ? undefined
        : found(`container ${container.name} has a terminal`, 'Set tty: false.');
    },
  },
  PREFLIGHT_DEVICES: {
    about:
      'A container has devices of its node: extended resources, ResourceClaims (DRA), or block volumes (volumeDevices).',
    run: ({ pod }) => {
      const names = [...devicesOf(pod)];
      return names.length === 0
        ? undefined
        : found(`it has devices of its node: ${names.join(', ')}`, 'CRIU cannot move the state of devices.');
    },
  },
  ...startOrderChecks,
  PREFLIGHT_NAMESPACE_NOT_SERVED: {
    about: 'The pod has not started: it asks for a StableNetwork that does not serve its namespace.',
    run: ({ unserved: [first] }) => (first === undefined ? undefined : found(unservedFact(first), unservedRemedy)),
  },
};

/** Names of what cannot be on another node. */
function devicesOf(pod: Pod): Set<string> {
  const containers = allContainers(pod);
  const extended = containers
    .flatMap(({ resources }) => Object.keys({ ...resources?.requests, ...resources?.limits }))
    .filter((name) => !ordinaryResources.test(name));
  const claims = (pod.spec.resourceClaims ?? []).map(({ name }) => `resource claim ${name}`);
  const blocks = containers.flatMap(({ volumeDevices = [] }) =>
    volumeDevices.map(({ name }) => `block volume ${name}`),
  );
  return new Set([...extended, ...claims, ...blocks]);
}

export function podRefusals(facts: PodFacts): Refusal[] {
  return Object.entries(podChecks).flatMap(([code, { run }]) => {
    const refusal = run(facts);
    return refusal === undefined ? [] : [{ code, ...refusal }];
  });
}

/** Notes on hooks, by their codes: what they are about, whom they concern, and what to say of these. */
export const hookNotes = {
  NOTE_POST_START: {
    about: 'A note, no refusal: a postStart hook runs again in the replacement.',
    concerns: ({ lifecycle }: Container) => lifecycle?.postStart !== undefined,
    fact: (names: string) => `postStart of ${names} runs again in the replacement`,
    remedy: 'Make it harmless to run twice, or drop it.',
  },
  NOTE_PRE_STOP: {
    about:
      'A note, no refusal: a preStop hook that is a request reaches the program that moves. One that is a command waits.',
    concerns: ({ lifecycle }: Container) =>
      lifecycle?.preStop?.httpGet !== undefined || lifecycle?.preStop?.tcpSocket !== undefined,
    fact: (names: string) =>
      `preStop of ${names} is a request of the kubelet: the program gets it and moves all the same`,
    remedy:
      'Let the request change nothing that a program that goes on would miss, or make the hook a command (exec): that waits while a move is tried.',
  },
} as const;

/** Worth knowing, but not in the way. */
export function podNotes({ pod }: PodFacts): Note[] {
  return Object.entries(hookNotes).flatMap(([code, { concerns, fact, remedy }]) => {
    const names = allContainers(pod)
      .filter(concerns)
      .map(({ name }) => name);
    return names.length === 0 ? [] : [{ code, fact: fact(names.join(', ')), remedy }];
  });
}
