// What the API server of the tests remembers: objects with versions, and the history that watches are served from.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { objectMetaSchema } from '#core/api/objects.ts';
import type { Place } from './place.ts';

export const storedSchema = z.looseObject({
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  metadata: objectMetaSchema,
});
export type Stored = z.infer<typeof storedSchema>;

export interface Change {
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  kinds: string;
  object: Stored;
}

export class ObjectStore {
  readonly #objects = new Map<string, { kinds: string; object: Stored }>();
  readonly #listeners = new Set<(change: Change) => void>();
  #history: Change[] = [];
  #forgotten = 0;
  #version = 1;

  get version(): number {
    return this.#version;
  }

  get(kinds: string, namespace: string | undefined, name: string): Stored | undefined {
    return this.#objects.get(keyOf(kinds, namespace, name))?.object;
  }

  list({ kinds, namespace }: Pick<Place, 'kinds' | 'namespace'>): Stored[] {
    return [...this.#objects.values()]
      .filter((one) => one.kinds === kinds && (namespace === undefined || one.object.metadata.namespace === namespace))
      .map(({ object }) => object);
  }

  /** Writes it with a new version; what is there is replaced, whatever its version. */
  write(kinds: string, object: Stored): Stored {
    const { name, namespace } = object.metadata;
    const former = this.get(kinds, namespace, name)?.metadata;
    const uid = former?.uid ?? object.metadata.uid ?? randomUUID();
    const creationTimestamp =
      former?.creationTimestamp ?? object.metadata.creationTimestamp ?? new Date().toISOString();
    this.#version += 1;
    const written = {
      ...object,
      metadata: { ...object.metadata, uid, creationTimestamp, resourceVersion: String(this.#version) },
    };
    this.#objects.set(keyOf(kinds, namespace, name), { kinds, object: written });
    this.#tell(former === undefined ? 'ADDED' : 'MODIFIED', kinds, written);
    return written;
  }

  remove(kinds: string, namespace: string | undefined, name: string): void {
    const object = this.get(kinds, namespace, name);
    if (object === undefined) return;
    this.#version += 1;
    this.#objects.delete(keyOf(kinds, namespace, name));
    this.#tell('DELETED', kinds, {
      ...object,
      metadata: { ...object.metadata, resourceVersion: String(this.#version) },
    });
  }

  /** Watches from versions before now find nothing any more. */
  forget(): void {
    this.#history = [];
    this.#forgotten = this.#version;
  }

  /** Undefined when it is forgotten. */
  since(version: number): Change[] | undefined {
    return version < this.#forgotten ? undefined : this.#history.filter((change) => change.version > version);
  }

  onChange(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(type: Change['type'], kinds: string, object: Stored): void {
    const change = { version: this.#version, type, kinds, object };
    this.#history.push(change);
    for (const listener of this.#listeners) listener(change);
  }
}

const keyOf = (kinds: string, namespace: string | undefined, name: string): string =>
  `${kinds} ${namespace ?? ''}/${name}`;
