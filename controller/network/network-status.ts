// Status of a StableNetwork: whether it can be used, how many addresses it has, and whether one is free.
import { countOf, covers, type FamilySpan } from '#core/addresses/giveable.ts';
import { familyOf, type Family } from '#core/addresses/text.ts';
import { findCondition, withCondition, type Condition, type NewCondition } from '#core/api/conditions.ts';
import { narrowNodes, waysOf } from '#core/api/node-mtus.ts';
import { mtuReasons, networkReasons } from '#core/api/reasons.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { giveableOf, networkProblem, type NetworkFacts } from '#controller/network/network-problem.ts';

export interface NetworkStatusFacts extends NetworkFacts {
  /** StableIPs of this network. */
  addresses: readonly StableIP[];
  now: Date;
}

export type NetworkStatus = NonNullable<StableNetwork['status']>;

export function networkStatus(facts: NetworkStatusFacts): NetworkStatus {
  const { network, addresses, now } = facts;
  const spans = giveableOf(network) ?? [];
  const wanted = [...readiness(facts), ...width(facts), ...(spans.length === 0 ? [] : [exhaustion(spans, addresses)])];
  const conditions = wanted.reduce<Condition[]>(
    (list, condition) => withCondition(list, { ...condition, observedGeneration: network.metadata.generation }, now),
    network.status?.conditions ?? [],
  );
  return {
    ...network.status,
    observedGeneration: network.metadata.generation,
    conditions,
    addresses: { used: addresses.length, total: capped(countOf(spans)) },
  };
}

/** What attaching found is told by whoever attaches, in condition Attached; before that there is nothing to tell. */
function readiness(facts: NetworkStatusFacts): NewCondition[] {
  const problem = networkProblem(facts);
  if (problem !== undefined) return [{ type: 'Ready', status: 'False', ...problem }];
  const attached = findCondition(facts.network.status?.conditions, 'Attached');
  if (attached === undefined) return [];
  const { reason, message } = attached;
  return [
    attached.status === 'True'
      ? { type: 'Ready', status: 'True', reason: 'Attached', message: networkReasons.Attached }
      : { type: 'Ready', status: 'False', reason, message },
  ];
}

/** Nothing before an agent has said what its node takes. */
function width({ network, nodes }: NetworkStatusFacts): NewCondition[] {
  const { mtu } = network.spec;
  const ways = waysOf(network.metadata.name, nodes);
  const narrow = narrowNodes(ways, mtu);
  if (narrow.length === 0)
    return ways.length === 0
      ? []
      : [{ type: 'Narrow', status: 'False', reason: 'MtuFits', message: mtuReasons.MtuFits }];
  const message = `Packets of ${mtu} bytes do not get through everywhere: ${narrow.join(', ')}`;
  return [{ type: 'Narrow', status: 'True', reason: 'MtuTooSmall', message }];
}

/** Addresses that pods asked for by name may lie outside of what is given by itself: they use up nothing. */
function exhaustion(spans: readonly FamilySpan[], addresses: readonly StableIP[]): NewCondition {
  const texts = addresses
    .map(({ spec }) => spec.address.split('/')[0] ?? '')
    .filter((address) => covers(spans, address));
  for (const family of new Set(spans.map((span) => span.family))) {
    const total = countOf(spans.filter((span) => span.family === family));
    const used = texts.filter((address) => familyOf(address) === family).length;
    if (BigInt(used) >= total)
      return { type: 'Exhausted', status: 'True', reason: 'AddressPoolExhausted', message: exhausted(family, total) };
  }
  return { type: 'Exhausted', status: 'False', reason: 'AddressesFree', message: 'Addresses of every family are free' };
}

const exhausted = (family: Family, total: bigint): string =>
  `All ${total} IPv${family} addresses are in use: pods that need a new one do not start. Add a range, or free addresses (kubectl get stableips).`;

const capped = (count: bigint): number =>
  Number(count > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : count);
