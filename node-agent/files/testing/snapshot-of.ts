// For tests: the packed snapshot that a scan would make of a described tree.

export interface DescribedEntry {
  mode: number;
  ino: number;
  ctimeSeconds: number;
  nlink?: number;
  rdev?: number;
}

/** `tree` by path (latin1, empty for the root); parents must be there. Taken at `takenSeconds`. */
export function snapshotOf(tree: ReadonlyMap<string, DescribedEntry>, takenSeconds = 1e9): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigInt64LE(BigInt(takenSeconds), 0);
  head.writeUInt32LE(tree.size, 12);
  const paths = [...tree.keys()].map((path) => (path === '' ? [] : path.split('/'))).sort(inTreeOrder);
  return Buffer.concat([head, ...paths.map((names) => record(names, tree.get(names.join('/'))))]);
}

function inTreeOrder(left: string[], right: string[]): number {
  for (let depth = 0; ; depth += 1) {
    const [a, b] = [left[depth], right[depth]];
    if (a === undefined || b === undefined) return left.length - right.length;
    if (a !== b) return a < b ? -1 : 1;
  }
}

function record(names: string[], entry: DescribedEntry | undefined): Buffer {
  if (entry === undefined) throw new Error('not in the tree');
  const name = Buffer.from(names.at(-1) ?? '', 'latin1');
  const bytes = Buffer.alloc(Math.ceil((96 + name.length) / 8) * 8);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(names.length, 4);
  bytes.writeBigUInt64LE(BigInt(entry.ino), 16);
  bytes.writeBigInt64LE(BigInt(entry.ctimeSeconds), 40);
  bytes.writeUInt32LE(entry.mode, 56);
  bytes.writeUInt32LE(entry.nlink ?? 1, 68);
  bytes.writeUInt32LE(entry.rdev ?? 0, 76);
  bytes.writeUInt32LE(name.length, 88);
  name.copy(bytes, 96);
  return bytes;
}
