// What a node of a cluster checks before it waits for a replacement; changes nothing.
import type { Refusal } from '#core/api/handover.ts';
import type { MessageOf } from '#core/wire/messages.ts';

export interface TargetFacts {
  /** Names of the stable networks that this node knows. */
  networks: ReadonlySet<string>;
  /** Whether the source runs on this node, which hands over to itself. */
  isOwn: boolean;
  /** Free for images, and free at all. */
  imageFreeBytes: number;
  availableBytes: number;
}

export function podTargetRefusals(
  { pod, claims, memoryBytes }: MessageOf<'prepare'>,
  { networks, isOwn, imageFreeBytes, availableBytes }: TargetFacts,
): Refusal[] {
  const refusals: Refusal[] = [];
  // For a moment there are the source, its images, the images that have arrived, and the copy.
  if (isOwn && (2 * memoryBytes > imageFreeBytes || 3 * memoryBytes > availableBytes)) {
    refusals.push({
      code: 'PREFLIGHT_MEMORY_IN_PLACE',
      fact: `the pod has ${memoryBytes} bytes of memory; to go on in another pod of its node it needs twice as much of ${imageFreeBytes} bytes set aside for images, and three times as much of ${availableBytes} bytes available`,
      remedy: 'Raise imageLimitBytes there, or make room on another node for the pod.',
    });
  }
  if (pod === undefined) {
    refusals.push({
      code: 'PREFLIGHT_NOT_A_POD',
      fact: 'the source hands over a container that no pod has',
      remedy: 'Hand it over to an agent on a plain host.',
    });
  }
  const missing = claims.map(({ network }) => network).filter((network) => !networks.has(network));
  if (missing.length > 0) {
    refusals.push({
      code: 'PREFLIGHT_NETWORK_MISSING',
      fact: `the target knows no StableNetwork ${missing.join(', ')}`,
      remedy: 'Create the StableNetwork, or wait until the target has seen it.',
    });
  }
  return refusals;
}
