// What a Service without a selector says about the stable addresses that it is for.
import type { LabelSelector } from '#core/api/interruption-policy.ts';
import { parseLabelSelector } from '#core/api/label-selector.ts';
import { serviceAnnotations } from '#core/api/names.ts';
import { serviceReasons, type ServiceReason } from '#core/api/reasons.ts';
import type { Service } from '#core/api/service.ts';
import { asGodwitError } from '#core/errors.ts';

export type EndpointRequest =
  /** It does not ask. */
  | { kind: 'none' }
  | { kind: 'asked'; network: string; selector: LabelSelector }
  /** It gets no endpoints, and is told why. */
  | { kind: 'refused'; reason: ServiceReason; message: string };

export function endpointRequest(
  { metadata: { annotations = {} }, spec }: Service,
  networks: ReadonlySet<string>,
): EndpointRequest {
  const network = annotations[serviceAnnotations.network];
  const selector = annotations[serviceAnnotations.selector];
  if (network === undefined && selector === undefined) return { kind: 'none' };
  if (Object.keys(spec?.selector ?? {}).length > 0)
    return refused('SelectorPresent', 'Take away spec.selector, or the annotations.');
  if (network === undefined || !networks.has(network))
    return refused(
      'NetworkUnknown',
      network === undefined ? 'The annotation is missing.' : `There is no StableNetwork ${network}.`,
    );
  try {
    return { kind: 'asked', network, selector: parseLabelSelector(selector ?? '') };
  } catch (error) {
    const { message, remedy } = asGodwitError(error);
    return refused('SelectorInvalid', selector === undefined ? remedy : `${message}. ${remedy}`);
  }
}

function refused(reason: ServiceReason, detail: string): EndpointRequest {
  return { kind: 'refused', reason, message: `${serviceReasons[reason]} ${detail}` };
}
