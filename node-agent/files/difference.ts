// What the next round has to carry: two snapshots of one tree, compared.
import { FileType, SnapshotCursor } from '#agent/files/snapshot.ts';

export type Paths = Pick<ReadonlySet<string>, 'has'>;

export interface Difference {
  /** Paths that are gone; nothing below a path that is listed itself. */
  removed: Buffer[];
  /** One byte per entry of the later snapshot: 1 when it has to be sent. */
  changed: Uint8Array;
}

/**
 * Compares the snapshot of the last round (undefined: nothing was sent yet) with a new one.
 * Regular files for whose latin1 path `always` holds count as changed; names of one file change together.
 */
export function difference(before: Buffer | undefined, now: Buffer, always?: Paths): Difference {
  const changed = new Uint8Array(now.readUInt32LE(12));
  if (before === undefined) return { removed: [], changed: changed.fill(1) };
  const removed = compare(before, now, changed);
  if (always !== undefined) markAlways(now, always, changed);
  markLinks(now, changed);
  return { removed, changed };
}

/** Merges both snapshots in tree order. While both cursors have the same depth, they stand below the same parent. */
function compare(before: Buffer, now: Buffer, changed: Uint8Array): Buffer[] {
  const removed: Buffer[] = [];
  const old = new SnapshotCursor(before);
  const fresh = new SnapshotCursor(now);
  let goneDepth = Infinity;
  while (!old.done || !fresh.done) {
    if (old.depth > goneDepth) {
      old.next();
      continue;
    }
    goneDepth = Infinity;
    const order = old.depth === fresh.depth ? 0 : fresh.depth - old.depth;
    if (order === 0 && old.unchanged(fresh)) {
      old.next();
      fresh.next();
      continue;
    }
    const side = order === 0 ? old.compareName(fresh) : order;
    if (side < 0) {
      removed.push(old.path());
      goneDepth = old.depth;
      old.next();
    } else if (side > 0) {
      changed[fresh.index] = 1;
      fresh.next();
    } else {
      if (!old.isWhiteout || !fresh.isWhiteout) changed[fresh.index] = 1;
      if (old.type === FileType.directory && fresh.type !== FileType.directory) goneDepth = old.depth;
      old.next();
      fresh.next();
    }
  }
  return removed;
}

function markAlways(now: Buffer, always: Paths, changed: Uint8Array): void {
  for (const entry = new SnapshotCursor(now); !entry.done; entry.next()) {
    if (entry.type === FileType.regular && always.has(entry.path().toString('latin1'))) changed[entry.index] = 1;
  }
}

/** A changed file is written anew on the target, so all its names have to be linked anew. */
function markLinks(now: Buffer, changed: Uint8Array): void {
  const names = new Map<string, number[]>();
  for (const entry = new SnapshotCursor(now); !entry.done; entry.next()) {
    if (entry.nlink < 2 || entry.type === FileType.directory || entry.isWhiteout) continue;
    const group = names.get(entry.inodeKey);
    if (group === undefined) names.set(entry.inodeKey, [entry.index]);
    else group.push(entry.index);
  }
  for (const group of names.values()) {
    if (group.some((index) => changed[index] === 1)) for (const index of group) changed[index] = 1;
  }
}
