// Which addresses an attachment gets: what was asked for, and one of every other family the network has.
import { GodwitError } from '#core/errors.ts';
import { nextFree, rangeOf, type Range } from '#core/addresses/ranges.ts';
import { familyOf, formatCidr, parseCidr, type Family } from '#core/addresses/text.ts';

/** Address given last, for each network and family. */
export type Cursors = Map<string, string>;

export interface Wish {
  network: string;
  ranges: readonly Range[];
  /** `address` or `address/prefix` texts; the prefix, if any, must be the subnet's. */
  requested: readonly string[];
  taken: ReadonlySet<string>;
  cursors: Cursors;
}

/**
 * `address/prefix` texts; ERR_ADDRESS_INVALID, ERR_ADDRESS_TAKEN or ERR_ADDRESS_EXHAUSTED, and then nothing is used up.
 */
export function chooseAddresses(wish: Wish): string[] {
  const asked = wish.requested.map((text) => requestedAddress(wish, text));
  const askedFamilies = new Set(asked.map((cidr) => familyOf(cidr)));
  const missing = new Set(wish.ranges.map((range) => range.family).filter((family) => !askedFamilies.has(family)));
  return [...asked, ...[...missing].map((family) => freeAddress(wish, family))];
}

function requestedAddress({ ranges, taken }: Wish, text: string): string {
  const { address, prefix } = parseCidr(text, -1);
  const range = rangeOf(ranges, address);
  if (range === undefined) throw new GodwitError('ERR_ADDRESS_INVALID', `${address} lies in no subnet of the network`);
  if (prefix !== -1 && prefix !== range.prefix)
    throw new GodwitError('ERR_ADDRESS_INVALID', `${text} has another prefix length than its subnet`);
  if (taken.has(address) || address === range.gateway)
    throw new GodwitError('ERR_ADDRESS_TAKEN', `${address} is in use`);
  return formatCidr({ address, prefix: range.prefix });
}

function freeAddress({ network, ranges, taken, cursors }: Wish, family: Family): string {
  const key = `${network} ${family}`;
  for (const range of ranges.filter((candidate) => candidate.family === family)) {
    const address = nextFree(range, taken, cursors.get(key));
    if (address === undefined) continue;
    cursors.set(key, address);
    return formatCidr({ address, prefix: range.prefix });
  }
  throw new GodwitError('ERR_ADDRESS_EXHAUSTED', `network ${network} has no free IPv${family} address`);
}
