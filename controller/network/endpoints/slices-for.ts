// The EndpointSlices of a Service that follows stable addresses: a pure answer from the objects around it.
import { selects, type LabelSelector } from '#core/api/interruption-policy.ts';
import { bears } from '#core/api/lineage.ts';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import {
  addressTypes,
  sliceLabels,
  sliceManager,
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type Service,
} from '#core/api/service.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import { packed, type Placement } from '#controller/network/endpoints/packed.ts';
import { portsFor } from '#controller/network/endpoints/ports.ts';
import { moveOf, servingOf } from '#controller/network/endpoints/serving.ts';

export interface EndpointFacts {
  service: Service;
  asked: { network: string; selector: LabelSelector };
  stableIPs: readonly StableIP[];
  /** Of the Service's namespace. */
  pods: readonly Pod[];
  migrations: readonly Migration[];
  /**
   * The Service's slices as they are: what nobody can see at the moment, as the labels of a pod that is gone, stays as
   * it was.
   */
  published: readonly EndpointSlice[];
  now: Date;
}

interface Told {
  endpoint: Endpoint;
  ports: EndpointPort[];
}

/** Those without endpoints are left out. */
export function slicesFor(facts: EndpointFacts): EndpointSlice[] {
  const { service, asked, stableIPs, published } = facts;
  const { namespace } = service.metadata;
  const told = new Map(
    published.flatMap(({ endpoints, ports }) =>
      (endpoints ?? []).map((endpoint): [string, Told] => [
        endpoint.addresses[0] ?? '',
        { endpoint, ports: ports ?? [] },
      ]),
    ),
  );
  const families = service.spec?.ipFamilies ?? addressTypes;
  const placements = stableIPs
    .filter(({ spec }) => spec.network === asked.network && spec.workload.namespace === namespace)
    .flatMap((address) => placementOf(facts, address, told.get(bare(address))))
    .filter(({ addressType }) => families.includes(addressType));
  return packed(service.metadata.name, placements, published).map(({ name, addressType, ports, endpoints }) => ({
    metadata: metadataOf(service, name),
    addressType,
    ports,
    endpoints,
  }));
}

function placementOf(
  { service, asked, pods, migrations, now }: EndpointFacts,
  address: StableIP,
  told: Told | undefined,
): Placement[] {
  const { holder } = address.status ?? {};
  if (holder?.uid === undefined) return [];
  const holding = pods.find(({ metadata }) => metadata.uid === holder.uid);
  const seen = holding ?? pods.find((pod) => bears(pod, address.spec.workload.lineage, migrations));
  if (seen === undefined ? told === undefined : !selects(asked.selector, seen.metadata.labels)) return [];
  const state = servingOf({
    holder: holding,
    move: moveOf(address, migrations),
    served: told?.endpoint.conditions?.serving ?? undefined,
    now,
  });
  if (state === undefined) return [];
  const { namespace } = service.metadata;
  const endpoint: Endpoint = {
    addresses: [bare(address)],
    conditions: {
      ready: service.spec?.publishNotReadyAddresses === true || (state.serving && !state.terminating),
      ...state,
    },
    ...hostnameOf(service, seen, told),
    ...(holder.nodeName === undefined ? {} : { nodeName: holder.nodeName }),
    targetRef: { kind: 'Pod', ...(namespace === undefined ? {} : { namespace }), name: holder.name, uid: holder.uid },
  };
  return [
    {
      addressType: bare(address).includes(':') ? 'IPv6' : 'IPv4',
      ports: seen === undefined ? (told?.ports ?? []) : portsFor(service, seen),
      endpoint,
    },
  ];
}

/** By it a headless Service gives each pod of a StatefulSet a DNS name. */
function hostnameOf({ metadata }: Service, pod: Pod | undefined, told: Told | undefined): { hostname?: string } {
  const hostname =
    pod === undefined ? told?.endpoint.hostname : pod.spec.subdomain === metadata.name ? pod.spec.hostname : undefined;
  return hostname === undefined || hostname === '' ? {} : { hostname };
}

function metadataOf({ metadata, spec }: Service, name: string): EndpointSlice['metadata'] {
  const { namespace, name: service, uid = '' } = metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      [sliceLabels.service]: service,
      [sliceLabels.managedBy]: sliceManager,
      ...(spec?.clusterIP === 'None' ? { [sliceLabels.headless]: '' } : {}),
    },
    ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: service, uid, controller: true }],
  };
}

const bare = ({ spec }: StableIP): string => spec.address.split('/')[0] ?? spec.address;
