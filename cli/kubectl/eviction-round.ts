// One look at a node that is drained: which pods have to go, and each asked to.
import { policyFor, type InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { runtimeClassName } from '#core/api/names.ts';
import { controllerOf, isFinished, type Pod } from '#core/api/pod.ts';
import { asGodwitError } from '#core/errors.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { interruptionPolicies, pods } from '#core/kube/resources.ts';

/** A pod of the node and what became of asking it to leave. */
export interface Leaving {
  pod: Pod;
  /** `evicted`, `is leaving`, or why it stays for now. */
  state: string;
}

/** All but what a drain leaves: DaemonSets, static pods, what has finished. */
export async function podsToEvict(api: KubeApi, node: string): Promise<Pod[]> {
  const { items } = await api.list(pods, { fieldSelector: `spec.nodeName=${node}` });
  return items.filter(
    (pod) =>
      controllerOf(pod)?.kind !== 'DaemonSet' &&
      pod.metadata.annotations?.['kubernetes.io/config.mirror'] === undefined &&
      !isFinished(pod),
  );
}

/** Those that nobody would make again, and that do not move either. */
export async function irreplaceable(api: KubeApi, leaving: readonly Pod[]): Promise<Pod[]> {
  const bare = leaving.filter((pod) => controllerOf(pod) === undefined);
  const policies = bare.some(isGodwits) ? (await api.list(interruptionPolicies)).items : [];
  return bare.filter((pod) => !isGodwits(pod) || policyOf(pod, policies)?.spec.action !== 'Migrate');
}

const isGodwits = ({ spec }: Pod): boolean => spec.runtimeClassName === runtimeClassName;

function policyOf({ metadata }: Pod, policies: readonly InterruptionPolicy[]): InterruptionPolicy | undefined {
  return policyFor(
    policies.filter((policy) => policy.metadata.namespace === metadata.namespace),
    metadata.labels,
  );
}

/** Asks the pod to leave. Rejects when asking again cannot help. */
export async function evict(api: KubeApi, pod: Pod): Promise<Leaving> {
  const { name, namespace, uid, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return { pod, state: 'is leaving' };
  try {
    await api.evict({ name, namespace }, { uid });
    return { pod, state: 'evicted' };
  } catch (thrown) {
    const error = asGodwitError(thrown);
    if (error.code === 'ERR_KUBE_NOT_FOUND' || error.code === 'ERR_KUBE_CONFLICT') return { pod, state: 'is gone' };
    if (!error.retryable) throw error;
    const { said } = error.details;
    return { pod, state: typeof said === 'string' ? said : error.message };
  }
}
