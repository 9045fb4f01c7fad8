// Whether new connections may come to a stable address: as its pod says, and on while it moves, since they are parked
// then.
import { byAge, hasHandedOver, isUnderway, movesPod, type Migration } from '#core/api/migration.ts';
import { isFinished, isPodReady, type Pod } from '#core/api/pod.ts';
import type { StableIP } from '#core/api/stable-ip.ts';

/**
 * The kubelet of the target asks the probes anew; for so long after a move the program counts as ready as it was
 * before.
 */
const settleMs = 60_000;

export interface ServingFacts {
  /** The pod that holds the address; undefined when its object is gone. */
  holder: Pod | undefined;
  /** The move of its workload that counts, see `moveOf`. */
  move: Migration | undefined;
  /** Whether the address was told to serve last; undefined when nothing was told of it. */
  served: boolean | undefined;
  now: Date;
}

export interface Serving {
  serving: boolean;
  terminating: boolean;
}

/** Undefined: there is no endpoint. */
export function servingOf({ holder, move, served = true, now }: ServingFacts): Serving | undefined {
  const moving = move !== undefined && (isUnderway(move) || settlingMs(move, now) > 0);
  if (holder === undefined || isFinished(holder)) return moving ? { serving: served, terminating: false } : undefined;
  const ready = isPodReady(holder);
  if (moving && movesPod(move, holder.metadata.uid)) return { serving: ready, terminating: false };
  return {
    serving: ready || (moving && served && isStarting(holder)),
    terminating: holder.metadata.deletionTimestamp !== undefined,
  };
}

/**
 * The move underway, else the newest; by lineage, and by the pod before the lineage is known. Dry runs do not count.
 */
export function moveOf({ spec, status }: StableIP, migrations: readonly Migration[]): Migration | undefined {
  const moves = migrations
    .filter(
      (migration) =>
        !migration.spec.dryRun &&
        (migration.status?.lineage === spec.workload.lineage || movesPod(migration, status?.holder?.uid)),
    )
    .toSorted(byAge);
  return moves.find(isUnderway) ?? moves[0];
}

/** How long a move that has succeeded still counts; 0 for all others. */
export function settlingMs(migration: Migration, now: Date): number {
  const { finishedAt } = migration.status ?? {};
  if (!hasHandedOver(migration) || finishedAt === undefined) return 0;
  return Math.max(0, Date.parse(finishedAt) + settleMs - now.getTime());
}

/** Not ready since before its containers ran: nobody has asked its probes yet. Both times are the kubelet's. */
function isStarting({ status }: Pod): boolean {
  const since = status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '';
  return (status?.containerStatuses ?? []).every(
    ({ state }) => state?.terminated === undefined && since <= (state?.running?.startedAt ?? since),
  );
}
