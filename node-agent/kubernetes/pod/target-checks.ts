// What a node of a cluster checks before it waits for a replacement; changes nothing.
import type { Refusal } from '#core/api/handover.ts';
import type { MessageOf } from '#core/wire/messages.ts';

/** @param networks names of the stable networks that this node knows */
export function podTargetRefusals({ pod, claims }: MessageOf<'prepare'>, networks: ReadonlySet<string>): Refusal[] {
  const refusals: Refusal[] = [];
  if (pod === undefined) {
    refusals.push({ code: 'PREFLIGHT_NOT_A_POD', fact: 'the source hands over a container that no pod has', remedy: 'Hand it over to an agent on a plain host.' });
  }
  const missing = claims.map(({ network }) => network).filter((network) => !networks.has(network));
  if (missing.length > 0) {
    refusals.push({ code: 'PREFLIGHT_NETWORK_MISSING', fact: `the target knows no StableNetwork ${missing.join(', ')}`, remedy: 'Create the StableNetwork, or wait until the target has seen it.' });
  }
  return refusals;
}
