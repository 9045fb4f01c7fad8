// Which nodes could take a pod over: ready, willing, with an agent, and of a kind on which the memory image runs.
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { nodeFactsSchema } from '#core/wire/messages.ts';
import type { z } from 'zod';
import { affinityWithout } from '#controller/placement/claimed-affinity.ts';
import { unselected } from '#controller/placement/node-selection.ts';
import { shortage, type usedByNode } from '#controller/placement/room.ts';

const comparedFacts = nodeFactsSchema.omit({ imageFreeBytes: true });
type ComparedFacts = z.infer<typeof comparedFacts>;

export interface PlacementRequest {
  pod: Pod;
  source: Node | undefined;
  nodes: readonly Node[];
  /** Only this one, if the user named it. */
  targetNodeName?: string | undefined;
  /** Moves that arrive at each node now. */
  incoming: ReadonlyMap<string, number>;
  maxIncoming: number;
  /** What pods take on each node already. */
  used: ReturnType<typeof usedByNode>;
}

export type Rejection = { node: string; reason: string };

/** Names of the nodes that could take the pod, and why the others could not. The scheduler chooses among them. */
export function candidates(request: PlacementRequest): { names: string[]; rejected: Rejection[] } {
  const rejected: Rejection[] = [];
  const names: string[] = [];
  for (const node of request.nodes) {
    const reason = rejection(node, request);
    if (reason === undefined) names.push(node.metadata.name);
    else rejected.push({ node: node.metadata.name, reason });
  }
  return { names, rejected };
}

type Check = (node: Node, request: PlacementRequest) => string | undefined;

const checks: readonly Check[] = [
  ({ metadata }, { source }) => (metadata.name === source?.metadata.name ? 'the pod runs there' : undefined),
  ({ metadata }, { targetNodeName }) => (targetNodeName !== undefined && metadata.name !== targetNodeName ? `the Migration names ${targetNodeName}` : undefined),
  ({ status }) => (status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true ? undefined : 'not ready'),
  ({ spec }) => (spec?.unschedulable === true ? 'cordoned' : undefined),
  (node, { pod }) => untolerated(node, pod),
  (node, { pod }) => unselected(node, { nodeSelector: pod.spec.nodeSelector, affinity: affinityWithout(pod) }),
  ({ metadata }) => (metadata.labels?.[labels.agentReady] === 'true' ? undefined : 'no node agent is ready there'),
  (node, { source }) => incompatible(factsOf(source), factsOf(node)),
  ({ metadata }, { incoming, maxIncoming }) => ((incoming.get(metadata.name) ?? 0) >= maxIncoming ? `${maxIncoming} moves arrive there already` : undefined),
  (node, { pod, used }) => shortage(node, used.get(node.metadata.name), pod),
];

function rejection(node: Node, request: PlacementRequest): string | undefined {
  for (const check of checks) {
    const reason = check(node, request);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function untolerated({ spec }: Node, pod: Pod): string | undefined {
  const hard = (spec?.taints ?? []).filter(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  const open = hard.find((taint) => !(pod.spec.tolerations ?? []).some((toleration) => tolerates(toleration, taint)));
  return open === undefined ? undefined : `taint ${open.key} is not tolerated`;
}

type Toleration = NonNullable<Pod['spec']['tolerations']>[number];
type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number];

function tolerates({ key, operator, value, effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== '' && effect !== taint.effect) return false;
  if (operator === 'Exists') return key === undefined || key === '' || key === taint.key;
  return key === taint.key && (value ?? '') === (taint.value ?? '');
}

function factsOf(node: Node | undefined): ComparedFacts | undefined {
  const text = node?.metadata.annotations?.[nodeFactsAnnotation];
  if (text === undefined) return undefined;
  try {
    return comparedFacts.parse(JSON.parse(text));
  } catch {
    return undefined; // of another version: the agents compare again before anything is frozen
  }
}

/** What a memory image cannot bear; the agents check the rest. */
function incompatible(source: ComparedFacts | undefined, target: ComparedFacts | undefined): string | undefined {
  if (source === undefined || target === undefined) return undefined;
  if (source.architecture !== target.architecture) return `${target.architecture} instead of ${source.architecture}`;
  if (source.cgroupVersion !== target.cgroupVersion) return `cgroup v${target.cgroupVersion} instead of v${source.cgroupVersion}`;
  const known = new Set(target.cpuFlags);
  const missing = source.cpuFlags.filter((flag) => !known.has(flag));
  return missing.length === 0 ? undefined : `its CPU lacks ${missing.slice(0, 5).join(', ')}`;
}
