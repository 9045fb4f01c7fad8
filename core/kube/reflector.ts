// A local copy of one kind, by list and watch: bookmarks, a new list when the server has forgotten, back-off after
// errors.
import { z } from 'zod';
import { withDeadline } from '#core/deadline.ts';
import { asGodwitError } from '#core/errors.ts';
import type { Clock } from '#core/clock.ts';
import type { Log } from '#core/log.ts';
import { collectionPath, selectors } from '#core/kube/api.ts';
import type { ApiConnection } from '#core/kube/connection.ts';
import { indexBy } from '#core/kube/index-by.ts';
import type { KubeApi, KubeObject, ListOptions, ObjectName, Reflector, Resource } from '#core/kube/port.ts';
import { read, type Unreadable } from '#core/kube/unreadable.ts';

type Change<T> = { type: 'set' | 'deleted'; object: T; previous?: T | undefined };

const eventSchema = z.looseObject({
  type: z.string(),
  object: z.looseObject({
    metadata: z.looseObject({ resourceVersion: z.string().optional() }).optional(),
    code: z.number().optional(),
  }),
});
/** The server ends a watch after this; spread, so that not all come back at once. */
const watchSeconds = (): number => 240 + Math.floor(Math.random() * 60);
/** Bookmarks come about every minute: longer silence is a dead connection. */
const silenceMs = 150_000;
const backOffMs = { first: 500, last: 30_000 };

export interface ReflectorPorts {
  api: KubeApi;
  connection: ApiConnection;
  clock: Clock;
  log: Log;
}

const keyOf = ({ name, namespace }: ObjectName): string => `${namespace ?? ''}/${name}`;

export class ListWatch<T extends KubeObject> implements Reflector<T> {
  readonly #ports: ReflectorPorts;
  readonly #resource: Resource<T>;
  readonly #options: ListOptions;
  readonly #objects = new Map<string, T>();
  readonly #unreadable = new Map<string, Unreadable>();
  readonly #listeners = new Set<(change: Change<T>) => void>();
  readonly #synced = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #inNamespace = indexBy<T>(this, ({ metadata }) => metadata.namespace);
  #loop: Promise<void> = Promise.resolve();
  #heardAt = 0;

  constructor(ports: ReflectorPorts, resource: Resource<T>, options: ListOptions = {}) {
    this.#ports = ports;
    this.#resource = resource;
    this.#options = options;
  }

  start(): void {
    this.#loop = this.#run();
  }

  synced(limitMs: number): Promise<void> {
    return withDeadline(this.#synced.promise, limitMs, `the first list of ${this.#resource.plural}`, this.#ports.clock);
  }

  lastHeardAt(): number {
    return this.#heardAt;
  }

  unreadable(): readonly Unreadable[] {
    return [...this.#unreadable.values()];
  }

  get(name: ObjectName): T | undefined {
    return this.#objects.get(keyOf(name));
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.#inNamespace(namespace);
  }

  onChange(listener: (change: Change<T>) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    let delayMs: number = backOffMs.first;
    while (!this.#stop.signal.aborted) {
      const startedAt = this.#ports.clock.nowMs();
      try {
        await this.#watch(await this.#relist());
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#ports.log.warn(
          { resource: this.#resource.plural, error: asGodwitError(error).message },
          'Watch failed and begins anew',
        );
      }
      if (this.#ports.clock.nowMs() - startedAt > backOffMs.last) delayMs = backOffMs.first;
      await this.#pause(delayMs * (0.5 + Math.random() / 2));
      delayMs = Math.min(delayMs * 2, backOffMs.last);
    }
  }

  /** Ends at once when the watch is closed. */
  async #pause(delayMs: number): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => resolve();
    const cancel = this.#ports.clock.after(delayMs, over);
    signal.addEventListener('abort', over);
    await promise;
    cancel();
    signal.removeEventListener('abort', over);
  }

  async #relist(): Promise<string> {
    const { items, unreadable, resourceVersion } = await this.#ports.api.list(this.#resource, this.#options);
    this.#heard();
    const listed = new Set([...items.map(({ metadata }) => metadata), ...unreadable].map(keyOf));
    for (const [key, object] of this.#objects) if (!listed.has(key)) this.#remove(key, object);
    for (const key of this.#unreadable.keys()) if (!listed.has(key)) this.#unreadable.delete(key);
    for (const item of items) this.#set(item);
    for (const one of unreadable) this.#skip(one);
    this.#synced.resolve();
    return resourceVersion;
  }

  /** Watches on and on; returns when the server has forgotten the version. */
  async #watch(from: string): Promise<void> {
    for (let version: string | undefined = from; version !== undefined && !this.#stop.signal.aborted;)
      version = await this.#watchOnce(version);
  }

  /**
   * Resolves with the version to go on from, undefined when a new list is needed; a watch that says nothing at all is
   * broken.
   */
  async #watchOnce(from: string): Promise<string | undefined> {
    const { connection } = this.#ports;
    let version = from;
    let silent = true;
    const query = new URLSearchParams({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(watchSeconds()),
      ...selectors(this.#options),
    });
    for await (const line of connection.stream(
      `${collectionPath(this.#resource, this.#options.namespace)}?${query.toString()}`,
      silenceMs,
      this.#stop.signal,
    )) {
      this.#heard();
      silent = false;
      const { type, object } = eventSchema.parse(JSON.parse(line));
      if (type === 'ERROR') {
        if (object.code === 410) return undefined;
        throw new Error(`watch event ERROR ${object.code ?? ''}`);
      }
      version = object.metadata?.resourceVersion ?? version;
      if (type !== 'BOOKMARK') this.#take(type, object);
    }
    if (silent && !this.#stop.signal.aborted) throw new Error('the watch ended without a word');
    return version;
  }

  #take(type: string, json: unknown): void {
    const result = read(this.#resource, json);
    if (type !== 'DELETED') return 'object' in result ? this.#set(result.object) : this.#skip(result.unreadable);
    const key = keyOf('object' in result ? result.object.metadata : result.unreadable);
    const last = 'object' in result ? result.object : this.#objects.get(key);
    this.#unreadable.delete(key);
    if (last !== undefined) this.#remove(key, last);
  }

  /** What is known of it stays: that it can no longer be read does not mean that it is gone. */
  #skip(unreadable: Unreadable): void {
    const key = keyOf(unreadable);
    const isNews = this.#unreadable.get(key)?.error !== unreadable.error;
    this.#unreadable.set(key, unreadable);
    if (isNews)
      this.#ports.log.error(
        { resource: this.#resource.plural, object: key, error: unreadable.error },
        'Object cannot be read and is left out',
      );
  }

  #set(object: T): void {
    const key = keyOf(object.metadata);
    this.#unreadable.delete(key);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.#objects.set(key, object);
    this.#tell({ type: 'set', object, previous });
  }

  #remove(key: string, object: T): void {
    this.#objects.delete(key);
    this.#tell({ type: 'deleted', object });
  }

  /** A listener that throws must not end the watch, and must not be silent. */
  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#ports.log.error(
          { resource: this.#resource.plural, error: asGodwitError(error).message },
          'Listener of a watch failed',
        );
      }
    }
  }

  #heard(): void {
    this.#heardAt = this.#ports.clock.nowMs();
  }
}
