// The file mover's system calls (native/files-addon.c) with types; synchronous, for worker threads only.
import { createRequire } from 'node:module';

/**
 * Errors carry the errno name as `code`. Paths and names are bytes; paths are relative to a root and never leave it.
 */
export interface FilesAddon {
  /** A snapshot of the tree below the directory `rootFd`; see snapshot.ts. */
  scan(rootFd: number): Buffer;
  /** An fd that only stands for the entry, of any type; ESTALE when `ino` is not 0n and not the entry's. */
  openPath(rootFd: number, path: Buffer, ino: bigint): number;
  /** An fd of a regular file; ESTALE for other types and other inodes, which are never opened. */
  openFile(rootFd: number, path: Buffer, ino: bigint, write: boolean): number;
  readLink(fd: number): Buffer;
  /** Offset of the next hole or data at or after `offset`; -1 when there is no more data. */
  seek(fd: number, offset: number, hole: boolean): number;
  /** Packed attributes (xattrs.ts): the moved names and trusted.overlay.*; undefined when there are none. */
  xattrs(fd: number): Buffer | undefined;
  /** Sets owner, exactly these attributes, mode (but of symlinks) and modification time. */
  stamp(
    fd: number,
    mode: number,
    uid: number,
    gid: number,
    mtimeSeconds: number,
    mtimeNanoseconds: number,
    xattrs: Buffer,
  ): void;
  setTime(fd: number, mtimeSeconds: number, mtimeNanoseconds: number): void;
  createFile(parentFd: number, name: Buffer): number;
  createNode(parentFd: number, name: Buffer, mode: number, rdevMajor: number, rdevMinor: number): void;
  createSymlink(parentFd: number, name: Buffer, target: Buffer): void;
  createLink(parentFd: number, name: Buffer, fd: number): void;
  /** Removes a file or a whole directory, never across a mount; nothing there is no error. */
  remove(parentFd: number, name: Buffer): void;
  /** Removes everything in a directory, never across a mount. */
  empty(rootFd: number, path: Buffer): void;
}

export const filesAddon: FilesAddon = createRequire(import.meta.url)('../../build/godwit-files.node');
