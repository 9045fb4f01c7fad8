// Endpoints in slices of bounded size. An endpoint stays in the slice where it is: moving it to another would take it
// away for a moment.
import { isDeepStrictEqual } from 'node:util';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '#core/api/service.ts';

/** As upstream: a change of one endpoint sends no more than this to every node. */
export const endpointsPerSlice = 100;

export interface Placement {
  addressType: AddressType;
  ports: EndpointPort[];
  endpoint: Endpoint;
}

interface Slice {
  name: string;
  addressType: AddressType;
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

/** @param published the slices as they are */
export function packed(
  service: string,
  placements: readonly Placement[],
  published: readonly EndpointSlice[],
): Slice[] {
  const slices: Slice[] = published.flatMap(({ metadata: { name }, addressType, ports }) =>
    addressType === 'FQDN' ? [] : [{ name, addressType, ports: ports ?? [], endpoints: [] }],
  );
  const homes = new Map(
    published.flatMap(({ metadata, endpoints }) =>
      (endpoints ?? []).map((endpoint) => [endpoint.addresses[0], metadata.name]),
    ),
  );
  const isHome = (slice: Slice, { endpoint }: Placement): boolean => slice.name === homes.get(endpoint.addresses[0]);
  const strays = placements.filter(
    (placement) => !slices.some((slice) => isHome(slice, placement) && put(slice, placement)),
  );
  for (const stray of strays.toSorted(byAddress)) {
    if (slices.some((slice) => put(slice, stray))) continue;
    const { addressType, ports, endpoint } = stray;
    slices.push({ name: freeName(service, addressType, slices), addressType, ports, endpoints: [endpoint] });
  }
  for (const { endpoints } of slices) endpoints.sort(compare);
  return slices.filter(({ endpoints }) => endpoints.length > 0);
}

/** False where it does not fit. */
function put(slice: Slice, { addressType, ports, endpoint }: Placement): boolean {
  if (
    slice.addressType !== addressType ||
    slice.endpoints.length >= endpointsPerSlice ||
    !isDeepStrictEqual(slice.ports, ports)
  )
    return false;
  slice.endpoints.push(endpoint);
  return true;
}

/** The same for everybody who makes one next: two makers make the same object. */
function freeName(service: string, addressType: AddressType, slices: readonly Slice[]): string {
  for (let index = 0; ; index += 1) {
    const name = `${service}-stable-${addressType.toLowerCase()}-${index}`;
    if (!slices.some((slice) => slice.name === name)) return name;
  }
}

const byAddress = (a: Placement, b: Placement): number => compare(a.endpoint, b.endpoint);
const compare = (a: Endpoint, b: Endpoint): number => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1);
