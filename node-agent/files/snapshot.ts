// Reads the packed snapshots of native/files/snapshot.h: one record per entry, in tree order, names sorted by bytes.

const headBytes = 16;
const nameOffset = 96;
/** From here to the end of a record: all that tells a changed entry; before it: length, depth, allocated bytes. */
const comparedOffset = 16;

const typeMask = 0o170000;

/** File type bits of a mode, as in stat(2). */
export const FileType = {
  fifo: 0o010000,
  char: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  regular: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

/** What a snapshot knows of one entry. */
export interface EntryStat {
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  ino: bigint;
  sizeBytes: number;
  /** Space it takes; less than its size when it has holes. */
  allocatedBytes: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  rdevMajor: number;
  rdevMinor: number;
}

/** Walks a snapshot from the root entry on; `done` after the last one. */
export class SnapshotCursor {
  readonly #snapshot: Buffer;
  readonly #names: number[] = [];
  #offset = headBytes;
  index = 0;
  depth = 0;
  #end = 0;

  constructor(snapshot: Buffer) {
    this.#snapshot = snapshot;
    this.#load();
  }

  get done(): boolean {
    return this.#offset >= this.#snapshot.length;
  }

  next(): void {
    this.#offset = this.#end;
    this.index += 1;
    this.#load();
  }

  #load(): void {
    if (this.done) {
      this.depth = -1;
      return;
    }
    this.#end = this.#offset + this.#snapshot.readUInt32LE(this.#offset);
    this.depth = this.#snapshot.readUInt32LE(this.#offset + 4);
    this.#names[this.depth] = this.#offset;
  }

  get type(): number {
    return this.#snapshot.readUInt32LE(this.#offset + 56) & typeMask;
  }

  /** A whiteout of an overlay: a character device 0/0. All whiteouts may be names of one file. */
  get isWhiteout(): boolean {
    const at = this.#offset;
    return (
      this.type === FileType.char &&
      this.#snapshot.readUInt32LE(at + 72) === 0 &&
      this.#snapshot.readUInt32LE(at + 76) === 0
    );
  }

  get nlink(): number {
    return this.#snapshot.readUInt32LE(this.#offset + 68);
  }

  /** Same text for two names of one file. */
  get inodeKey(): string {
    return (
      this.#snapshot.toString('latin1', this.#offset + 80, this.#offset + 88) +
      this.#snapshot.toString('latin1', this.#offset + 16, this.#offset + 24)
    );
  }

  /** Names of the path from the root to here, joined by slashes; empty for the root. */
  path(): Buffer {
    const parts: Buffer[] = [];
    for (let depth = 1; depth <= this.depth; depth += 1) {
      if (depth > 1) parts.push(slash);
      parts.push(nameAt(this.#snapshot, this.#names[depth] ?? 0));
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  stat(): EntryStat {
    const at = this.#offset;
    const data = this.#snapshot;
    return {
      mode: data.readUInt32LE(at + 56),
      uid: data.readUInt32LE(at + 60),
      gid: data.readUInt32LE(at + 64),
      nlink: data.readUInt32LE(at + 68),
      ino: data.readBigUInt64LE(at + 16),
      sizeBytes: Number(data.readBigUInt64LE(at + 24)),
      allocatedBytes: Number(data.readBigUInt64LE(at + 8)),
      mtimeSeconds: Number(data.readBigInt64LE(at + 32)),
      mtimeNanoseconds: data.readUInt32LE(at + 48),
      rdevMajor: data.readUInt32LE(at + 72),
      rdevMinor: data.readUInt32LE(at + 76),
    };
  }

  /** Whether both stand on entries that are equal in name and in everything that tells a change. */
  unchanged(other: SnapshotCursor): boolean {
    return (
      this.#end - this.#offset === other.#end - other.#offset &&
      this.#snapshot.compare(
        other.#snapshot,
        other.#offset + comparedOffset,
        other.#end,
        this.#offset + comparedOffset,
        this.#end,
      ) === 0
    );
  }

  /** Order of the names of two entries with the same parent: negative when this one comes first. */
  compareName(other: SnapshotCursor): number {
    const length = this.#snapshot.readUInt32LE(this.#offset + 88);
    const otherLength = other.#snapshot.readUInt32LE(other.#offset + 88);
    const start = this.#offset + nameOffset;
    const otherStart = other.#offset + nameOffset;
    return this.#snapshot.compare(other.#snapshot, otherStart, otherStart + otherLength, start, start + length);
  }

  /** Whether the entry may change once more without a new ctime, because it changed within `marginMs` of the scan. */
  isRacy(marginMs = clockTickMs): boolean {
    const takenMs = Number(this.#snapshot.readBigInt64LE(0)) * 1000 + this.#snapshot.readUInt32LE(8) / 1e6;
    const ctimeMs =
      Number(this.#snapshot.readBigInt64LE(this.#offset + 40)) * 1000 +
      this.#snapshot.readUInt32LE(this.#offset + 52) / 1e6;
    return ctimeMs > takenMs - marginMs;
  }

  /** Makes the entry differ from every later scan of it, so that it is sent again. */
  markStale(): void {
    this.#snapshot.fill(0, this.#offset + 16, this.#offset + 24);
  }
}

/** Timestamps of files advance in steps of at most one tick at 100 Hz; two for the reading of the clock. */
const clockTickMs = 20;

const slash = Buffer.from('/');

function nameAt(snapshot: Buffer, offset: number): Buffer {
  const length = snapshot.readUInt32LE(offset + 88);
  return snapshot.subarray(offset + nameOffset, offset + nameOffset + length);
}

/** File type bits of a mode. */
export function typeOf(mode: number): number {
  return mode & typeMask;
}
