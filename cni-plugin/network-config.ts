// The configuration of a stable network, as in a CNI configuration file or on a plugin's standard input.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import { parseRange, rangeOf, type Range } from '#core/addresses/ranges.ts';
import { parseAddress, parseCidr } from '#core/addresses/text.ts';

/** As IFNAMSIZ and the kernel have it. */
export const deviceName = z
  .string()
  .regex(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'is not a name that a network device can have');
const address = z.string().refine((text) => succeeds(() => parseAddress(text)), 'is not an IP address');
const cidr = z.string().refine((text) => succeeds(() => parseCidr(text)), 'is not an address with a prefix length');
const cidrOrAddress = z.union([cidr, address]);

const networkSchema = z.object({
  cniVersion: z.string().default('0.4.0'),
  name: z.string(),
  type: z.literal('godwit'),
  /** bridge: the uplink is a device of the node. vxlan: the uplink is a tunnel between the nodes. */
  mode: z.enum(['bridge', 'vxlan']).default('bridge'),
  bridge: deviceName,
  /** Device that connects the bridges of the nodes (mode bridge); without it the network ends at this node. */
  uplink: deviceName.optional(),
  vxlan: z
    .object({
      id: z.number().int().min(1).max(0xffffff),
      local: address,
      peers: z.array(address).default([]),
      port: z.number().int().min(1).max(65535).default(4789),
    })
    .optional(),
  mtu: z.number().int().min(1280).max(65535).default(1500),
  ipam: z.object({
    ranges: z
      .array(
        z.object({
          subnet: cidr,
          rangeStart: address.optional(),
          rangeEnd: address.optional(),
          exclude: z.array(cidrOrAddress).optional(),
          gateway: address.optional(),
        }),
      )
      .min(1),
    routes: z.array(z.object({ dst: cidr, gw: address.optional() })).default([]),
  }),
  capabilities: z.object({ ips: z.boolean().optional(), mac: z.boolean().optional() }).optional(),
});

export type NetworkConfig = z.infer<typeof networkSchema>;

export interface Network extends NetworkConfig {
  parsedRanges: Range[];
  /** Device that leads to the other nodes; null when there is none. */
  uplinkName: string | null;
}

/** A network from parsed JSON; unknown keys are ignored. ERR_CNI_CONFIG names the field that is wrong. */
export function parseNetwork(json: unknown): Network {
  const parsed = networkSchema.safeParse(json);
  if (!parsed.success) throw new GodwitError('ERR_CNI_CONFIG', z.prettifyError(parsed.error), { cause: parsed.error });
  const config = parsed.data;
  if ((config.mode === 'vxlan') !== (config.vxlan !== undefined))
    throw new GodwitError('ERR_CNI_CONFIG', 'mode vxlan and the field vxlan belong together');
  if (config.mode === 'vxlan' && config.uplink !== undefined)
    throw new GodwitError('ERR_CNI_CONFIG', 'the uplink of mode vxlan is its tunnel: leave out the field uplink');
  return {
    ...config,
    parsedRanges: config.ipam.ranges.map((range) => parseRange(range)),
    uplinkName: config.vxlan === undefined ? (config.uplink ?? null) : vxlanName(config.vxlan.id),
  };
}

/** Name of the tunnel device of a VXLAN id, at most 15 characters. */
function vxlanName(id: number): string {
  return `gdwvx${id}`;
}

/** Gateway of the subnet that the address lies in. */
export function gatewayOf(network: Network, addressText: string): string | undefined {
  return rangeOf(network.parsedRanges, addressText)?.gateway;
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false; // the schema says what is wrong
  }
}
