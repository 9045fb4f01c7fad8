// Writes records below a root, whatever they say never outside of it, and keeps the times of directories it passes
// through.
import fs from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { filesAddon } from '#agent/files/addon.ts';
import { DirectoryTimes } from '#agent/files/directory-times.ts';
import { malformed } from '#agent/files/frame-bytes.ts';
import { hasErrno } from '#core/errno.ts';
import { ioError } from '#agent/files/io-error.ts';
import { splitPath } from '#agent/files/paths.ts';
import type { FileCounts, FileLimits, ReceiverOptions } from '#agent/files/port.ts';
import { ReceivedLedger } from '#agent/files/received-ledger.ts';
import { countRecord } from '#agent/files/record-counts.ts';
import { decodeFrame, type FileRecord, type Stamp } from '#agent/files/records.ts';
import { rootIdentity } from '#agent/files/root-identity.ts';
import { FileType, typeOf } from '#agent/files/snapshot.ts';

/** What only a record that does not fit the tree meets: a symlink, a mount or a file where a directory has to be. */
const escapes = ['ELOOP', 'EXDEV', 'ENOTDIR', 'ENOENT', 'ESTALE', 'ENAMETOOLONG', 'EINVAL'];

/**
 * Whatever stands at a path now, nothing of ours is to be removed there: another file system is mounted, or somebody
 * uses it.
 */
const notOurs = ['EXDEV', 'EBUSY', 'ENOTEMPTY'];

type RecordOf<K extends FileRecord['kind']> = FileRecord & { kind: K };

/** One tree on the target; every call is synchronous, so it lives in a worker. */
export class TreeTarget {
  readonly #root: string;
  readonly #rootFd: number;
  readonly #limits: FileLimits;
  #counts: FileCounts = { entries: 0, bytes: 0 };
  #times: DirectoryTimes;
  readonly #ledger: ReceivedLedger | undefined;
  readonly #mounted: readonly Buffer[];

  constructor(root: string, { limits, ledger, mounted = [] }: ReceiverOptions) {
    try {
      this.#rootFd = fs.openSync(root, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    } catch (error) {
      throw ioError(error, Buffer.from(root));
    }
    this.#root = root;
    this.#limits = limits;
    this.#mounted = mounted.map((path) => Buffer.from(path));
    this.#ledger = ledger === undefined ? undefined : new ReceivedLedger(ledger);
    this.#times = new DirectoryTimes(this.#rootFd);
  }

  close(): void {
    fs.closeSync(this.#rootFd);
    this.#ledger?.close();
  }

  /** Nothing of a frame is applied unless all of it is well-formed and within the limits. */
  apply(frame: Buffer): void {
    const records = decodeFrame(frame);
    const counts = { ...this.#counts };
    for (const record of records) countRecord(counts, record);
    const { maxEntries, maxBytes } = this.#limits;
    if (counts.entries > maxEntries || counts.bytes > maxBytes) {
      throw new GodwitError('ERR_FILES_LIMIT', 'more changed files than agreed', {
        details: { ...counts, maxEntries, maxBytes },
      });
    }
    this.#counts = counts;
    this.#writeDown(records);
    for (const record of records) this.#applyRecord(record);
  }

  /** Ends a round: returns its counts, and the limits begin anew. */
  finish(): FileCounts {
    this.#times.restore();
    const counts = this.#counts;
    this.#counts = { entries: 0, bytes: 0 };
    return counts;
  }

  /** Removes what was made here. A mount of somebody else stays where it is. */
  undo(): FileCounts {
    const counts = { entries: 0, bytes: 0 };
    for (const path of this.#ledger?.made() ?? []) {
      try {
        this.#remove(path);
        counts.entries += 1;
      } catch (error) {
        if (!hasErrno(error, notOurs)) throw ioError(error, path);
      }
    }
    return counts;
  }

  /** Names what the records are about to make, if it is not in something that was made before. */
  #writeDown(records: readonly FileRecord[]): void {
    if (this.#ledger === undefined) return;
    let isNew = false;
    for (const record of records) {
      if (!makes(record) || this.#ledger.covers(record.path) || this.#exists(record.path)) continue;
      this.#ledger.add(record.path);
      isNew = true;
    }
    if (isNew) this.#ledger.sync();
  }

  #exists(path: Buffer): boolean {
    try {
      fs.closeSync(filesAddon.openPath(this.#rootFd, path, 0n));
      return true;
    } catch (error) {
      return !hasErrno(error, ['ENOENT', 'ENOTDIR']);
    }
  }

  #applyRecord(record: FileRecord): void {
    if (record.kind === 'origin') {
      this.#checkOrigin(record.identity);
      return;
    }
    try {
      this.#write(record);
    } catch (error) {
      throw ioError(error, record.path, hasErrno(error, escapes) ? 'ERR_FILES_INVALID' : 'ERR_FILES_IO', this.#root);
    }
  }

  #checkOrigin(identity: Buffer): void {
    if (identity.equals(rootIdentity(this.#rootFd)))
      throw new GodwitError('ERR_FILES_SAME_ROOT', 'the files come from the directory they go to');
  }

  #write(record: Exclude<FileRecord, RecordOf<'origin'>>): void {
    switch (record.kind) {
      case 'remove':
        this.#remove(record.path);
        break;
      case 'directory':
        this.#writeDirectory(record);
        break;
      case 'file':
        this.#writeFile(record);
        break;
      case 'symlink':
        this.#replace(record.path, (parentFd, name) => filesAddon.createSymlink(parentFd, name, record.target));
        this.#stamp(record.path, record.stamp);
        break;
      case 'node':
        this.#replace(record.path, (parentFd, name) =>
          filesAddon.createNode(parentFd, name, record.type, record.rdevMajor, record.rdevMinor),
        );
        this.#stamp(record.path, record.stamp);
        break;
      case 'link':
        this.#writeLink(record);
    }
  }

  #remove(path: Buffer): void {
    try {
      this.#inParent(path, (parentFd, name) => filesAddon.remove(parentFd, name));
    } catch (error) {
      // A parent that is not there, or is no directory: then nothing is at the path.
      if (!hasErrno(error, ['ENOENT', 'ENOTDIR'])) throw error;
    }
  }

  #writeDirectory({ path, stamp, emptied }: RecordOf<'directory'>): void {
    if (!this.#isDirectory(path))
      this.#replace(path, (parentFd, name) => filesAddon.createNode(parentFd, name, FileType.directory, 0, 0));
    else if (emptied) this.#empty(path);
    this.#stamp(path, stamp);
    this.#times.set(path, stamp.mtimeSeconds, stamp.mtimeNanoseconds);
  }

  /**
   * What is mounted elsewhere stays, with the directories on the way to it: another one of that name would not be seen
   * there.
   */
  #empty(path: Buffer): void {
    if (!this.#mounted.some((mounted) => isBelow(mounted, path))) {
      filesAddon.empty(this.#rootFd, path);
      return;
    }
    for (const name of this.#namesIn(path)) {
      const entry = path.length === 0 ? name : Buffer.concat([path, slash, name]);
      const stays = this.#mounted.some((mounted) => mounted.equals(entry) || isBelow(mounted, entry));
      if (stays && this.#isDirectory(entry)) this.#empty(entry);
      else this.#remove(entry);
    }
  }

  #namesIn(path: Buffer): Buffer[] {
    const fd = filesAddon.openPath(this.#rootFd, path, 0n);
    try {
      return fs.readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
    } finally {
      fs.closeSync(fd);
    }
  }

  #writeFile({ path, fresh, sizeBytes, stamp, extents }: RecordOf<'file'>): void {
    const fd = fresh
      ? this.#replace(path, (parentFd, name) => filesAddon.createFile(parentFd, name))
      : filesAddon.openFile(this.#rootFd, path, 0n, true);
    try {
      if (fs.fstatSync(fd).size !== sizeBytes) fs.ftruncateSync(fd, sizeBytes);
      for (const { offset, bytes } of extents) writeAll(fd, bytes, offset);
      if (stamp !== undefined) stampFd(fd, stamp);
    } finally {
      fs.closeSync(fd);
    }
  }

  #writeLink({ path, target }: RecordOf<'link'>): void {
    if (path.equals(target)) throw malformed('a link to itself');
    const fd = filesAddon.openPath(this.#rootFd, target, 0n);
    try {
      if (fs.fstatSync(fd).isDirectory()) throw malformed('a hard link to a directory');
      this.#replace(path, (parentFd, name) => filesAddon.createLink(parentFd, name, fd));
    } finally {
      fs.closeSync(fd);
    }
  }

  #isDirectory(path: Buffer): boolean {
    let fd: number;
    try {
      fd = filesAddon.openPath(this.#rootFd, path, 0n);
    } catch (error) {
      if (hasErrno(error, ['ENOENT'])) return false;
      throw error;
    }
    try {
      return typeOf(fs.fstatSync(fd).mode) === FileType.directory;
    } finally {
      fs.closeSync(fd);
    }
  }

  /** Makes something new at a path after removing what was there. */
  #replace<T>(path: Buffer, make: (parentFd: number, name: Buffer) => T): T {
    return this.#inParent(path, (parentFd, name) => {
      try {
        return make(parentFd, name);
      } catch (error) {
        if (!hasErrno(error, ['EEXIST'])) throw error;
      }
      filesAddon.remove(parentFd, name);
      return make(parentFd, name);
    });
  }

  #inParent<T>(path: Buffer, work: (parentFd: number, name: Buffer) => T): T {
    const { parent, name } = splitPath(path);
    const fd = filesAddon.openPath(this.#rootFd, parent, 0n);
    try {
      this.#times.keep(parent, fd);
      return work(fd, name);
    } finally {
      fs.closeSync(fd);
    }
  }

  #stamp(path: Buffer, stamp: Stamp): void {
    const fd = filesAddon.openPath(this.#rootFd, path, 0n);
    try {
      stampFd(fd, stamp);
    } finally {
      fs.closeSync(fd);
    }
  }
}

const slash = Buffer.from('/');

/** Whether a path lies in a directory; the root's own path is empty. */
function isBelow(path: Buffer, directory: Buffer): boolean {
  if (directory.length === 0) return path.length > 0;
  return (
    path.length > directory.length &&
    path[directory.length] === slash[0] &&
    path.subarray(0, directory.length).equals(directory)
  );
}

function makes(record: FileRecord): record is Exclude<FileRecord, RecordOf<'origin'>> {
  if (record.kind === 'origin' || record.kind === 'remove' || record.path.length === 0) return false;
  return record.kind !== 'file' || record.fresh;
}

function stampFd(fd: number, { mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs }: Stamp): void {
  filesAddon.stamp(fd, mode, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs);
}

function writeAll(fd: number, bytes: Buffer, offset: number): void {
  for (let at = 0; at < bytes.length;) at += fs.writeSync(fd, bytes, at, bytes.length - at, offset + at);
}
