// Whether a node has room for a pod: requests against what is allocatable, as the scheduler's NodeResourcesFit counts.
import { isFinished, type Node, type Pod } from '#core/api/pod.ts';

type Amounts = Readonly<Record<string, number>>;

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
};

/** A Kubernetes quantity as a number, e.g. `250m` 0.25, `1Gi` 1073741824, `1e3` 1000; NaN for what is none. */
export function quantity(text: string): number {
  const [, digits, suffix] = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = suffixes[suffix ?? '?'];
  return digits === undefined || factor === undefined ? Number.NaN : Number(digits) * factor;
}

function requests(container: Pod['spec']['containers'][number]): Amounts {
  const asked = { ...container.resources?.limits, ...container.resources?.requests }; // requests default to limits
  return Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, quantity(String(value))]));
}

const amount = (amounts: Amounts, name: string): number => amounts[name] ?? 0;

/** What the scheduler counts for a pod: containers and sidecars together, or the largest init container; and one pod. */
export function requestsOf({ spec }: Pod): Amounts {
  const running = [...spec.containers, ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')].map(requests);
  const starting = (spec.initContainers ?? []).map(requests);
  const names = new Set([...running, ...starting].flatMap((each) => Object.keys(each)));
  const total = [...names].map((name) => [name, Math.max(running.reduce((sum, each) => sum + amount(each, name), 0), ...starting.map((each) => amount(each, name)))] as const);
  return { ...Object.fromEntries(total), pods: 1 };
}

/** What pods that have not finished take on each node. */
export function usedByNode(pods: readonly Pod[]): ReadonlyMap<string, Amounts> {
  const used = new Map<string, Record<string, number>>();
  for (const pod of pods) {
    const { nodeName } = pod.spec;
    if (nodeName === undefined || isFinished(pod)) continue;
    const sums = used.get(nodeName) ?? {};
    for (const [name, value] of Object.entries(requestsOf(pod))) sums[name] = (sums[name] ?? 0) + value;
    used.set(nodeName, sums);
  }
  return used;
}

/** Undefined: there is room; else what is short. */
export function shortage({ status }: Node, used: Amounts | undefined, pod: Pod): string | undefined {
  for (const [name, wanted] of Object.entries(requestsOf(pod))) {
    const allocatable = status?.allocatable?.[name];
    if (wanted === 0 || allocatable === undefined) continue;
    if (amount(used ?? {}, name) + wanted > quantity(allocatable)) return `not enough ${name}`;
  }
  return undefined;
}
