// Reads a tree of changed files and turns what is new, changed or gone since the last round into frames of records.
import fs from 'node:fs';
import { GodwitError } from '#core/errors.ts';
import { filesAddon } from '#agent/files/addon.ts';
import { difference, type Paths } from '#agent/files/difference.ts';
import { blocksOf, contentOf } from '#agent/files/file-content.ts';
import { FrameBatch } from '#agent/files/frame-batch.ts';
import { rootIdentity } from '#agent/files/root-identity.ts';
import { hasErrno } from '#core/errno.ts';
import { ioError } from '#agent/files/io-error.ts';
import type { FileCounts, FileRoot, FrameSink, Round } from '#agent/files/port.ts';
import { maxContentBytes, type Extent, type FileRecord, type Stamp } from '#agent/files/records.ts';
import { blockBytes, blockwiseFromBytes, SentBlocks } from '#agent/files/sent-blocks.ts';
import { FileType, SnapshotCursor, typeOf, type EntryStat } from '#agent/files/snapshot.ts';
import { readEntryXattrs, type EntryXattrs } from '#agent/files/xattrs.ts';

/** What it means that an entry of a scan is not there any more, or is another one. */
const vanished = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EXDEV', 'ESTALE'];

/** Overhead of an extent in a record: its offset and length. */
const extentHeadBytes = 12;

/** One write call takes no longer than this, it is hoped: it sets a file's times when it begins. */
const longWriteMs = 30_000;

/** A write through a mapping of a tmpfs may change no times at all. */
const tmpfsMagic = 0x01021994;
const allPaths: Paths = { has: () => true };

/** One tree on the source; every call is synchronous between two frames, so it lives in a worker. */
export class TreeSource {
  readonly #root: FileRoot;
  readonly #rootFd: number;
  readonly #inMemory: boolean;
  #before: Buffer | undefined;
  /** Directories (latin1 paths) whose content the target no longer takes from the image. */
  #opaque = new Set<string>();
  readonly #blocks = new SentBlocks();

  constructor(root: FileRoot) {
    this.#root = root;
    try {
      this.#rootFd = fs.openSync(root.path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    } catch (error) {
      throw ioError(error, Buffer.from(root.path));
    }
    this.#inMemory = fs.statfsSync(root.path).type === tmpfsMagic;
  }

  close(): void {
    fs.closeSync(this.#rootFd);
  }

  measure(): FileCounts {
    const counts = { entries: 0, bytes: 0 };
    const linked = new Set<string>();
    for (const entry = new SnapshotCursor(this.#scan()); !entry.done; entry.next()) {
      counts.entries += 1;
      if (entry.type !== FileType.regular) continue;
      if (entry.nlink > 1 && linked.has(entry.inodeKey)) continue;
      if (entry.nlink > 1) linked.add(entry.inodeKey);
      const { sizeBytes, allocatedBytes } = entry.stat();
      counts.bytes += Math.min(sizeBytes, allocatedBytes);
    }
    return counts;
  }

  /** One round; after a failure the source must not be used again, since nobody knows what the target has. */
  async send(sink: FrameSink, { always, open, last }: Round): Promise<FileCounts> {
    const now = this.#scan();
    const { removed, changed } = difference(this.#before, now, last && this.#inMemory ? allPaths : always);
    const batch = new FrameBatch(sink);
    if (this.#before === undefined) await batch.add({ kind: 'origin', identity: rootIdentity(this.#rootFd) });
    for (const path of removed) await this.#sendRemoval(path, batch);
    if (changed.includes(1)) await this.#sendChanged(now, changed, open, batch);
    await batch.flush();
    // The first real comparison may be the one inside the freeze: let the compiler have seen it before.
    if (this.#before === undefined) difference(now, now, new Set(['']));
    this.#before = now;
    return batch.counts;
  }

  #scan(): Buffer {
    try {
      return filesAddon.scan(this.#rootFd);
    } catch (error) {
      if (hasErrno(error, ['ENAMETOOLONG']))
        throw new GodwitError('ERR_FILES_LIMIT', 'a path is longer than 4095 bytes', { cause: error });
      throw ioError(error, Buffer.from(this.#root.path));
    }
  }

  async #sendChanged(now: Buffer, changed: Uint8Array, open: ReadonlySet<string>, batch: FrameBatch): Promise<void> {
    const links = new Map<string, Buffer>();
    // Everything deeper than these belongs to a directory that the target has just emptied, or does not have.
    let emptiedDepth = Infinity;
    let vanishedDepth = Infinity;
    for (const entry = new SnapshotCursor(now); !entry.done; entry.next()) {
      if (entry.depth <= emptiedDepth) emptiedDepth = Infinity;
      if (entry.depth <= vanishedDepth) vanishedDepth = Infinity;
      if (vanishedDepth !== Infinity) {
        entry.markStale();
        continue;
      }
      if (changed[entry.index] !== 1 && emptiedDepth === Infinity) continue;
      const path = entry.path();
      const isLinked = entry.nlink > 1 && entry.type !== FileType.directory && !entry.isWhiteout;
      const key = isLinked ? entry.inodeKey : '';
      const target = links.get(key);
      if (target !== undefined) {
        this.#blocks.forget(path);
        await batch.add({ kind: 'link', path, target });
      } else {
        const sent = await this.#sendEntry(path, entry.stat(), batch);
        if (sent === 'vanished') {
          vanishedDepth = entry.depth;
          entry.markStale();
        } else if (isLinked) links.set(key, path);
        if (sent === 'emptied' && emptiedDepth === Infinity) emptiedDepth = entry.depth;
      }
      const isOpen = open.size > 0 && open.has(path.toString('latin1'));
      if (entry.isRacy(isOpen ? longWriteMs : undefined)) entry.markStale();
    }
  }

  async #sendEntry(path: Buffer, stat: EntryStat, batch: FrameBatch): Promise<'sent' | 'emptied' | 'vanished'> {
    const type = typeOf(stat.mode);
    if (type === FileType.char && stat.rdevMajor === 0 && stat.rdevMinor === 0) {
      await this.#sendWhiteout(path, batch);
      return 'sent';
    }
    const fd = openEntry(this.#rootFd, path, stat.ino, type);
    if (fd === undefined) {
      // Whatever the target has there is not what the snapshot says: the next round begins from nothing.
      await this.#sendRemoval(path, batch);
      return 'vanished';
    }
    try {
      const xattrs = readEntryXattrs(readPackedXattrs(fd, path), path);
      if (xattrs.whiteout && type === FileType.regular) await this.#sendWhiteout(path, batch);
      else if (type === FileType.regular) await this.#sendFile(fd, path, stat, stampOf(stat, xattrs), batch);
      else if (type === FileType.directory) return await this.#sendDirectory(path, stat, xattrs, batch);
      else {
        this.#blocks.forget(path);
        await batch.add(otherRecord(fd, path, stat, type, stampOf(stat, xattrs)));
      }
      return 'sent';
    } finally {
      fs.closeSync(fd);
    }
  }

  async #sendWhiteout(path: Buffer, batch: FrameBatch): Promise<void> {
    if (this.#root.kind === 'directory') {
      throw new GodwitError('ERR_FILES_OVERLAY', 'a directory to be mirrored holds the layers of another overlay', {
        details: { path: path.toString() },
      });
    }
    await this.#sendRemoval(path, batch);
  }

  async #sendRemoval(path: Buffer, batch: FrameBatch): Promise<void> {
    this.#blocks.forget(path);
    await batch.add({ kind: 'remove', path });
  }

  async #sendFile(fd: number, path: Buffer, stat: EntryStat, stamp: Stamp, batch: FrameBatch): Promise<void> {
    if (stat.sizeBytes < (this.#inMemory ? 1 : blockwiseFromBytes) || stat.nlink > 1) {
      this.#blocks.forget(path);
      await sendExtents({ path, stat, stamp, fresh: true }, contentOf(fd, stat, path), batch);
      return;
    }
    const fresh = !this.#blocks.has(path, stat.ino);
    const blocks = blocksOf(fd, stat, path, blockBytes);
    if (fresh) this.#blocks.forget(path);
    await sendExtents(
      { path, stat, stamp, fresh },
      this.#blocks.difference(path, stat.ino, stat.sizeBytes, blocks),
      batch,
    );
  }

  /** `emptied`: the target forgets what the directory held, so everything below has to be sent again. */
  async #sendDirectory(
    path: Buffer,
    stat: EntryStat,
    xattrs: EntryXattrs,
    batch: FrameBatch,
  ): Promise<'sent' | 'emptied'> {
    const key = path.toString('latin1');
    const isMirrorRoot = this.#root.kind === 'directory' && path.length === 0;
    const isOpaque = isMirrorRoot || (this.#root.kind === 'overlay-upper' && xattrs.opaque);
    const emptied = isOpaque && !this.#opaque.has(key);
    if (isOpaque) this.#opaque.add(key);
    else this.#opaque.delete(key);
    if (emptied) this.#blocks.forget(path);
    await batch.add({ kind: 'directory', path, stamp: stampOf(stat, xattrs), emptied });
    return emptied ? 'emptied' : 'sent';
  }
}

/** Undefined when the entry of the scan has gone or been replaced since. */
function openEntry(rootFd: number, path: Buffer, ino: bigint, type: number): number | undefined {
  try {
    return type === FileType.regular
      ? filesAddon.openFile(rootFd, path, ino, false)
      : filesAddon.openPath(rootFd, path, ino);
  } catch (error) {
    if (hasErrno(error, vanished)) return undefined;
    throw ioError(error, path);
  }
}

function readPackedXattrs(fd: number, path: Buffer): Buffer | undefined {
  try {
    return filesAddon.xattrs(fd);
  } catch (error) {
    throw ioError(error, path);
  }
}

const permissionMask = 0o7777;

function stampOf(stat: EntryStat, xattrs: EntryXattrs): Stamp {
  const { uid, gid, mtimeSeconds, mtimeNanoseconds } = stat;
  return { mode: stat.mode & permissionMask, uid, gid, mtimeSeconds, mtimeNanoseconds, xattrs: xattrs.moved };
}

function otherRecord(fd: number, path: Buffer, stat: EntryStat, type: number, stamp: Stamp): FileRecord {
  if (type === FileType.symlink) return { kind: 'symlink', path, stamp, target: filesAddon.readLink(fd) };
  return { kind: 'node', path, stamp, type, rdevMajor: stat.rdevMajor, rdevMinor: stat.rdevMinor };
}

/** Sends content in as many records as it needs; the last one carries the stamp. */
async function sendExtents(
  file: { path: Buffer; stat: EntryStat; stamp: Stamp; fresh: boolean },
  content: Iterable<Extent>,
  batch: FrameBatch,
): Promise<void> {
  const {
    path,
    stamp,
    stat: { sizeBytes },
  } = file;
  let { fresh } = file;
  let extents: Extent[] = [];
  let room = maxContentBytes;
  for (const extent of content) {
    const cost = extent.bytes.length + extentHeadBytes;
    if (cost > room && extents.length > 0) {
      await batch.add({ kind: 'file', path, fresh, sizeBytes, stamp: undefined, extents });
      fresh = false;
      extents = [];
      room = maxContentBytes;
    }
    extents.push(extent);
    room -= cost;
  }
  await batch.add({ kind: 'file', path, fresh, sizeBytes, stamp, extents });
}
