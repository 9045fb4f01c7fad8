// What controllers and agents ask of the Kubernetes API; the real one speaks HTTP, tests of decisions bring their own.
import type { ObjectMeta } from '#core/api/objects.ts';
import type { Unreadable } from '#core/kube/unreadable.ts';

export interface KubeObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
}

/** Where objects of one kind live. `parse` checks what comes from the server (ERR_KUBE_OBJECT). */
export interface Resource<T extends KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly parse: (json: unknown) => T;
}

export interface ObjectName {
  name: string;
  /** Undefined for cluster-scoped objects. */
  namespace?: string | undefined;
}

export interface ListOptions {
  /** Undefined: all namespaces. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export interface DeleteOptions {
  /** Preconditions: nothing else of that name is deleted. */
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  gracePeriodSeconds?: number | undefined;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
}

export type Subresource = 'status' | 'approval';

/**
 * Requests reject with GodwitErrors: ERR_KUBE_NOT_FOUND, ERR_KUBE_CONFLICT (resourceVersion or precondition),
 * ERR_KUBE_EXISTS, ERR_KUBE_FORBIDDEN, ERR_KUBE_INVALID, ERR_KUBE_TOO_MANY (429), ERR_KUBE_UNAVAILABLE (no answer in
 * time, 5xx; retryable).
 */
export interface KubeApi {
  get<T extends KubeObject>(resource: Resource<T>, name: ObjectName): Promise<T>;
  /** Undefined instead of ERR_KUBE_NOT_FOUND. */
  find<T extends KubeObject>(resource: Resource<T>, name: ObjectName): Promise<T | undefined>;
  /** Objects that are not what `resource` reads are left out of the items. */
  list<T extends KubeObject>(
    resource: Resource<T>,
    options?: ListOptions,
  ): Promise<{ items: T[]; resourceVersion: string; unreadable: Unreadable[] }>;
  /** @param options.dryRun asks what would come of it, and makes nothing */
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: { dryRun?: boolean }): Promise<T>;
  /** PUT: rejects with ERR_KUBE_CONFLICT unless the object still has `metadata.resourceVersion`. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, subresource?: Subresource): Promise<T>;
  /** JSON merge patch; with a `metadata.resourceVersion` in it, a compare-and-set. */
  patch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: object,
    subresource?: Subresource,
  ): Promise<T>;
  /** Resolves also when it is gone already. */
  delete<T extends KubeObject>(resource: Resource<T>, name: ObjectName, options?: DeleteOptions): Promise<void>;
  /** Policy eviction of a pod; ERR_KUBE_TOO_MANY while a PodDisruptionBudget or a webhook refuses. */
  evict(pod: ObjectName, options?: DeleteOptions): Promise<void>;
}

/** A local copy of the objects of one kind, kept up to date by list and watch. */
export interface ObjectCache<T extends KubeObject> {
  get(name: ObjectName): T | undefined;
  list(namespace?: string): T[];
  /**
   * Called after the cache has changed, with the object as it is (or was, when it is gone). Returns the unsubscription.
   */
  onChange(listener: (change: { type: 'set' | 'deleted'; object: T; previous?: T | undefined }) => void): () => void;
}

export interface Reflector<T extends KubeObject> extends ObjectCache<T> {
  /** Lists and watches until `close`; after errors it lists again, with back-off. */
  start(): void;
  /** Resolves after the first list. */
  synced(limitMs: number): Promise<void>;
  /** When the server last said something (monotonic ms): the watch is stale when that is long ago. */
  lastHeardAt(): number;
  /** Those that cannot be read; of one that could be read before, the copy has what it was then. */
  unreadable(): readonly Unreadable[];
  close(): Promise<void>;
}
