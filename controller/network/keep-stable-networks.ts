// Everything about stable networks that the leader does: attachment definitions, statuses, release of addresses,
// endpoints.
import { isDeepStrictEqual } from 'node:util';
import { bears, isReplacementOf } from '#core/api/lineage.ts';
import { serviceAnnotations } from '#core/api/names.ts';
import { isFinished, isNodeReady, type Node } from '#core/api/pod.ts';
import { sliceLabels, type Service } from '#core/api/service.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import { AttachmentDefinitions } from '#controller/network/attachment-definitions.ts';
import { StableServices } from '#controller/network/endpoints/stable-services.ts';
import { isHolder } from '#controller/network/keeper.ts';
import { NetworkStatuses } from '#controller/network/network-statuses.ts';
import { ReleasedAddresses } from '#controller/network/released-addresses.ts';
import { tellUnserved } from '#controller/network/unserved-pods.ts';
import type { Leading } from '#controller/leading.ts';

/** Pods come in numbers: the addresses that they took are counted once for all that come within this. */
const gatherMs = 500;

export function keepStableNetworks(leading: Leading): void {
  keepNetworks(leading);
  keepAddresses(leading);
  keepServices(leading);
  tellUnserved(leading);
}

function keepNetworks({ cluster, events, run, subscribe }: Leading): void {
  const { stableNetworks, stableIPs, nodes } = cluster;
  const attachments = new AttachmentDefinitions(cluster);
  const statuses = new NetworkStatuses(cluster, events);
  const attaching = run({ name: 'stable-networks', reconcile: (name) => attachments.reconcile(name) });
  const telling = run({ name: 'stable-network-statuses', reconcile: (name) => statuses.reconcile(name) });
  const all = (): void => {
    for (const { metadata } of stableNetworks.list()) telling.addAfter(metadata, gatherMs);
  };
  subscribe(
    stableNetworks.onChange(({ type, object, previous }) => {
      if (isDeepStrictEqual(previous?.spec, object.spec)) telling.add(object.metadata);
      else attaching.add(object.metadata);
      if (type === 'deleted' || !isDeepStrictEqual(previous?.spec, object.spec)) all(); // one may be in another's way
    }),
  );
  subscribe(
    cluster.namespaces.onChange(({ object, previous }) => {
      if (isDeepStrictEqual(previous?.metadata.labels, object.metadata.labels)) return;
      for (const { metadata, spec } of stableNetworks.list())
        if (spec.namespaceSelector !== undefined || spec.namespaces.includes(object.metadata.name))
          attaching.add(metadata);
    }),
  );
  subscribe(
    stableIPs.onChange(({ type, object, previous }) => {
      if (type === 'deleted' || previous === undefined) telling.addAfter({ name: object.spec.network }, gatherMs);
    }),
  );
  subscribe(
    nodes.onChange(({ type, object, previous }) => {
      if (type === 'deleted' || !isDeepStrictEqual(placeOf(previous), placeOf(object))) all();
    }),
  );
  for (const { metadata } of stableNetworks.list()) attaching.add(metadata);
  all();
}

/** What of a node a network may not give. */
const placeOf = (node: Node | undefined): unknown => [node?.spec?.podCIDR, node?.status?.addresses];

function keepAddresses({ cluster, run, subscribe }: Leading): void {
  const { stableIPs, pods, nodes, migrations } = cluster;
  const released = new ReleasedAddresses(cluster);
  const controller = run({ name: 'stable-ips', reconcile: (name) => released.reconcile(name) });
  const addAll = (concerns: (address: StableIP) => boolean): void => {
    for (const address of stableIPs.list()) if (concerns(address)) controller.add(address.metadata);
  };
  subscribe(stableIPs.onChange(({ object }) => controller.add(object.metadata)));
  subscribe(
    pods.onChange(({ type, object, previous }) => {
      const turned =
        type === 'deleted' ||
        previous === undefined ||
        previous.metadata.uid !== object.metadata.uid ||
        isFinished(previous) !== isFinished(object);
      if (!turned) return;
      const moves = migrations.list(object.metadata.namespace).filter((move) => isReplacementOf(object, move));
      addAll(
        (address) =>
          address.spec.workload.namespace === object.metadata.namespace &&
          (bears(object, address.spec.workload.lineage, moves) || isHolder(address, object)),
      );
    }),
  );
  subscribe(
    nodes.onChange(({ type, object, previous }) => {
      const turned = type === 'deleted' || previous === undefined || isNodeReady(previous) !== isNodeReady(object);
      if (turned) addAll(({ status }) => status?.holder?.nodeName === object.metadata.name);
    }),
  );
  addAll(() => true);
}

function keepServices({ cluster, events, run, subscribe }: Leading): void {
  const { services, endpointSlices, stableIPs, stableNetworks, pods, migrations } = cluster;
  const following = new StableServices(cluster, events);
  const controller = run({ name: 'stable-services', reconcile: (name) => following.reconcile(name) });
  const addAll = (namespace?: string): void => {
    for (const service of services.list(namespace)) if (asks(service)) controller.add(service.metadata);
  };
  subscribe(
    services.onChange(({ object, previous }) => {
      if (asks(object) || (previous !== undefined && asks(previous))) controller.add(object.metadata);
    }),
  );
  subscribe(
    endpointSlices.onChange(({ object: { metadata } }) =>
      controller.add({ namespace: metadata.namespace, name: metadata.labels?.[sliceLabels.service] ?? '' }),
    ),
  );
  subscribe(
    stableNetworks.onChange(({ type, previous }) => {
      if (type === 'deleted' || previous === undefined) addAll();
    }),
  );
  subscribe(stableIPs.onChange(({ object }) => addAll(object.spec.workload.namespace)));
  subscribe(pods.onChange(({ object }) => addAll(object.metadata.namespace)));
  subscribe(migrations.onChange(({ object }) => addAll(object.metadata.namespace)));
  addAll();
  for (const { metadata } of endpointSlices.list())
    controller.add({ namespace: metadata.namespace, name: metadata.labels?.[sliceLabels.service] ?? '' });
}

const asks = ({ metadata: { annotations = {} } }: Service): boolean =>
  Object.values(serviceAnnotations).some((name) => annotations[name] !== undefined);
