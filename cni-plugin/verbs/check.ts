// CNI CHECK: is what ADD reported still so; what later plugins added does not matter.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { formatCidr, parseCidr } from '#core/addresses/text.ts';
import { leaseId, type AttachedLease, isAttached } from '../leases/lease.ts';
import { routesFor } from '../link/attach.ts';
import { insideNetns } from '../link/netns.ts';
import type { NodeContext } from '../link/node-context.ts';
import { addressesOf, routesOf } from '../netlink/address-messages.ts';
import { findLink } from '../netlink/link-messages.ts';
import { parseNetwork } from '../network-config.ts';
import type { CniRequest } from './request.ts';

const previousSchema = z.object({
  interfaces: z.array(z.object({ name: z.string(), mac: z.string().optional(), sandbox: z.string().optional() })),
  ips: z.array(z.object({ address: z.string(), interface: z.number().int().optional() })).default([]),
});

/** ERR_LINK_CHECK names everything that is missing. */
export function check(context: NodeContext, request: CniRequest): void {
  const network = parseNetwork(request.config);
  const previous = previousSchema.safeParse(request.config.prevResult);
  if (!previous.success)
    throw new GodwitError('ERR_CNI_CONFIG', 'CHECK needs the result of ADD as prevResult', { cause: previous.error });
  const lease = context.leases.get(leaseId(network.name, request.containerId, request.ifName));
  if (lease === undefined || !isAttached(lease))
    throw new GodwitError('ERR_LINK_CHECK', 'the lease of the container is missing');
  const faults = [
    ...hostFaults(context, lease),
    ...promised(previous.data, request, lease),
    ...podFaults(
      request,
      lease,
      routesFor(network, lease.addresses).map(({ destination }) => formatCidr(destination)),
    ),
  ];
  if (faults.length > 0) throw new GodwitError('ERR_LINK_CHECK', faults.join('; '), { details: { faults } });
}

/** Whether the lease is what ADD had promised. */
function promised(
  { interfaces, ips }: z.infer<typeof previousSchema>,
  { ifName, netns }: CniRequest,
  lease: AttachedLease,
): string[] {
  const index = interfaces.findIndex(({ name, sandbox }) => name === ifName && sandbox === netns);
  if (index === -1) return [`prevResult has no interface ${ifName}`];
  const given = ips.filter((ip) => ip.interface === index).map(({ address }) => address);
  const mac = interfaces[index]?.mac;
  return [
    ...given
      .filter((address) => !lease.addresses.includes(formatCidr(parseCidr(address))))
      .map((address) => `the lease has no ${address}`),
    ...(mac !== undefined && mac !== lease.mac ? [`the lease has MAC ${lease.mac}, not ${mac}`] : []),
  ];
}

/** A gated or parked link is not a fault: the engine has it in hand. */
function hostFaults({ host }: NodeContext, { container, bridge, state }: AttachedLease): string[] {
  const port = findLink(host.route, container.hostName);
  const master = findLink(host.route, bridge);
  if (port === undefined) return [`the host end ${container.hostName} is missing`];
  return state === 'active' && port.master !== 0 && port.master !== master?.index
    ? [`${container.hostName} is not on ${bridge}`]
    : [];
}

function podFaults(
  { netns, ifName }: CniRequest,
  { addresses, mac }: AttachedLease,
  routes: readonly string[],
): string[] {
  return insideNetns(netns, (inside) => {
    const link = findLink(inside, ifName);
    if (link === undefined) return [`interface ${ifName} is missing`];
    const present = new Set(addressesOf(inside, link.index));
    const leading = new Set(routesOf(inside, link.index).map(({ destination }) => formatCidr(destination)));
    return [
      ...(link.up ? [] : [`interface ${ifName} is down`]),
      ...(link.mac === mac ? [] : [`interface ${ifName} has MAC ${link.mac}, not ${mac}`]),
      ...addresses.filter((address) => !present.has(address)).map((address) => `address ${address} is missing`),
      ...routes.filter((route) => !leading.has(route)).map((route) => `route ${route} is missing`),
    ];
  });
}
