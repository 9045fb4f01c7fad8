// Rules between pods that the scheduler keeps: required affinity and anti-affinity, spread over domains, and the ports
// of a node. What is only preferred keeps no pod away.
import { z } from 'zod';
import { labelSelectorSchema, selects } from '#core/api/interruption-policy.ts';
import { labelOf } from '#core/api/label-of.ts';
import { runningTogether, type Node, type Pod } from '#core/api/pod.ts';

const selector = labelSelectorSchema.nullish();
const labelKeys = z.array(z.string()).nullish();
const affinityTerm = z.looseObject({
  labelSelector: selector,
  topologyKey: z.string(),
  namespaces: z.array(z.string()).nullish(),
  namespaceSelector: selector,
});
type AffinityTerm = z.infer<typeof affinityTerm>;
const spreadConstraint = z.looseObject({
  labelSelector: selector,
  topologyKey: z.string(),
  maxSkew: z.number(),
  minDomains: z.number().nullish(),
  whenUnsatisfiable: z.string(),
  matchLabelKeys: labelKeys,
  nodeAffinityPolicy: z.string().nullish(),
  nodeTaintsPolicy: z.string().nullish(),
});
type SpreadConstraint = z.infer<typeof spreadConstraint>;
const hostPort = z.looseObject({ hostPort: z.number().optional(), hostIP: z.string().optional() });

export interface Neighbourhood {
  pod: Pod;
  /** Pods that are on nodes and have not finished, without the one that moves. */
  others: readonly Pod[];
  /** The pod that moves, where it is still there when its replacement is placed. */
  leaving?: Pod | undefined;
  nodes: readonly Node[];
  /** Whether the pod's node selector and affinity allow the node. */
  selects(node: Node): boolean;
  tolerates(node: Node): boolean;
}

type Rule = (node: Node) => string | undefined;

/** Undefined for a node that the rules leave open; else what keeps the pod away. */
export function neighbourRules(hood: Neighbourhood): Rule {
  const nodes = new Map(hood.nodes.map((node) => [node.metadata.name, node]));
  const domainOf = (one: Pod, key: string): string | undefined => valueOf(nodes.get(one.spec.nodeName ?? ''), key);
  const rules = [
    ...portRules(hood),
    ...antiAffinityRules(hood, domainOf),
    ...affinityRules(hood, domainOf),
    ...spreadRules(hood, domainOf),
  ];
  return (node) => {
    for (const rule of rules) {
      const reason = rule(node);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

const valueOf = (node: Node | undefined, key: string): string | undefined => labelOf(node?.metadata.labels ?? {}, key);

/** What another version of the API has there is left to the scheduler. */
function parsed<T>(schema: z.ZodType<T>, list: unknown): T[] {
  return Array.isArray(list) ? list.flatMap((item) => schema.safeParse(item).data ?? []) : [];
}

function requiredTerms(pod: Pod, kind: 'podAffinity' | 'podAntiAffinity'): AffinityTerm[] {
  const rules: unknown = pod.spec.affinity?.[kind];
  if (typeof rules !== 'object' || rules === null) return [];
  return parsed(affinityTerm, Reflect.get(rules, 'requiredDuringSchedulingIgnoredDuringExecution'));
}

/** Whether a term of `owner` is about `other`; undefined where labels of namespaces decide, which are not looked at. */
function isAbout(term: AffinityTerm, owner: Pod, other: Pod): boolean | undefined {
  const { labelSelector, namespaces, namespaceSelector } = term;
  if (labelSelector === undefined || labelSelector === null || !selects(labelSelector, other.metadata.labels))
    return false;
  const namespace = other.metadata.namespace ?? '';
  const named = namespaces ?? [];
  if (namespaceSelector === undefined || namespaceSelector === null)
    return named.length === 0 ? namespace === owner.metadata.namespace : named.includes(namespace);
  const isOfAll =
    Object.keys(namespaceSelector.matchLabels ?? {}).length + (namespaceSelector.matchExpressions ?? []).length === 0;
  return isOfAll || named.includes(namespace) ? true : undefined;
}

type DomainOf = (pod: Pod, key: string) => string | undefined;

function closed(key: string, domains: ReadonlySet<string | undefined>, reason: string): Rule {
  return (node) => {
    const value = valueOf(node, key);
    return value !== undefined && domains.has(value) ? reason : undefined;
  };
}

/** Of the pod against the others, and of the others against it. */
function antiAffinityRules({ pod, others, leaving }: Neighbourhood, domainOf: DomainOf): Rule[] {
  const present = leaving === undefined ? others : [...others, leaving];
  const own = requiredTerms(pod, 'podAntiAffinity').map((term) => {
    const key = term.topologyKey;
    const against = present.filter((other) => isAbout(term, pod, other) === true);
    return closed(key, new Set(against.map((other) => domainOf(other, key))), `its anti-affinity by ${key}`);
  });
  const theirs = present.flatMap((other) =>
    requiredTerms(other, 'podAntiAffinity')
      .filter((term) => isAbout(term, other, pod) === true)
      .map(({ topologyKey }) => {
        const reason = `the anti-affinity of ${other.metadata.name} by ${topologyKey}`;
        return closed(topologyKey, new Set([domainOf(other, topologyKey)]), reason);
      }),
  );
  return [...own, ...theirs];
}

/**
 * A pod counts when all terms are about it. The first one of a group that wants to be together may be in any domain.
 */
function affinityRules({ pod, others, leaving }: Neighbourhood, domainOf: DomainOf): Rule[] {
  const terms = requiredTerms(pod, 'podAffinity');
  if (terms.length === 0) return [];
  const present = leaving === undefined ? others : [...others, leaving];
  const verdicts = present.map((other) => ({ other, are: terms.map((term) => isAbout(term, pod, other)) }));
  if (verdicts.some(({ are }) => are.includes(undefined) && !are.includes(false))) return [];
  const group = verdicts.filter(({ are }) => are.every((is) => is === true)).map(({ other }) => other);
  const domains = terms.map(({ topologyKey: key }) => ({
    key,
    values: new Set(group.map((one) => domainOf(one, key))),
  }));
  const isNowhere = domains.every(({ values }) => [...values].every((value) => value === undefined));
  const isFirst = isNowhere && terms.every((term) => isAbout(term, pod, pod) === true);
  return domains.map(({ key, values }) => (node) => {
    const value = valueOf(node, key);
    return value !== undefined && (isFirst || values.has(value)) ? undefined : `its affinity by ${key}`;
  });
}

/** Pods that are being deleted do not count, and so the one that moves does not. */
function spreadRules(hood: Neighbourhood, domainOf: DomainOf): Rule[] {
  const { pod, others, nodes } = hood;
  const constraints = parsed(spreadConstraint, pod.spec['topologySpreadConstraints']).filter(
    ({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule',
  );
  const keys = constraints.map(({ topologyKey }) => topologyKey);
  const staying = others.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined && metadata.namespace === pod.metadata.namespace,
  );
  return constraints.map((constraint) => {
    const { topologyKey: key, maxSkew, minDomains } = constraint;
    const counted = nodes.filter(
      (node) =>
        keys.every((each) => valueOf(node, each) !== undefined) &&
        (constraint.nodeAffinityPolicy === 'Ignore' || hood.selects(node)) &&
        (constraint.nodeTaintsPolicy !== 'Honor' || hood.tolerates(node)),
    );
    const counts = new Map(counted.map((node) => [valueOf(node, key), 0]));
    const names = new Set(counted.map(({ metadata }) => metadata.name));
    for (const other of staying.filter((one) => names.has(one.spec.nodeName ?? '') && isSpread(constraint, pod, one))) {
      const domain = domainOf(other, key);
      counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
    const fewest = counts.size < (minDomains ?? 1) ? 0 : Math.min(...counts.values());
    const self = isSpread(constraint, pod, pod) ? 1 : 0;
    return (node) => {
      const value = valueOf(node, key);
      if (value === undefined) return `it has no label ${key}, by which the pod is spread`;
      return (counts.get(value) ?? 0) + self - fewest > maxSkew ? `its spread by ${key}` : undefined;
    };
  });
}

function isSpread({ labelSelector, matchLabelKeys }: SpreadConstraint, pod: Pod, other: Pod): boolean {
  if (labelSelector === undefined || labelSelector === null) return false;
  const [own, theirs] = [pod.metadata.labels ?? {}, other.metadata.labels ?? {}];
  return (
    selects(labelSelector, theirs) &&
    (matchLabelKeys ?? []).every((key) => labelOf(own, key) === undefined || labelOf(own, key) === labelOf(theirs, key))
  );
}

interface HostPort {
  port: number;
  protocol: string;
  address: string;
}

function hostPorts(pod: Pod): HostPort[] {
  return runningTogether(pod).flatMap(({ ports = [] }) =>
    ports.flatMap((entry) => {
      const { hostPort: port = 0, hostIP: address = '' } = hostPort.safeParse(entry).data ?? {};
      return port > 0
        ? [{ port, protocol: entry.protocol ?? 'TCP', address: address === '0.0.0.0' ? '' : address }]
        : [];
    }),
  );
}

function portRules({ pod, others }: Neighbourhood): Rule[] {
  const wanted = hostPorts(pod);
  if (wanted.length === 0) return [];
  const taken = new Map<string, HostPort[]>();
  for (const other of others) {
    const node = other.spec.nodeName ?? '';
    taken.set(node, [...(taken.get(node) ?? []), ...hostPorts(other)]);
  }
  return [
    ({ metadata }) => {
      const clash = wanted.find((one) => (taken.get(metadata.name) ?? []).some((other) => clashes(one, other)));
      return clash === undefined ? undefined : `its port ${clash.port}/${clash.protocol} is taken`;
    },
  ];
}

function clashes(one: HostPort, other: HostPort): boolean {
  return (
    one.port === other.port &&
    one.protocol === other.protocol &&
    (one.address === other.address || one.address === '' || other.address === '')
  );
}
