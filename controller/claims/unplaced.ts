// Replacements that were claimed and that the scheduler has not placed yet: each may arrive at any of its candidates.
import type { Migration } from '#core/api/migration.ts';
import type { Clock } from '#core/clock.ts';

/** One that has found no place by then keeps nobody waiting any more. */
const placementMs = 10_000;

export class Unplaced {
  readonly #clock: Clock;
  /** By the UID of the Migration. */
  readonly #claims = new Map<string, { nodes: readonly string[]; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(migrationUid: string, nodes: readonly string[]): void {
    this.#claims.set(migrationUid, { nodes, atMs: this.#clock.nowMs() });
  }

  /** It was not claimed after all. */
  remove(migrationUid: string): void {
    this.#claims.delete(migrationUid);
  }

  /** How many others may yet arrive at each node; those that have are `underway` with their node. */
  countsFor(migrationUid: string, underway: readonly Migration[]): Map<string, number> {
    const targets = new Map(underway.map(({ metadata, status }) => [metadata.uid ?? '', status?.target]));
    const counts = new Map<string, number>();
    for (const [uid, { nodes, atMs }] of this.#claims) {
      const isOver =
        !targets.has(uid) || targets.get(uid)?.nodeName !== undefined || this.#clock.nowMs() - atMs > placementMs;
      if (isOver) this.#claims.delete(uid);
      else if (uid !== migrationUid) for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    return counts;
  }
}
