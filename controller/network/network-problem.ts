// What speaks against a StableNetwork: each check is one pure look at its spec and at what is around it; the first that
// finds something counts.
import { commonAddress, giveableSpans, type FamilySpan } from '#core/addresses/giveable.ts';
import { parseRange, spanOf, type Range } from '#core/addresses/ranges.ts';
import { bitsOf, familyOf, parseCidr } from '#core/addresses/text.ts';
import { defaultBridge } from '#core/api/network-config.ts';
import type { Node } from '#core/api/pod.ts';
import type { NetworkReason } from '#core/api/reasons.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { asGodwitError } from '#core/errors.ts';

export interface NetworkFacts {
  network: StableNetwork;
  /** All of the cluster; only those that came before it can be in its way. */
  networks: readonly StableNetwork[];
  nodes: readonly Node[];
}

export interface NetworkProblem {
  reason: NetworkReason;
  message: string;
}

/** RFC 6890: no host has them, or only on its own link. */
const special = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  '::ffff:0:0/96',
  'fe80::/10',
  'ff00::/8',
];

type Check = (facts: NetworkFacts, spans: readonly FamilySpan[]) => string | undefined;

const checks: readonly { reason: NetworkReason; find: Check }[] = [
  { reason: 'RangesReserved', find: reservedAddress },
  { reason: 'RangesOverlap', find: overlap },
  { reason: 'SegmentShared', find: halfSharedSegment },
];

export function networkProblem(facts: NetworkFacts): NetworkProblem | undefined {
  let spans: FamilySpan[];
  try {
    spans = giveableSpans(rangesOf(facts.network));
  } catch (error) {
    return { reason: 'RangesInvalid', message: asGodwitError(error).message };
  }
  if (spans.length === 0) return { reason: 'RangesInvalid', message: 'the ranges leave no address to give' };
  for (const { reason, find } of checks) {
    const message = find(facts, spans);
    if (message !== undefined) return { reason, message };
  }
  return undefined;
}

function reservedAddress({ nodes }: NetworkFacts, spans: readonly FamilySpan[]): string | undefined {
  for (const { cidr, what } of reserved(nodes)) {
    const address = commonAddress(spans, [cidrSpan(cidr)]);
    if (address !== undefined) return `${address} is ${what}`;
  }
  return undefined;
}

function overlap({ network, networks }: NetworkFacts, spans: readonly FamilySpan[]): string | undefined {
  for (const other of networks.filter((one) => isEarlier(one, network))) {
    const address = commonAddress(spans, giveableOf(other) ?? []);
    if (address !== undefined) return `StableNetwork ${other.metadata.name} can give ${address} too`;
  }
  return undefined;
}

function halfSharedSegment({ network, networks }: NetworkFacts): string | undefined {
  const other = networks.find((one) => isEarlier(one, network) && sharesHalf(one, network));
  return other === undefined
    ? undefined
    : `StableNetwork ${other.metadata.name} has ${segmentOf(other)}, this one ${segmentOf(network)}`;
}

/** Undefined for ranges that are none. */
export function giveableOf(network: StableNetwork): FamilySpan[] | undefined {
  try {
    return giveableSpans(rangesOf(network));
  } catch {
    return undefined; // its own condition says what is wrong
  }
}

const rangesOf = ({ spec }: StableNetwork): Range[] =>
  spec.ranges.map(({ cidr, ...others }) => parseRange({ subnet: cidr, ...others }));

function reserved(nodes: readonly Node[]): { cidr: string; what: string }[] {
  return [
    ...special.map((cidr) => ({ cidr, what: `in ${cidr}, whose addresses no workload can have` })),
    ...nodes.flatMap(({ metadata: { name }, spec, status }) => [
      ...(spec?.podCIDR === undefined
        ? []
        : [{ cidr: spec.podCIDR, what: `in ${spec.podCIDR}, the pod network of node ${name}` }]),
      ...(status?.addresses ?? [])
        .filter(({ type }) => type === 'InternalIP')
        .map(({ address }) => ({ cidr: address, what: `an address of node ${name}` })),
    ]),
  ];
}

function cidrSpan(text: string): FamilySpan {
  const family = familyOf(text);
  return { ...spanOf(parseCidr(text, bitsOf(family))), family };
}

function isEarlier(a: StableNetwork, b: StableNetwork): boolean {
  const byTime = (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '');
  return byTime < 0 || (byTime === 0 && a.metadata.name < b.metadata.name);
}

/** Two networks on one bridge are one segment, which is fine; half of one is not. */
function sharesHalf(a: StableNetwork, b: StableNetwork): boolean {
  const leg = legOf(a);
  return (bridgeOf(a) === bridgeOf(b)) !== (leg === legOf(b)) && (bridgeOf(a) === bridgeOf(b) || leg !== undefined);
}

const bridgeOf = ({ metadata, spec }: StableNetwork): string => spec.bridge ?? defaultBridge(metadata.name);

/** What connects the bridges of the nodes. */
const legOf = ({ spec }: StableNetwork): string | undefined =>
  spec.vxlan === undefined
    ? spec.uplink === undefined
      ? undefined
      : `uplink ${spec.uplink}`
    : `VXLAN id ${spec.vxlan.id}`;

const segmentOf = (network: StableNetwork): string =>
  `bridge ${bridgeOf(network)} with ${legOf(network) ?? 'no uplink'}`;
