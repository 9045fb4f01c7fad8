// Whether a node has room for a pod: requests against what is allocatable, as the scheduler's NodeResourcesFit counts.
import { isFinished, type Node, type Pod } from '#core/api/pod.ts';
import { bytesText, divideUp, nanoOf } from '#controller/placement/quantity.ts';

/** By the resource's name. */
export type Amounts = ReadonlyMap<string, bigint>;

/** In the units of `requestsOf`. */
export interface Room {
  allocatable: Amounts;
  /** By pods that have not finished. */
  used: Amounts;
}

type Quantities = Readonly<Record<string, string | number>>;

const nano = 10n ** 9n;
/** Of these the scheduler counts thousandths, of all others whole ones. */
const nanoOfUnit = (name: string): bigint => (name === 'cpu' ? nano / 1000n : nano);
const isBytes = (name: string): boolean =>
  name === 'memory' || name === 'ephemeral-storage' || name.startsWith('hugepages-');
/** What a pod can ask for as a whole (KEP-2837). */
const isPodLevel = (name: string): boolean => name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

const plus = (a: bigint, b: bigint): bigint => a + b;
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);

function combined(parts: readonly Amounts[], combine: (a: bigint, b: bigint) => bigint): Amounts {
  const result = new Map<string, bigint>();
  for (const part of parts)
    for (const [name, amount] of part) result.set(name, combine(result.get(name) ?? 0n, amount));
  return result;
}

/** In 10^-9; the API server lets nothing else than quantities through. */
const amountsOf = (quantities: Quantities = {}): Amounts =>
  new Map(Object.entries(quantities).map(([name, value]) => [name, nanoOf(String(value)) ?? 0n]));

type Part = Pick<Pod['spec']['containers'][number], 'resources'>;

/** Requests default to limits. */
const amountsOfPart = {
  requests: ({ resources }: Part): Amounts => amountsOf({ ...resources?.limits, ...resources?.requests }),
  limits: ({ resources }: Part): Amounts => amountsOf(resources?.limits),
};

/** In the units that the scheduler counts in. */
const inUnits = (amounts: Amounts): Amounts =>
  new Map([...amounts].map(([name, amount]) => [name, divideUp(amount, nanoOfUnit(name))]));

/**
 * Requests or limits of a pod, in 10^-9: containers and sidecars together, or the largest init container with the
 * sidecars before it; what the pod asks for as a whole instead; and its overhead. As `PodRequests` and `PodLimits` of
 * Kubernetes' component-helpers.
 */
export function totalsOf({ spec }: Pick<Pod, 'spec'>, which: 'requests' | 'limits'): Amounts {
  const ofPart = amountsOfPart[which];
  const sidecars: Amounts[] = [];
  const starting: Amounts[] = [];
  for (const container of spec.initContainers ?? []) {
    const own = ofPart(container);
    starting.push(combined([...sidecars, own], plus));
    if (container.restartPolicy === 'Always') sidecars.push(own);
  }
  const running = combined([...spec.containers.map(ofPart), ...sidecars], plus);
  const whole = [...amountsOf(spec.resources?.[which])].filter(([name]) => isPodLevel(name));
  const asked = new Map([...combined([running, ...starting], larger), ...whole]);
  return combined([asked, amountsOf(spec.overhead)], plus);
}

/** What the scheduler counts for a pod, in thousandths of CPUs and whole units of everything else; and one pod. */
export function requestsOf(pod: Pod): Amounts {
  return new Map([...inUnits(totalsOf(pod, 'requests')), ['pods', 1n]]);
}

/** What those of the pods that have not finished take. */
export function usedBy(pods: readonly Pod[]): Amounts {
  return combined(pods.filter((pod) => !isFinished(pod)).map(requestsOf), plus);
}

export function allocatableOf({ status }: Node): Amounts {
  return inUnits(amountsOf(status?.allocatable));
}

/**
 * Undefined: there is room; else what is short, and by how much. The node has nothing of what it does not list, as the
 * scheduler sees it.
 */
export function shortage({ allocatable, used }: Room, requests: Amounts): string | undefined {
  for (const [name, wanted] of requests) {
    const all = allocatable.get(name) ?? 0n;
    const missing = wanted + (used.get(name) ?? 0n) - all;
    if (wanted > 0n && missing > 0n)
      return `not enough ${name}: ${all === 0n ? 'the node has none' : shortfall(name, missing, all)}`;
  }
  return undefined;
}

function shortfall(name: string, missing: bigint, all: bigint): string {
  if (name === 'pods') return `all ${all} places are taken`;
  if (name === 'cpu') return missing % 1000n === 0n ? `${missing / 1000n} missing` : `${missing}m missing`;
  return `${isBytes(name) ? bytesText(missing) : missing} missing`;
}
