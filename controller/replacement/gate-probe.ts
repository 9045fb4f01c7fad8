// Whether Godwit's own webhook answers the API server: a replacement that is made while it does not comes without its
// gate, and starts afresh.
import { claimGate, runtimeClassName, systemNamespace } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { asGodwitError } from '#core/errors.ts';
import { hasCode } from '#core/kube/api.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { pods } from '#core/kube/resources.ts';

/** Why a pod that was just asked for by a dry run shows that moves have to wait. */
export function gateWait({ spec: { nodeName, schedulingGates = [] } }: Pod): string | undefined {
  if (schedulingGates.some(({ name }) => name === claimGate)) return undefined;
  if (nodeName !== undefined) return `the template names the node ${nodeName} itself: no gate can hold the replacement`;
  return 'the webhook of Godwit does not answer the API server: the replacement would come without its gate, and start afresh';
}

/**
 * Where the replacement itself was not answered for: a pod of the class in Godwit's own namespace, which no quota of a
 * tenant hinders.
 */
const probe: Pod = {
  metadata: { name: 'godwit-webhook-probe', namespace: systemNamespace },
  spec: { runtimeClassName, containers: [{ name: 'probe', image: 'none.invalid/none' }] },
};

export async function probeWait(api: KubeApi): Promise<string | undefined> {
  try {
    return gateWait(await api.create(pods, probe, { dryRun: true }));
  } catch (thrown) {
    const error = asGodwitError(thrown);
    if (hasCode(error, 'ERR_KUBE_FORBIDDEN') || hasCode(error, 'ERR_KUBE_INVALID'))
      return `whether the webhook of Godwit answers is not known: ${error.message}`;
    throw error;
  }
}
