// A target that follows differences has what the source has, whatever changed between two scans.
import test from 'ava';
import * as fc from 'fast-check';
import { difference } from '#agent/files/difference.ts';
import { FileType, SnapshotCursor } from '#agent/files/snapshot.ts';
import { snapshotOf, type DescribedEntry } from '#agent/files/testing/snapshot-of.ts';

type Tree = Map<string, DescribedEntry>;

const directory: DescribedEntry = { mode: FileType.directory, ino: 1, ctimeSeconds: 1 };
const regular: DescribedEntry = { mode: FileType.regular, ino: 2, ctimeSeconds: 1 };
const tree = (entries: Record<string, DescribedEntry>): Tree => new Map([['', directory], ...Object.entries(entries)]);

function changedPaths(
  before: Tree | undefined,
  now: Tree,
  always?: ReadonlySet<string>,
): { removed: string[]; changed: string[] } {
  const snapshot = snapshotOf(now);
  const { removed, changed } = difference(before && snapshotOf(before), snapshot, always);
  const paths: string[] = [];
  for (const entry = new SnapshotCursor(snapshot); !entry.done; entry.next()) {
    if (changed[entry.index] === 1) paths.push(entry.path().toString('latin1'));
  }
  return { removed: removed.map((path) => path.toString('latin1')), changed: paths };
}

test('the first time everything is sent', (t) => {
  t.deepEqual(changedPaths(undefined, tree({ d: directory, 'd/f': regular })), {
    removed: [],
    changed: ['', 'd', 'd/f'],
  });
});

test('nothing is sent when nothing changed', (t) => {
  const same = tree({ d: directory, 'd/f': regular, 'd-': regular, 'd.x': regular });
  t.deepEqual(changedPaths(same, same), { removed: [], changed: [] });
});

test('of a directory that is gone only its own path is removed', (t) => {
  t.deepEqual(
    changedPaths(tree({ a: directory, 'a/b': directory, 'a/b/c': regular, d: regular }), tree({ d: regular })),
    { removed: ['a'], changed: [] },
  );
});

test('a directory that became a file is replaced, not removed', (t) => {
  t.deepEqual(changedPaths(tree({ a: directory, 'a/b': regular }), tree({ a: regular })), {
    removed: [],
    changed: ['a'],
  });
});

test('a file that became a directory is sent with all that is in it', (t) => {
  t.deepEqual(changedPaths(tree({ a: regular }), tree({ a: directory, 'a/b': regular })), {
    removed: [],
    changed: ['a', 'a/b'],
  });
});

test('all names of a changed file are sent', (t) => {
  const twice = { ...regular, ino: 7, nlink: 2 };
  const now = { ...twice, nlink: 3 };
  t.deepEqual(changedPaths(tree({ a: twice, b: twice, c: regular }), tree({ a: twice, b: now, c: regular })).changed, [
    'a',
    'b',
  ]);
});

test('whiteouts that share an inode do not change together', (t) => {
  const whiteout = { mode: FileType.char, ino: 9, ctimeSeconds: 1, nlink: 2 };
  const now = { ...whiteout, nlink: 3, ctimeSeconds: 2 };
  t.deepEqual(changedPaths(tree({ a: whiteout, b: whiteout }), tree({ a: now, b: now, c: now })).changed, ['c']);
});

test('`always` names regular files by path', (t) => {
  const same = tree({ d: directory, 'd/f': regular, 'd/g': regular });
  t.deepEqual(changedPaths(same, same, new Set(['d', 'd/f', 'd/x'])).changed, ['d/f']);
});

test('an entry that changed within a clock tick of its scan can be marked to be sent again', (t) => {
  const same = tree({ quiet: regular, late: { ...regular, ctimeSeconds: 1e9 } });
  const sent = snapshotOf(same);
  const racy: string[] = [];
  for (const entry = new SnapshotCursor(sent); !entry.done; entry.next()) {
    if (!entry.isRacy()) continue;
    racy.push(entry.path().toString());
    entry.markStale();
  }
  t.deepEqual(racy, ['late']);
  t.deepEqual([...difference(sent, snapshotOf(same)).changed], [0, 1, 0]);
});

const entry = fc.record({
  mode: fc.constantFrom(FileType.directory, FileType.regular, FileType.symlink),
  ino: fc.integer({ min: 1, max: 6 }),
  ctimeSeconds: fc.integer({ min: 1, max: 2 }),
});
/** Any tree over a few names; what has no directory above it is left out. */
const anyTree = fc
  .dictionary(
    fc.array(fc.constantFrom('a', 'a.', 'b', '\xff'), { minLength: 1, maxLength: 4 }).map((names) => names.join('/')),
    entry,
    { maxKeys: 25 },
  )
  .map((found) => {
    const made = tree({});
    for (const path of Object.keys(found).sort((left, right) => left.length - right.length)) {
      const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
      const described = found[path];
      if (described !== undefined && made.get(parent)?.mode === FileType.directory) made.set(path, { ...described });
    }
    return made;
  });

const isBelow = (path: string, parent: string): boolean => path.startsWith(`${parent}/`);

const inOrder = (entries: Tree): [string, DescribedEntry | undefined][] =>
  [...entries.keys()].sort().map((path) => [path, entries.get(path)]);

/** What the target does with a difference. */
function follow(target: Tree, { removed, changed }: { removed: string[]; changed: string[] }, now: Tree): void {
  const dropBelow = (parent: string): void => {
    for (const path of target.keys()) if (isBelow(path, parent)) target.delete(path);
  };
  for (const path of removed) {
    target.delete(path);
    dropBelow(path);
  }
  for (const path of changed) {
    const described = now.get(path);
    if (described === undefined) throw new Error(`${path} is not there`);
    if (described.mode !== FileType.directory) dropBelow(path);
    target.set(path, described);
  }
}

test('following differences leads to the same tree, sending nothing that is the same', (t) => {
  fc.assert(
    fc.property(fc.array(anyTree, { minLength: 1, maxLength: 4 }), (trees) => {
      const target: Tree = new Map();
      let before: Tree | undefined;
      for (const now of trees) {
        const paths = changedPaths(before, now);
        follow(target, paths, now);
        t.deepEqual(inOrder(target), inOrder(now));
        const same = paths.changed.filter(
          (path) => before?.has(path) === true && JSON.stringify(before.get(path)) === JSON.stringify(now.get(path)),
        );
        t.deepEqual(same, []);
        before = now;
      }
    }),
    { numRuns: 500 },
  );
});
