// Directories get their modification time back after entries below them were written.
import fs from 'node:fs';
import { filesAddon } from '#agent/files/addon.ts';
import { hasErrno } from '#core/errno.ts';
import { ioError } from '#agent/files/io-error.ts';

interface DirectoryTime {
  path: Buffer;
  seconds: number;
  nanoseconds: number;
}

const nanosecondsPerSecond = 1_000_000_000n;

/** Times to restore at the end of a round, by path below a root. */
export class DirectoryTimes {
  readonly #rootFd: number;
  readonly #times = new Map<string, DirectoryTime>();

  constructor(rootFd: number) {
    this.#rootFd = rootFd;
  }

  /** Before a directory's entries change: its time now is the one to restore, unless one is known already. */
  keep(path: Buffer, fd: number): void {
    const key = path.toString('latin1');
    if (this.#times.has(key)) return;
    const { mtimeNs } = fs.fstatSync(fd, { bigint: true });
    const nanoseconds = BigInt.asUintN(
      64,
      ((mtimeNs % nanosecondsPerSecond) + nanosecondsPerSecond) % nanosecondsPerSecond,
    );
    this.#times.set(key, {
      path: Buffer.from(path),
      seconds: Number((mtimeNs - nanoseconds) / nanosecondsPerSecond),
      nanoseconds: Number(nanoseconds),
    });
  }

  /** The time that a record gives. */
  set(path: Buffer, seconds: number, nanoseconds: number): void {
    this.#times.set(path.toString('latin1'), { path: Buffer.from(path), seconds, nanoseconds });
  }

  /** Gives all directories that still exist their times, and forgets them. */
  restore(): void {
    for (const { path, seconds, nanoseconds } of this.#times.values()) {
      try {
        const fd = filesAddon.openPath(this.#rootFd, path, 0n);
        try {
          if (fs.fstatSync(fd).isDirectory()) filesAddon.setTime(fd, seconds, nanoseconds);
        } finally {
          fs.closeSync(fd);
        }
      } catch (error) {
        // Removed, or replaced by something else, later in the round.
        if (!hasErrno(error, ['ENOENT', 'ENOTDIR', 'ELOOP'])) throw ioError(error, path);
      }
    }
    this.#times.clear();
  }
}
