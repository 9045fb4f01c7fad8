// What the runtime asks for beyond the configuration: addresses, a MAC, or a claim on an address that another node
// holds.
import { z } from 'zod';
import { GodwitError } from '#core/errors.ts';
import type { LeaseClaim } from '../port.ts';
import type { CniRequest } from './request.ts';

export interface Wishes {
  ips: string[];
  mac: string | undefined;
  claim: LeaseClaim | undefined;
}

const claimKey = 'godwit.dev/claim';

/** An empty text or list is no wish. */
const wished = z.object({
  ips: z.array(z.string()).optional().catch(undefined),
  mac: z.string().optional().catch(undefined),
});
const requestSchema = z.object({
  runtimeConfig: z.object({ ips: z.array(z.string()).optional(), mac: z.string().optional() }).optional(),
  args: z.object({ cni: wished.extend({ [claimKey]: z.unknown().optional() }).optional() }).optional(),
});

const claimSchema = z.object({
  network: z.string(),
  ifName: z.string(),
  addresses: z.array(z.string()).min(1),
  mac: z.string(),
  mtu: z.number().int().positive(),
  epoch: z.number().int().nonnegative(),
}) satisfies z.ZodType<LeaseClaim>;

/**
 * runtimeConfig before args.cni before CNI_ARGS, each wish for itself. ERR_CNI_CONFIG for a wish that cannot be read.
 */
export function readWishes({ config, args, network, ifName }: CniRequest): Wishes {
  const parsed = requestSchema.safeParse(config);
  if (!parsed.success) throw new GodwitError('ERR_CNI_CONFIG', z.prettifyError(parsed.error), { cause: parsed.error });
  const { runtimeConfig, args: named } = parsed.data;
  return {
    ips: firstFilled(runtimeConfig?.ips, named?.cni?.ips, args.get('IP')?.split(',')),
    mac: [runtimeConfig?.mac, named?.cni?.mac, args.get('MAC')].find((mac) => mac !== undefined && mac !== ''),
    claim: readClaim(named?.cni?.[claimKey], network, ifName),
  };
}

function firstFilled(...lists: (string[] | undefined)[]): string[] {
  const filled = lists.map((list) => list?.map((text) => text.trim()).filter((text) => text !== '') ?? []);
  return filled.find((list) => list.length > 0) ?? [];
}

/** The claim as an object or as JSON text; it must be for this network and interface. */
function readClaim(value: unknown, network: string, ifName: string): LeaseClaim | undefined {
  if (value === undefined) return undefined;
  const parsed = claimSchema.safeParse(typeof value === 'string' ? parseJson(value) : value);
  if (!parsed.success)
    throw new GodwitError('ERR_CNI_CONFIG', `args.cni["${claimKey}"] is not a claim: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.network !== network || parsed.data.ifName !== ifName) {
    throw new GodwitError(
      'ERR_CNI_CONFIG',
      `the claim is for ${parsed.data.ifName} in network ${parsed.data.network}, the call for ${ifName} in ${network}`,
    );
  }
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the schema refuses it with a message
  }
}
