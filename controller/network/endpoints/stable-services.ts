// Services that follow stable addresses: keeps their EndpointSlices as `slicesFor` says.
import { isDeepStrictEqual } from 'node:util';
import type { Migration } from '#core/api/migration.ts';
import type { Pod } from '#core/api/pod.ts';
import { sliceLabels, type EndpointSlice, type Service } from '#core/api/service.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import type { Clock } from '#core/clock.ts';
import { hasCode } from '#core/kube/api.ts';
import type { Events } from '#core/kube/events.ts';
import type { KubeApi, ObjectCache, ObjectName } from '#core/kube/port.ts';
import { endpointSlices } from '#core/kube/resources.ts';
import { endpointRequest, type EndpointRequest } from '#controller/network/endpoints/request.ts';
import { settlingMs } from '#controller/network/endpoints/serving.ts';
import { slicesFor } from '#controller/network/endpoints/slices-for.ts';

export interface StableServicePorts {
  api: KubeApi;
  clock: Clock;
  services: ObjectCache<Service>;
  /** Those that Godwit writes. */
  endpointSlices: ObjectCache<EndpointSlice>;
  stableNetworks: ObjectCache<StableNetwork>;
  stableIPs: ObjectCache<StableIP>;
  pods: ObjectCache<Pod>;
  migrations: ObjectCache<Migration>;
}

/** Until the watch has told what was written a moment ago. */
const lateWatchMs = 300;
const lateWatchCodes = ['ERR_KUBE_CONFLICT', 'ERR_KUBE_EXISTS', 'ERR_KUBE_NOT_FOUND'] as const;

export class StableServices {
  readonly #ports: StableServicePorts;
  readonly #events: Pick<Events, 'tell'>;
  /** What a Service was told last, by UID: once is enough. */
  readonly #told = new Map<string, string>();

  constructor(ports: StableServicePorts, events: Pick<Events, 'tell'>) {
    this.#ports = ports;
    this.#events = events;
  }

  async reconcile(name: ObjectName): Promise<{ requeueAfterMs?: number }> {
    const service = this.#ports.services.get(name);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return {}; // its slices go with it
    const request = endpointRequest(service, this.#networks());
    await this.#tell(service, request);
    const published = this.#ports.endpointSlices
      .list(name.namespace)
      .filter(({ metadata }) => metadata.labels?.[sliceLabels.service] === name.name);
    try {
      await this.#write(this.#wanted(service, request, published), published);
    } catch (error) {
      if (!lateWatchCodes.some((code) => hasCode(error, code))) throw error;
      return { requeueAfterMs: lateWatchMs };
    }
    return request.kind === 'asked' ? this.#nextLook(name.namespace) : {};
  }

  /** An address outlives its network's object, e.g. while that is replaced. */
  #networks(): Set<string> {
    const { stableNetworks, stableIPs } = this.#ports;
    return new Set([
      ...stableNetworks.list().map(({ metadata }) => metadata.name),
      ...stableIPs.list().map(({ spec }) => spec.network),
    ]);
  }

  #wanted(service: Service, request: EndpointRequest, published: EndpointSlice[]): EndpointSlice[] {
    if (request.kind !== 'asked') return [];
    const { stableIPs, pods, migrations, clock } = this.#ports;
    const { namespace } = service.metadata;
    return slicesFor({
      service,
      asked: request,
      stableIPs: stableIPs.list(),
      pods: pods.list(namespace),
      migrations: migrations.list(namespace),
      published,
      now: clock.date(),
    });
  }

  /** What is new comes before what is old goes, so that no endpoint is missing in between. */
  async #write(wanted: readonly EndpointSlice[], published: readonly EndpointSlice[]): Promise<void> {
    const { api } = this.#ports;
    for (const slice of wanted) {
      const earlier = published.find(({ metadata }) => metadata.name === slice.metadata.name);
      if (earlier === undefined) await api.create(endpointSlices, slice);
      else if (!isDeepStrictEqual(essence(earlier), essence(slice)))
        await api.replace(endpointSlices, {
          ...slice,
          metadata: { ...slice.metadata, resourceVersion: earlier.metadata.resourceVersion },
        });
    }
    for (const { metadata } of published) {
      if (!wanted.some((slice) => slice.metadata.name === metadata.name))
        await api.delete(endpointSlices, { name: metadata.name, namespace: metadata.namespace }, { uid: metadata.uid });
    }
  }

  /**
   * A pod that has moved lately is believed for a while; after that its own word counts, which may have changed
   * nothing.
   */
  #nextLook(namespace: string | undefined): { requeueAfterMs?: number } {
    const now = this.#ports.clock.date();
    const ends = this.#ports.migrations
      .list(namespace)
      .map((migration) => settlingMs(migration, now))
      .filter((leftMs) => leftMs > 0);
    return ends.length === 0 ? {} : { requeueAfterMs: Math.min(...ends) };
  }

  async #tell({ metadata: { name, namespace, uid = '' } }: Service, request: EndpointRequest): Promise<void> {
    const message = request.kind === 'refused' ? request.message : '';
    if ((this.#told.get(uid) ?? '') === message) return;
    this.#told.set(uid, message);
    if (request.kind !== 'refused') return;
    const regarding = {
      apiVersion: 'v1',
      kind: 'Service',
      name,
      uid,
      ...(namespace === undefined ? {} : { namespace }),
    };
    await this.#events.tell({
      regarding,
      type: 'Warning',
      reason: request.reason,
      action: 'WriteEndpoints',
      note: message,
    });
  }
}

/** What Godwit writes of a slice. */
const essence = ({ metadata: { labels, ownerReferences }, addressType, ports, endpoints }: EndpointSlice): unknown => ({
  labels,
  ownerReferences,
  addressType,
  ports: ports ?? [],
  endpoints: endpoints ?? [],
});
