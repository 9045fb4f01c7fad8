// Migrations as they change, over watches that end and a server that is away for a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Migration } from '#core/api/migration.ts';
import { asGodwitError } from '#core/errors.ts';
import { collectionPath } from '#core/kube/api.ts';
import type { ApiConnection } from '#core/kube/connection.ts';
import type { KubeApi } from '#core/kube/port.ts';
import { migrations } from '#core/kube/resources.ts';

export interface MigrationChange {
  type: 'set' | 'deleted';
  migration: Migration;
}

interface Patience {
  /** How long the server may be away. */
  awayMs: number;
  pauseMs: number;
}

const patience: Patience = { awayMs: 60_000, pauseMs: 1_000 };
/** The server ends a watch after this, before a load balancer finds it idle. */
const watchSeconds = 50;
const silenceMs = 60_000;
const eventSchema = z.looseObject({ type: z.string(), object: z.unknown() });

/**
 * Begins with what is there, then every change once, until `signal`. Rejects at once when the first answer is a
 * failure, later with ERR_KUBE_UNAVAILABLE after `awayMs` without an answer, and with what the server refuses for good.
 *
 * @param name only this one; undefined: all of the namespace
 */
export async function* migrationChanges(
  { api, connection }: { api: KubeApi; connection: ApiConnection },
  namespace: string,
  name: string | undefined,
  signal: AbortSignal,
  { awayMs, pauseMs }: Patience = patience,
): AsyncGenerator<MigrationChange> {
  const fieldSelector = name === undefined ? {} : { fieldSelector: `metadata.name=${name}` };
  const known = new Map<string, Migration>();
  let heardAtMs: number | undefined;
  while (!signal.aborted) {
    try {
      const { items, resourceVersion } = await api.list(migrations, { namespace, ...fieldSelector });
      heardAtMs = performance.now();
      yield* differences(known, items);
      const query = new URLSearchParams({
        watch: '1',
        resourceVersion,
        timeoutSeconds: String(watchSeconds),
        ...fieldSelector,
      });
      for await (const line of connection.stream(
        `${collectionPath(migrations, namespace)}?${query.toString()}`,
        silenceMs,
        signal,
      )) {
        heardAtMs = performance.now();
        const { type, object } = eventSchema.parse(JSON.parse(line));
        if (type === 'ERROR') break; // too old a version: the next list tells
        yield remember(known, { type: type === 'DELETED' ? 'deleted' : 'set', migration: migrations.parse(object) });
      }
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asGodwitError(thrown);
      if (heardAtMs === undefined || !error.retryable || performance.now() - heardAtMs > awayMs) throw error;
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** What became of the Migrations that were known, and what is new. */
function* differences(known: Map<string, Migration>, items: readonly Migration[]): Generator<MigrationChange> {
  const listed = new Set(items.map(({ metadata }) => metadata.name));
  for (const [name, migration] of known) if (!listed.has(name)) yield remember(known, { type: 'deleted', migration });
  for (const migration of items) {
    if (known.get(migration.metadata.name)?.metadata.resourceVersion !== migration.metadata.resourceVersion)
      yield remember(known, { type: 'set', migration });
  }
}

function remember(known: Map<string, Migration>, change: MigrationChange): MigrationChange {
  const { name } = change.migration.metadata;
  if (change.type === 'deleted') known.delete(name);
  else known.set(name, change.migration);
  return change;
}
