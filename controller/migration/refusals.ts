// What the API alone says against moving a pod: each check is one pure look at its spec.
import type { Note, Refusal } from '#core/api/handover.ts';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { controllerOf, type Pod } from '#core/api/pod.ts';

/** A claim of the pod, as far as it matters. */
export interface VolumeClaim {
  name: string;
  accessModes: readonly string[];
}

export interface PodFacts {
  pod: Pod;
  policy: InterruptionPolicy | undefined;
  claims: readonly VolumeClaim[];
}

type Check = (facts: PodFacts) => { fact: string; remedy: string } | undefined;

const allContainers = ({ spec }: Pod) => [...(spec.initContainers ?? []), ...spec.containers];
const knownOwners = new Set(['StatefulSet', 'ReplicaSet', 'Job']);
const ordinaryResources = /^(cpu|memory|ephemeral-storage|hugepages-.*|godwit\.dev\/.*)$/;
const found = (fact: string, remedy: string) => ({ fact, remedy });

/** By the code they refuse with. */
export const podChecks: Readonly<Record<string, Check>> = {
  PREFLIGHT_RUNTIME_CLASS: ({ pod }) =>
    pod.spec.runtimeClassName === runtimeClassName ? undefined : found(`the pod has the runtime class ${pod.spec.runtimeClassName ?? '(none)'}`, `Set runtimeClassName: ${runtimeClassName} in the template.`),
  PREFLIGHT_POLICY_NEVER: ({ policy }) =>
    policy?.spec.action === 'Never' ? found(`InterruptionPolicy ${policy.metadata.name} says Never`, 'Change the policy, or its selector.') : undefined,
  PREFLIGHT_OWNER: ({ pod }) => {
    const owner = controllerOf(pod);
    if (pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) return found('it is a static pod of its node', 'Static pods stay where their file is.');
    return owner === undefined || knownOwners.has(owner.kind) ? undefined : found(`its owner is a ${owner.kind}, which makes no replacement elsewhere`, 'Run it by a StatefulSet, Deployment or Job, or as a bare pod.');
  },
  PREFLIGHT_HOST_NAMESPACES: ({ pod: { spec } }) =>
    spec.hostNetwork === true || spec.hostPID === true || spec.hostIPC === true ? found('it uses namespaces of its node', 'Do without hostNetwork, hostPID and hostIPC.') : undefined,
  PREFLIGHT_HOST_PATH: ({ pod: { spec } }) => {
    const volume = spec.volumes?.find(({ hostPath }) => hostPath !== undefined);
    return volume === undefined ? undefined : found(`volume ${volume.name} is a directory of its node`, 'Use an emptyDir, which moves along, or a volume that several nodes can mount.');
  },
  PREFLIGHT_VOLUME_SINGLE_NODE: ({ claims }) => {
    const claim = claims.find(({ accessModes }) => !accessModes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany'));
    return claim === undefined ? undefined : found(`claim ${claim.name} can be mounted on one node only (${claim.accessModes.join(', ')})`, 'A live move needs ReadWriteMany; saving such pods and restoring them comes later.');
  },
  PREFLIGHT_TTY: ({ pod }) => {
    const container = allContainers(pod).find(({ tty }) => tty === true);
    return container === undefined ? undefined : found(`container ${container.name} has a terminal`, 'Set tty: false.');
  },
  PREFLIGHT_DEVICES: ({ pod }) => {
    const names = allContainers(pod).flatMap(({ resources }) => Object.keys({ ...resources?.requests, ...resources?.limits })).filter((name) => !ordinaryResources.test(name));
    return names.length === 0 ? undefined : found(`it has devices of its node: ${[...new Set(names)].join(', ')}`, 'CRIU cannot move the state of devices.');
  },
};

export function podRefusals(facts: PodFacts): Refusal[] {
  return Object.entries(podChecks).flatMap(([code, check]) => {
    const refusal = check(facts);
    return refusal === undefined ? [] : [{ code, ...refusal }];
  });
}

/** Worth knowing, but not in the way. */
export function podNotes({ pod }: PodFacts): Note[] {
  const starting = allContainers(pod).filter(({ lifecycle }) => lifecycle?.postStart !== undefined);
  if (starting.length === 0) return [];
  return [{ code: 'NOTE_POST_START', fact: `postStart of ${starting.map(({ name }) => name).join(', ')} runs again in the replacement`, remedy: 'Make it harmless to run twice, or drop it.' }];
}
