// What a successful ADD prints, in the form of the version that was asked for.
import { z } from 'zod';
import type { RouteFacts } from '../netlink/address-messages.ts';
import { familyOf, formatCidr } from '#core/addresses/text.ts';
import { bare } from '../leases/lease.ts';
import type { CniVersion } from './request.ts';

const previousSchema = z.looseObject({
  interfaces: z.array(z.looseObject({})).default([]),
  ips: z.array(z.looseObject({})).default([]),
  routes: z.array(z.looseObject({})).default([]),
  dns: z.looseObject({}).default({}),
});

export interface ResultFacts {
  bridge: { name: string; mac: string; mtu: number };
  host: { name: string; mac: string; mtu: number };
  pod: { name: string; mac: string; mtu: number; sandbox: string };
  /** `address/prefix` texts. */
  addresses: readonly string[];
  gatewayOf(address: string): string | undefined;
  routes: readonly RouteFacts[];
}

/** A chained plugin's result extends the one before it. */
export function formatResult(version: CniVersion, facts: ResultFacts, prevResult: unknown): string {
  const { interfaces, ips, routes, dns, ...rest } = previousSchema.parse(prevResult ?? {});
  const podIndex = interfaces.length + 2;
  const result = {
    ...rest,
    cniVersion: version,
    interfaces: [...interfaces, device(version, facts.bridge), device(version, facts.host), device(version, facts.pod)],
    ips: [...ips, ...facts.addresses.map((address) => ip(version, address, facts.gatewayOf(bare(address)), podIndex))],
    routes: [
      ...routes,
      ...facts.routes.map(({ destination, gateway }) => ({
        dst: formatCidr(destination),
        ...(gateway !== undefined && { gw: gateway }),
      })),
    ],
    dns,
  };
  return `${JSON.stringify(result)}\n`;
}

/** `mtu` is new in 1.1.0. */
function device(
  version: CniVersion,
  { name, mac, mtu, sandbox }: { name: string; mac: string; mtu: number; sandbox?: string },
): object {
  return { name, mac, ...(version === '1.1.0' && { mtu }), ...(sandbox !== undefined && { sandbox }) };
}

/** `version` went with 1.0.0. */
function ip(version: CniVersion, address: string, gateway: string | undefined, index: number): object {
  return {
    ...(version === '0.4.0' && { version: String(familyOf(address)) }),
    address,
    ...(gateway !== undefined && { gateway }),
    interface: index,
  };
}
