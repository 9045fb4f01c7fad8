// What the engine asks of the file mover: a container's changed files, scanned, compared, sent and applied.

/** Where a tree of changed files is read from. */
export type FileRoot =
  /**
   * Upper directory of an overlay: whiteouts and opaque directories are deletions below it. Needs an overlay with
   * redirect_dir=off, metacopy=off and without userxattr, else ERR_FILES_OVERLAY.
   */
  | { kind: 'overlay-upper'; path: string }
  /**
   * A plain directory that belongs to the container (bind mount): mirrored as it is. What the target's directory held
   * before the first round is removed; ERR_FILES_SAME_ROOT when both are one directory of one kernel.
   */
  | { kind: 'directory'; path: string };

/**
 * Sends one encoded frame of file records (at most 1 MiB each); resolves when the peer may take more. Called one at a
 * time.
 */
export type FrameSink = (frame: Buffer) => Promise<void>;

/** What a round has to know of files that change without new times. Paths are as in `send`. */
export interface Round {
  /** To be sent again even if they look unchanged. */
  always: ReadonlySet<string>;
  /** Open for writing: what one write call puts there may come long after the file's new times. */
  open: ReadonlySet<string>;
  /** Nothing changes any more. */
  last: boolean;
}

export interface FileCounts {
  entries: number;
  bytes: number;
}

/**
 * Source side: one per root; remembers what was sent. Work runs off the event loop. Calls run one after the other.
 * After a failed `send` it refuses further calls with that error, since nobody knows what the target has: begin with a
 * new pair.
 */
export interface FileSender extends AsyncDisposable {
  /** Number and size of what a first `send` would carry; for preflight and progress. */
  measure(): Promise<FileCounts>;
  /**
   * Scans the root and sends everything that is new, changed or gone since the last `send` (all of it the first time).
   * Paths in `round` are relative to the root, one character a byte (latin1), since names need not be UTF-8.
   * Other mounts below the root are left out. Counts are of what was sent: content bytes, without holes.
   */
  send(sink: FrameSink, round?: Round): Promise<FileCounts>;
}

/**
 * Target side, of one sender: writes records below `root` (a mounted root or a directory), never outside it whatever
 * the records say.
 */
export interface FileReceiver extends AsyncDisposable {
  /**
   * Applies one frame; rejects with ERR_FILES_INVALID for a malformed or escaping record, ERR_FILES_LIMIT beyond
   * limits.
   */
  apply(frame: Buffer): Promise<void>;
  /** All frames of a round were given: directory times and modes are final when this resolves. */
  finish(): Promise<FileCounts>;
}

/** For one round; a receiver's count begins anew after `finish`. */
export interface FileLimits {
  maxEntries: number;
  maxBytes: number;
}

export interface ReceiverOptions {
  limits: FileLimits;
  /** File that says what was made here, for `undoReceived`. */
  ledger?: string | undefined;
  /** Directories, relative to the root, that are mounted elsewhere: emptied with the root, and not removed. */
  mounted?: readonly string[];
}

export interface FilePort {
  sender(root: FileRoot): FileSender;
  receiver(root: string, options: ReceiverOptions): FileReceiver;
}
