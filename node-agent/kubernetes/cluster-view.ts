// What this node's agent knows of the cluster: local copies that watches keep, and live questions where a copy may be
// late.
import { policyFor, type InterruptionPolicy } from '#core/api/interruption-policy.ts';
import { byAge, isFormerSelf, isUnderway, movesPod, sourceMayRun, type Migration } from '#core/api/migration.ts';
import { isShuttingDown, type Node, type Pod } from '#core/api/pod.ts';
import { isReplacementOf } from '#core/api/lineage.ts';
import { annotations } from '#core/api/names.ts';
import type { Namespace } from '#core/api/served-namespaces.ts';
import { GodwitError } from '#core/errors.ts';
import type { KubeApi, ObjectCache } from '#core/kube/port.ts';
import {
  migrations as migrationsResource,
  namespaces as namespacesResource,
  pods as podsResource,
} from '#core/kube/resources.ts';

export interface ClusterCaches {
  /** Pods of this node. */
  pods: ObjectCache<Pod>;
  nodes: ObjectCache<Node>;
  migrations: ObjectCache<Migration>;
  policies: ObjectCache<InterruptionPolicy>;
}

/** More than a node runs at a time. */
const departedPods = 512;

export interface PodName {
  namespace: string;
  name: string;
  uid: string;
}

export class ClusterView {
  readonly #node: string;
  readonly #api: KubeApi;
  readonly #caches: ClusterCaches;
  /** Pods whose objects are gone while their containers may still run here, by UID; the newest last. */
  readonly #departed = new Map<string, Pod>();

  constructor(node: string, api: KubeApi, caches: ClusterCaches) {
    this.#node = node;
    this.#api = api;
    this.#caches = caches;
    caches.pods.onChange(({ type, object, previous }) => {
      if (type === 'deleted') this.#keep(object);
      else if (previous !== undefined && previous.metadata.uid !== object.metadata.uid) this.#keep(previous);
    });
  }

  #keep(pod: Pod): void {
    this.#departed.set(pod.metadata.uid ?? '', pod);
    const [oldest] = this.#departed.keys();
    if (this.#departed.size > departedPods && oldest !== undefined) this.#departed.delete(oldest);
  }

  /** The pod of that UID, also when its object is gone already. */
  lastSeen(uid: string): Pod | undefined {
    return this.#caches.pods.list().find(({ metadata }) => metadata.uid === uid) ?? this.#departed.get(uid);
  }

  /** The pod as the watch last saw it; undefined for another incarnation of the name. */
  pod({ namespace, name, uid }: PodName): Pod | undefined {
    const pod = this.#caches.pods.get({ namespace, name });
    return pod?.metadata.uid === uid ? pod : undefined;
  }

  /** The pod as the API server has it now; undefined when that incarnation is gone. */
  async livePod({ namespace, name, uid }: PodName): Promise<Pod | undefined> {
    const pod = await this.#api.find(podsResource, { namespace, name });
    return pod?.metadata.uid === uid ? pod : undefined;
  }

  /** The Migration by which that pod (UID) is leaving: the one underway, else the newest. */
  migrationOf({ namespace, uid }: Pick<PodName, 'namespace' | 'uid'>): Migration | undefined {
    const newestFirst = this.#caches.migrations
      .list(namespace)
      .filter((migration) => movesPod(migration, uid))
      .toSorted(byAge);
    return (
      newestFirst.find((migration) => isUnderway(migration) && migration.status?.source?.uid === uid) ?? newestFirst[0]
    );
  }

  /** The Migration of that UID; `name` is asked for when the watch does not know it (yet). */
  async migration(
    uid: string,
    { namespace, name }: { namespace: string; name: string | undefined },
  ): Promise<Migration | undefined> {
    const known = this.knownMigration(uid);
    return known ?? (await this.liveMigration(uid, { namespace, name }));
  }

  /**
   * The Migration whose status names this very pod as its replacement: the pod's own annotations only say where to
   * look.
   */
  async claimOf(pod: Pod): Promise<Migration | undefined> {
    const { namespace = '', annotations: { [annotations.migration]: uid, [annotations.migrationName]: name } = {} } =
      pod.metadata;
    if (uid === undefined) return undefined;
    const known = this.knownMigration(uid);
    if (known !== undefined && isReplacementOf(pod, known)) return known;
    const live = await this.liveMigration(uid, { namespace, name }); // the watch may be late
    return live !== undefined && isReplacementOf(pod, live) ? live : undefined;
  }

  /** Undefined: there is no such namespace. */
  async namespaceNamed(name: string): Promise<Namespace | undefined> {
    return this.#api.find(namespacesResource, { name });
  }

  /** The Migration of that UID as the API server has it now. */
  async liveMigration(
    uid: string,
    { namespace, name }: { namespace: string; name: string | undefined },
  ): Promise<Migration | undefined> {
    if (name === undefined) return undefined;
    const live = await this.#api.find(migrationsResource, { namespace, name });
    return live?.metadata.uid === uid ? live : undefined;
  }

  /** The Migration of an earlier pod of that name whose processes may still run elsewhere. */
  #formerSelf(pod: PodName): Migration | undefined {
    return this.#caches.migrations
      .list(pod.namespace)
      .find(
        (migration) =>
          isFormerSelf(migration, pod) && sourceMayRun(migration, this.node(migration.status?.source?.nodeName ?? '')),
      );
  }

  /**
   * ERR_FORMER_SELF when a pod that no Migration has claimed must not start yet.
   *
   * @param migration UID of the one that the pod says has claimed it
   */
  assertAlone(pod: PodName, migration?: string): void {
    if (migration !== undefined && this.knownMigration(migration) !== undefined) return;
    const former = this.#formerSelf(pod);
    if (former !== undefined)
      throw new GodwitError(
        'ERR_FORMER_SELF',
        `pod ${pod.namespace}/${pod.name}: its former self may run on ${former.status?.source?.nodeName ?? 'another node'} until Migration ${former.metadata.name} has released it`,
      );
  }

  knownMigration(uid: string): Migration | undefined {
    return this.#caches.migrations.list().find(({ metadata }) => metadata.uid === uid);
  }

  policyOf({ metadata }: Pod): InterruptionPolicy | undefined {
    return policyFor(this.#caches.policies.list(metadata.namespace), metadata.labels);
  }

  node(name: string): Node | undefined {
    return this.#caches.nodes.get({ name });
  }

  /** Where the agent of a node is reached. */
  addressOf(name: string): string | undefined {
    return this.node(name)?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  }

  nodes(): string[] {
    return this.#caches.nodes.list().map(({ metadata }) => metadata.name);
  }

  get isShuttingDown(): boolean {
    const own = this.node(this.#node);
    return own !== undefined && isShuttingDown(own);
  }
}
