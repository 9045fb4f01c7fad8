// Whether what a container sends at full size gets through on the target: a packet that is too large vanishes in a
// bridge.
import type { Refusal } from '#core/api/handover.ts';
import type { MessageOf, NodeFacts } from '#core/wire/messages.ts';

/** @param mtus of the target, by network; a network that it does not have is refused elsewhere */
export function mtuRefusals({ claims }: Pick<MessageOf<'prepare'>, 'claims'>, { mtus = {} }: NodeFacts): Refusal[] {
  return claims.flatMap(({ network, ifName, mtu }) => {
    const way = mtus[network];
    if (way === undefined || way.mtu >= mtu) return [];
    return [
      {
        code: 'PREFLIGHT_MTU',
        fact: `${ifName} sends packets of ${mtu} bytes, network ${network} takes ${way.mtu} on the target (${way.device})`,
        remedy:
          'Give the bridge and uplink of the network the same MTU on all nodes; a VXLAN tunnel needs 50 bytes more below it (70 over IPv6).',
      },
    ];
  });
}

/** Networks of this node that promise more than their way to the other nodes takes. */
export function narrowNetworks(
  networks: Iterable<{ name: string; mtu: number }>,
  mtus: NonNullable<NodeFacts['mtus']>,
): string[] {
  return [...networks].flatMap(({ name, mtu }) => {
    const way = mtus[name];
    return way === undefined || way.mtu >= mtu ? [] : [`${name} has MTU ${mtu}, and ${way.device} takes ${way.mtu}`];
  });
}
