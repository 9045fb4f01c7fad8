// Which nodes could take a pod over: ready, willing, with an agent, and of a kind on which the memory image runs.
import { labels, nodeFactsAnnotation } from '#core/api/names.ts';
import { controllerOf, isFinished, type Node, type Pod } from '#core/api/pod.ts';
import { nodeFactsSchema } from '#core/wire/messages.ts';
import type { z } from 'zod';
import { affinityWithout, hostnameLabel } from '#controller/placement/claimed-affinity.ts';
import { neighbourRules, type Neighbourhood } from '#controller/placement/neighbours.ts';
import { unselected } from '#controller/placement/node-selection.ts';
import { requestsOf, shortage, type Amounts, type Room } from '#controller/placement/room.ts';

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
  rooms: { of(node: Node): Room };
  /** All pods that the cluster has. */
  pods: readonly Pod[];
  /** UID of the pod that moves. */
  leaving?: string | undefined;
}

export type Rejection = { node: string; reason: string };

/** Of a node that is cordoned. */
export const cordonTaint = 'node.kubernetes.io/unschedulable';

/** Names of the nodes that could take the pod, and why the others could not. The scheduler chooses among them. */
export function candidates(request: PlacementRequest): { names: string[]; rejected: Rejection[] } {
  const rejected: Rejection[] = [];
  const names: string[] = [];
  const facts = {
    ...request,
    wanted: requestsOf(request.pod),
    mismatch: mismatches(request.source),
    neighbours: neighbourRules(neighbourhood(request)),
  };
  for (const node of request.nodes) {
    const reason = rejection(node, facts);
    if (reason === undefined) names.push(node.metadata.name);
    else rejected.push({ node: node.metadata.name, reason });
  }
  return { names, rejected };
}

/** With what is the same for all nodes, found out once. */
interface PlacementFacts extends PlacementRequest {
  wanted: Amounts;
  mismatch(node: Node): string | undefined;
  neighbours(node: Node): string | undefined;
}

/**
 * Where the replacement has the name of its pod, or is made after it, that one is gone when it is placed; else it is
 * being deleted, and the scheduler still sees it.
 */
function neighbourhood({ pod, pods, leaving, nodes }: PlacementRequest): Neighbourhood {
  const placed = pods.filter((one) => one.spec.nodeName !== undefined && !isFinished(one));
  const mover = placed.find(({ metadata }) => metadata.uid === leaving);
  return {
    pod,
    nodes,
    others: placed.filter((one) => one !== mover && one.metadata.uid !== pod.metadata.uid),
    leaving: controllerOf(pod)?.kind === 'ReplicaSet' ? mover : undefined,
    selects: (node) => unselectedFor(node, pod) === undefined,
    tolerates: (node) => untolerated(node, pod) === undefined,
  };
}

const unselectedFor = (node: Node, pod: Pod): string | undefined =>
  unselected(node, { nodeSelector: pod.spec.nodeSelector, affinity: affinityWithout(pod) });

type Check = (node: Node, facts: PlacementFacts) => string | undefined;

/** What any node has to be, also the one where the pod runs. */
const ready: readonly Check[] = [
  ({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
      ? undefined
      : 'not ready',
  (node, { pod }) => untolerated(node, pod),
  (node, { pod }) => unselectedFor(node, pod),
  ({ metadata }) => (metadata.labels?.[labels.agentReady] === 'true' ? undefined : 'no node agent is ready there'),
];
const roomy: Check = (node, { rooms, wanted }) => shortage(rooms.of(node), wanted);

const checks: readonly Check[] = [
  ({ metadata }, { source }) => (metadata.name === source?.metadata.name ? 'the pod runs there' : undefined),
  ({ metadata }, { targetNodeName }) =>
    targetNodeName !== undefined && metadata.name !== targetNodeName
      ? `the Migration names ${targetNodeName}`
      : undefined,
  ({ metadata }, { source }) => indistinct(metadata.labels?.[hostnameLabel], source?.metadata.labels?.[hostnameLabel]),
  ({ spec }) => (spec?.unschedulable === true ? 'cordoned' : undefined),
  ...ready,
  (node, { mismatch }) => mismatch(node),
  (node, { neighbours }) => neighbours(node),
  ({ metadata }, { incoming, maxIncoming }) =>
    (incoming.get(metadata.name) ?? 0) >= maxIncoming ? `${maxIncoming} moves arrive there already` : undefined,
  roomy,
];

/** Why the node where the pod runs could not take its replacement; undefined: it could, cordoned or not. */
export function rejectionInPlace(node: Node, request: Pick<PlacementRequest, 'pod' | 'rooms'>): string | undefined {
  const taints = (node.spec?.taints ?? []).filter(({ key }) => key !== cordonTaint);
  const facts = {
    ...request,
    source: node,
    nodes: [node],
    incoming: new Map(),
    maxIncoming: Infinity,
    wanted: requestsOf(request.pod),
    mismatch: () => undefined,
    pods: [],
    neighbours: () => undefined,
  };
  return rejection({ ...node, spec: { ...node.spec, taints } }, facts, [...ready, roomy]);
}

function rejection(node: Node, facts: PlacementFacts, asked = checks): string | undefined {
  for (const check of asked) {
    const reason = check(node, facts);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** By this label the replacement is kept to its candidates, and from the source. */
function indistinct(own: string | undefined, sources: string | undefined): string | undefined {
  if (own === undefined) return `it has no label ${hostnameLabel}`;
  return own === sources ? `its label ${hostnameLabel} is that of the pod's node` : undefined;
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

/** Many nodes are of one kind and tell the same: each kind is compared once. */
function mismatches(source: Node | undefined): PlacementFacts['mismatch'] {
  const own = parsedFacts(factsText(source));
  const known = new Map<string, string | undefined>();
  return (node) => {
    const text = factsText(node) ?? '';
    if (!known.has(text)) known.set(text, incompatible(own, parsedFacts(text)));
    return known.get(text);
  };
}

const factsText = (node: Node | undefined): string | undefined => node?.metadata.annotations?.[nodeFactsAnnotation];

function parsedFacts(text: string | undefined): ComparedFacts | undefined {
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
  if (source.cgroupVersion !== target.cgroupVersion)
    return `cgroup v${target.cgroupVersion} instead of v${source.cgroupVersion}`;
  const known = new Set(target.cpuFlags);
  const missing = source.cpuFlags.filter((flag) => !known.has(flag));
  return missing.length === 0 ? undefined : `its CPU lacks ${missing.slice(0, 5).join(', ')}`;
}
