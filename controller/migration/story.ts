// A Migration's story as events: on the Migration each turn of it, on the pod its beginning and its end; each once.
import { findCondition, hasCondition } from '#core/api/conditions.ts';
import { hasHandedOver, isUnderway, type Migration } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';
import type { Clock } from '#core/clock.ts';
import type { Events, Regarding, Turn } from '#core/kube/events.ts';

/** An end that is older was told by whoever led then. */
const newsMs = 60_000;
const action = 'Migrate';

/** What there is to tell by now, in its order. */
export function turnsOf(migration: Migration): Turn[] {
  const { spec, status = {} } = migration;
  if (spec.dryRun) return [];
  const itself = about({ apiVersion: groupVersion, kind: 'Migration', ...migration.metadata });
  const sourcePod = podOf(migration, status.source);
  const waiting = findCondition(status.conditions, 'Admitted');
  const turns: Turn[] =
    waiting?.status === 'False'
      ? [{ regarding: itself, type: 'Normal', action, reason: waiting.reason, note: waiting.message }]
      : [];
  for (const type of ['Admitted', 'Held', 'Claimed', 'Committed']) {
    const condition = findCondition(status.conditions, type);
    if (condition?.status === 'True')
      turns.push({ regarding: itself, type: 'Normal', action, reason: type, note: condition.message });
  }
  if (sourcePod !== undefined && hasCondition(status.conditions, 'Held')) {
    turns.push({
      regarding: sourcePod,
      related: itself,
      type: 'Normal',
      action,
      reason: 'Migrating',
      note: `Migration ${migration.metadata.name} moves the pod to another node (${spec.trigger})`,
    });
  }
  return [...turns, ...endOf(migration, itself)];
}

function endOf(migration: Migration, itself: Regarding): Turn[] {
  if (isUnderway(migration)) return [];
  const { spec, status: { conditions, source, target, freezeMs } = {} } = migration;
  const { status, reason = 'Unknown', message = '' } = findCondition(conditions, 'Succeeded') ?? {};
  const moved = status === 'True' && target !== undefined;
  const note = moved
    ? `${spec.podName} moved from ${source?.nodeName} to ${target.nodeName}; it stood still for ${freezeMs ?? '?'} ms`
    : message;
  const turn = { type: status === 'True' ? 'Normal' : 'Warning', action, reason, note } as const;
  const pod = podOf(migration, hasHandedOver(migration) && target !== undefined ? target : source);
  return [{ ...turn, regarding: itself }, ...(pod === undefined ? [] : [{ ...turn, regarding: pod, related: itself }])];
}

function podOf(
  { metadata: { namespace } }: Migration,
  pod: { name: string; uid?: string | undefined } | undefined,
): Regarding | undefined {
  return pod === undefined ? undefined : about({ apiVersion: 'v1', kind: 'Pod', namespace, ...pod });
}

function about({
  apiVersion,
  kind,
  name,
  namespace,
  uid,
}: {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string | undefined;
  uid?: string | undefined;
}): Regarding {
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

export class Story {
  readonly #events: Events;
  readonly #clock: Clock;
  /** Reasons that were told, by Migration UID. */
  readonly #told = new Map<string, Set<string>>();

  constructor(events: Events, clock: Clock) {
    this.#events = events;
    this.#clock = clock;
  }

  /** Tells what is new. */
  async tell(migration: Migration): Promise<void> {
    const {
      metadata: { uid = '' },
      status,
    } = migration;
    const isOver = !isUnderway(migration);
    if (isOver && this.#clock.date().getTime() - Date.parse(status?.finishedAt ?? '') > newsMs) {
      this.#told.delete(uid);
      return;
    }
    const told = this.#told.get(uid) ?? new Set();
    this.#told.set(uid, told);
    for (const turn of turnsOf(migration)) {
      const key = `${turn.regarding.kind} ${turn.reason}`;
      if (told.has(key)) continue;
      told.add(key);
      await this.#events.tell(turn);
    }
  }
}
