// What the controller knows of the cluster, and the questions that its decisions ask of it.
import type { ApiConnection } from '#core/kube/connection.ts';
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import { policyFor, type InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { controllerOf, isFinished, type Pod } from '#core/api/pod.ts';
import { sliceLabels, sliceManager } from '#core/api/service.ts';
import { indexBy } from '#core/kube/index-by.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { ListWatch } from '#core/kube/reflector.ts';
import {
  endpointSlices,
  interruptionPolicies,
  migrations,
  namespaces,
  nodes,
  podDisruptionBudgets,
  pods,
  services,
  stableIPs,
  stableNetworks,
} from '#core/kube/resources.ts';
import { Rooms } from '#controller/placement/rooms.ts';

const firstListLimitMs = 120_000;

export interface ClusterPorts {
  api: KubeApi;
  connection: ApiConnection;
  clock: Clock;
  log: Log;
}

export class Cluster {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly pods;
  readonly nodes;
  readonly migrations;
  readonly policies;
  readonly budgets;
  readonly namespaces;
  readonly stableNetworks;
  readonly stableIPs;
  readonly services;
  /** Those that Godwit writes. */
  readonly endpointSlices;
  /** Pods of a node, by its name. */
  readonly podsOn: (node: string) => Pod[];
  readonly #podsByOwner: (key: string) => Pod[];
  readonly rooms: Rooms;
  readonly #underway: (key: 'underway') => Migration[];

  constructor(ports: ClusterPorts) {
    this.api = ports.api;
    this.clock = ports.clock;
    this.log = ports.log;
    this.pods = new ListWatch(ports, pods);
    this.nodes = new ListWatch(ports, nodes);
    this.migrations = new ListWatch(ports, migrations);
    this.policies = new ListWatch(ports, interruptionPolicies);
    this.budgets = new ListWatch(ports, podDisruptionBudgets);
    this.namespaces = new ListWatch(ports, namespaces);
    this.stableNetworks = new ListWatch(ports, stableNetworks);
    this.stableIPs = new ListWatch(ports, stableIPs);
    this.services = new ListWatch(ports, services);
    this.endpointSlices = new ListWatch(ports, endpointSlices, {
      labelSelector: `${sliceLabels.managedBy}=${sliceManager}`,
    });
    this.podsOn = indexBy(this.pods, ({ spec }) => spec.nodeName);
    this.#podsByOwner = indexBy(this.pods, (pod) => ownerKey(pod.metadata.namespace, controllerOf(pod)?.uid));
    this.#underway = indexBy(this.migrations, (migration) => (isUnderway(migration) ? 'underway' : undefined));
    this.rooms = new Rooms(this.nodes, this.pods, this.podsOn);
  }

  get #watches() {
    return {
      pods: this.pods,
      nodes: this.nodes,
      migrations: this.migrations,
      policies: this.policies,
      budgets: this.budgets,
      namespaces: this.namespaces,
      stableNetworks: this.stableNetworks,
      stableIPs: this.stableIPs,
      services: this.services,
      endpointSlices: this.endpointSlices,
    };
  }

  async start(): Promise<void> {
    const all = Object.values(this.#watches);
    for (const watch of all) watch.start();
    await Promise.all(all.map((watch) => watch.synced(firstListLimitMs)));
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#watches).map((watch) => watch.close()));
  }

  /** Milliseconds since each watch was last heard of. */
  silencesMs(): Record<string, number> {
    const now = this.clock.nowMs();
    return Object.fromEntries(Object.entries(this.#watches).map(([name, watch]) => [name, now - watch.lastHeardAt()]));
  }

  /** How many objects of each kind cannot be read. */
  unreadable(): Record<string, number> {
    return Object.fromEntries(Object.entries(this.#watches).map(([name, watch]) => [name, watch.unreadable().length]));
  }

  policyOf(pod: Pod): InterruptionPolicy | undefined {
    return policyFor(this.policies.list(pod.metadata.namespace), pod.metadata.labels);
  }

  /** Pods of a controller (UID), which are in its namespace: elsewhere anybody can name it as an owner. */
  podsOwnedBy(namespace: string | undefined, owner: string): Pod[] {
    return this.#podsByOwner(ownerKey(namespace, owner) ?? '');
  }

  /** Migrations that are not over. */
  underway(namespace?: string): Migration[] {
    const all = this.#underway('underway');
    return namespace === undefined ? all : all.filter(({ metadata }) => metadata.namespace === namespace);
  }

  /** The live pod that was claimed as the Migration's replacement. */
  replacementOf({ metadata, status }: Migration): Pod | undefined {
    const { name, uid } = status?.target ?? {};
    if (name === undefined || uid === undefined) return undefined;
    const pod = this.pods.get({ name, namespace: metadata.namespace });
    return pod !== undefined &&
      pod.metadata.uid === uid &&
      pod.metadata.deletionTimestamp === undefined &&
      !isFinished(pod)
      ? pod
      : undefined;
  }
}

const ownerKey = (namespace: string | undefined, owner: string | undefined): string | undefined =>
  owner === undefined ? undefined : `${namespace ?? ''}/${owner}`;
