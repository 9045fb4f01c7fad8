// What a check of a pod's spec is: pure, over what the API says.
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Pod } from '#core/api/pod.ts';

/** A claim of the pod, as far as it matters. */
export interface VolumeClaim {
  name: string;
  accessModes: readonly string[];
}

export interface PodFacts {
  pod: Pod;
  policy: InterruptionPolicy | undefined;
  claims: readonly VolumeClaim[];
  /** StableNetworks that the pod waits for in vain. */
  unserved: readonly { network: string; namespace: string }[];
}

export interface Finding {
  fact: string;
  remedy: string;
}

export interface PodCheck {
  /** What it refuses, for the reference page. */
  about: string;
  run(facts: PodFacts): Finding | undefined;
}
