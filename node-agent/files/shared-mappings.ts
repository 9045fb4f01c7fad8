// Files that a process writes through shared mappings: they may change without a new modification time.

/** Text of /proc/PID/maps. */
export type ReadMaps = (pid: number) => Promise<string>;

/**
 * One line: addresses, rwxp or rwxs, offset, device, inode, path. Anonymous shared memory has inode 0 or no real path.
 */
const line = /^[0-9a-f]+-[0-9a-f]+ .w.s [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ ([0-9]+) +(\/.*)$/;

const deletedMark = ' (deleted)';

/**
 * Paths of the files in a maps text (read as latin1) that are mapped shared and writable; removed files are left out.
 */
export function parseSharedWritable(maps: string): Set<string> {
  const paths = new Set<string>();
  for (const text of maps.split('\n')) {
    const match = line.exec(text);
    const [, inode, path] = match ?? [];
    if (path === undefined || inode === '0' || path.endsWith(deletedMark)) continue;
    // The kernel writes a newline in a name as \012 and nothing else in octal.
    paths.add(path.replaceAll(String.raw`\012`, '\n'));
  }
  return paths;
}

/** The same for several processes, as absolute latin1 paths in their mount namespace. */
export async function sharedWritableFiles(pids: readonly number[], readMaps: ReadMaps): Promise<Set<string>> {
  const texts = await Promise.all(pids.map((pid) => readMaps(pid)));
  return new Set(texts.flatMap((text) => Array.from(parseSharedWritable(text))));
}
