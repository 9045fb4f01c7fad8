// For tests: everything that two trees have to have in common, as text that a failing comparison can show.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { filesAddon } from '#agent/files/addon.ts';
import { SnapshotCursor, typeOf, FileType } from '#agent/files/snapshot.ts';
import { isMoved, unpackXattrs } from '#agent/files/xattrs.ts';

/**
 * A line for each entry, by path (latin1): type, mode, owner, time, device, content, target, attributes, other names.
 */
export function listTree(root: string): Record<string, string> {
  const rootFd = fs.openSync(root, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    const lines: Record<string, string> = {};
    const firstNames = new Map<string, string>();
    for (const entry = new SnapshotCursor(filesAddon.scan(rootFd)); !entry.done; entry.next()) {
      const path = entry.path();
      const text = path.toString('latin1');
      const isLinked = entry.nlink > 1 && entry.type !== FileType.directory;
      const first = isLinked ? (firstNames.get(entry.inodeKey) ?? text) : '';
      if (isLinked) firstNames.set(entry.inodeKey, first);
      lines[text === '' ? '.' : text] = `${describe(rootFd, path)} links ${isLinked ? entry.nlink : 1} ${first}`;
    }
    return lines;
  } finally {
    fs.closeSync(rootFd);
  }
}

function describe(rootFd: number, path: Buffer): string {
  const fd = filesAddon.openPath(rootFd, path, 0n);
  try {
    const { mode, uid, gid, mtimeNs, size, rdev } = fs.fstatSync(fd, { bigint: true });
    const type = typeOf(Number(mode));
    const attributes = (unpackXattrs(filesAddon.xattrs(fd) ?? Buffer.alloc(0)) ?? [])
      .filter(({ name }) => isMoved(name))
      .map(({ name, value }) => `${name}=${value.toString('hex')}`)
      .sort();
    const content =
      type === FileType.regular
        ? `${size} ${digest(rootFd, path)}`
        : type === FileType.symlink
          ? filesAddon.readLink(fd).toString('latin1')
          : '';
    const device = type === FileType.char || type === FileType.block ? rdev : 0n;
    return `${mode.toString(8)} ${uid}:${gid} ${mtimeNs} ${device} [${content}] {${attributes.join(' ')}}`;
  } finally {
    fs.closeSync(fd);
  }
}

function digest(rootFd: number, path: Buffer): string {
  const fd = filesAddon.openFile(rootFd, path, 0n, false);
  try {
    return createHash('sha1').update(fs.readFileSync(fd)).digest('hex');
  } finally {
    fs.closeSync(fd);
  }
}
