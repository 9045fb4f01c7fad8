// Objects of stable networks for tests: whole and ordinary, so that a test says only what its case is about.
import { groupVersion, labels, serviceAnnotations } from '#core/api/names.ts';
import type { Service } from '#core/api/service.ts';
import { stableIPName, type StableIP } from '#core/api/stable-ip.ts';
import { stableNetworkSpecSchema, type StableNetwork } from '#core/api/stable-network.ts';
import { at } from '#core/testing/objects.ts';

/** Addresses 198.18.0.10 to 198.18.0.19. */
export function stableNetwork(
  name = 'stable',
  spec: Partial<StableNetwork['spec']> = {},
  metadata: Partial<StableNetwork['metadata']> = {},
): StableNetwork {
  const ranges = [{ cidr: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.19' }];
  return {
    apiVersion: groupVersion,
    kind: 'StableNetwork',
    metadata: { name, uid: `${name}-uid`, generation: 1, creationTimestamp: at(0), ...metadata },
    spec: { ...stableNetworkSpecSchema.parse({ ranges }), ...spec },
  };
}

interface StableIPParts {
  network?: string;
  workload?: Partial<StableIP['spec']['workload']>;
  /** Left out: pod `shop-0` of UID `u1` on node `a`, at epoch 1. */
  status?: StableIP['status'];
}

/** Of lineage `l1`, whose pod is `shop-0`. */
export function stableIP(
  address = '198.18.0.10',
  {
    network = 'stable',
    workload,
    status = { epoch: 1, holder: { name: 'shop-0', uid: 'u1', nodeName: 'a' } },
  }: StableIPParts = {},
): StableIP {
  const owned = { namespace: 'default', lineage: 'l1', podName: 'shop-0', ...workload };
  return {
    apiVersion: groupVersion,
    kind: 'StableIP',
    metadata: {
      name: stableIPName(network, address),
      uid: `${address}-uid`,
      labels: { [labels.network]: network, [labels.lineage]: owned.lineage },
    },
    spec: {
      network,
      address: `${address}/${address.includes(':') ? 64 : 24}`,
      mac: '02:00:00:00:00:01',
      ifName: 'net1',
      workload: owned,
    },
    status,
  };
}

/** Headless Service `shop` for the pods `app=shop` of network `stable`. */
export function stableService(
  spec: Partial<NonNullable<Service['spec']>> = {},
  annotations: Record<string, string> = {
    [serviceAnnotations.network]: 'stable',
    [serviceAnnotations.selector]: 'app=shop',
  },
): Service {
  return {
    metadata: { name: 'shop', namespace: 'default', uid: 'service-uid', annotations },
    spec: {
      clusterIP: 'None',
      ipFamilies: ['IPv4', 'IPv6'],
      ports: [{ name: 'redis', protocol: 'TCP', port: 6379, targetPort: 6379 }],
      ...spec,
    },
  };
}
