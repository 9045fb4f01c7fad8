// Which nodes could take a pod over: ready, willing, with an agent, and of a kind on which the memory image runs.
import { annotations, labels, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { nodeFactsSchema } from '#core/wire/messages.ts';
import type { z } from 'zod';

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
  ({ metadata }) => (metadata.labels?.[labels.agentReady] === 'true' ? undefined : 'no node agent is ready there'),
  (node, { source }) => incompatible(factsOf(source), factsOf(node)),
  ({ metadata }, { incoming, maxIncoming }) => ((incoming.get(metadata.name) ?? 0) >= maxIncoming ? `${maxIncoming} moves arrive there already` : undefined),
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

/** Undo of `affinityTo`, for the copy of a pod that was a replacement itself. */
export function affinityWithout({ metadata, spec }: Pod): Pod['spec']['affinity'] {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (required === undefined || metadata.annotations?.[annotations.migration] === undefined) return spec.affinity;
  const terms = required.nodeSelectorTerms.map((term) => {
    const last = term.matchExpressions?.at(-1);
    return last?.key === 'kubernetes.io/hostname' && last.operator === 'In' ? { ...term, matchExpressions: term.matchExpressions?.slice(0, -1) } : term;
  });
  const { requiredDuringSchedulingIgnoredDuringExecution: _ours, ...preferred } = spec.affinity?.nodeAffinity ?? {};
  const own = terms.filter(({ matchExpressions = [], matchFields = [] }) => matchExpressions.length + matchFields.length > 0);
  return { ...spec.affinity, nodeAffinity: own.length === 0 ? preferred : { ...preferred, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: own } } };
}

/** The pod's affinity with every required term tightened to `names`, as a gated pod may be changed. */
export function affinityTo(names: readonly string[], { spec }: Pod): NonNullable<Pod['spec']['affinity']> {
  const only = { key: 'kubernetes.io/hostname', operator: 'In', values: [...names] };
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [{}];
  return {
    ...spec.affinity,
    nodeAffinity: {
      ...spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms.map((term) => ({ ...term, matchExpressions: [...(term.matchExpressions ?? []), only] })) },
    },
  };
}
