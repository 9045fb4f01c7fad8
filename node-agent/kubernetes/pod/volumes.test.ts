// emptyDirs are found by where the kubelet mounts them from: the pod's own directory on this node.
import test from 'ava';
import { subPaths } from './sub-paths.ts';
import { emptyDirPath, lostSubPaths, mountedParts, volumePath, volumesOf, type VolumeSight } from './volumes.ts';

const pod = '/var/lib/kubelet/pods/u1';
const directory = `${pod}/volumes/kubernetes.io~empty-dir`;
const mounts = (...pairs: [source: string | undefined, destination: string][]) => ({
  mounts: pairs.map(([source, destination]) =>
    source === undefined ? { destination, type: 'tmpfs' } : { destination, type: 'bind', source },
  ),
});
const spec = (...pairs: Parameters<typeof mounts>): string => JSON.stringify(mounts(...pairs));

/** A node with these directories, and these directories of file systems mounted. */
const sight = (directories: string[], roots: Record<string, string> = {}): VolumeSight => ({
  isDirectory: (path) => directories.includes(path),
  mountedRoot: (path) => roots[path],
  linksOf: (path) => (path.endsWith('/0') ? 0 : 2),
});
const blank = sight([]);

test('a volume has one path on the node', (t) => t.is(emptyDirPath('u1', 'cache'), `${directory}/cache`));

test('an emptyDir is found with every container that sees it', (t) => {
  const found = volumesOf(
    'u1',
    [
      spec([`${directory}/cache`, '/cache'], [`${directory}/tmp`, '/tmp']),
      spec([`${directory}/cache`, '/shared'], [`${directory}/cache`, '/again']),
    ],
    blank,
  );
  const whole = (name: string, member: number, destination: string) => ({
    member,
    destination,
    source: `${directory}/${name}`,
    part: '',
  });
  t.deepEqual(found, [
    {
      name: 'cache',
      path: emptyDirPath('u1', 'cache'),
      mounts: [whole('cache', 0, '/cache'), whole('cache', 1, '/shared'), whole('cache', 1, '/again')],
    },
    { name: 'tmp', path: emptyDirPath('u1', 'tmp'), mounts: [whole('tmp', 0, '/tmp')] },
  ]);
});

const others: [string, string | undefined][] = [
  ['a mount without a source', undefined],
  ['a tmpfs', 'tmpfs'],
  ['an emptyDir of another pod', '/var/lib/kubelet/pods/u2/volumes/kubernetes.io~empty-dir/cache'],
  ['another pod whose UID begins alike', '/var/lib/kubelet/pods/u11/volumes/kubernetes.io~empty-dir/cache'],
  ['a secret of the pod', '/var/lib/kubelet/pods/u1/volumes/kubernetes.io~secret/token'],
  ['the hosts file', '/var/lib/kubelet/pods/u1/etc-hosts'],
  ['the directory of all emptyDirs', directory],
  ['a subPath of a volume that is no emptyDir', `${pod}/volume-subpaths/settings/app/0`],
  ['a subPath of another pod', '/var/lib/kubelet/pods/u2/volume-subpaths/cache/app/0'],
  ['the directory of all subPaths', `${pod}/volume-subpaths`],
];
for (const [what, source] of others)
  test(`${what} is no emptyDir of the pod`, (t) =>
    t.deepEqual(volumesOf('u1', [spec([source, '/x'])], sight([`${directory}/cache`])), []));

const sub = (container: string, index: number): string => `${pod}/volume-subpaths/cache/${container}/${index}`;
const parts: [string, string, string][] = [
  ['a directory of the volume', `${directory}/cache/data`, 'data'],
  ['one deeper in it', `${directory}/cache/data/new files`, 'data/new files'],
  ['all of it', `${directory}/cache`, ''],
  ['on a file system of the kubelet alone', '/pods/u1/volumes/kubernetes.io~empty-dir/cache/data', 'data'],
  ['in memory', '/data', 'data'],
  ['all of what is in memory', '/', ''],
  ['one that is called like the volume', `${directory}/cache/cache`, 'cache'],
];
for (const [what, root, part] of parts) {
  test(`a subPath makes the volume move: ${what}`, (t) => {
    const source = sub('app', 2);
    t.deepEqual(volumesOf('u1', [spec(), spec([source, '/part'])], sight([`${directory}/cache`], { [source]: root })), [
      { name: 'cache', path: `${directory}/cache`, mounts: [{ member: 1, destination: '/part', source, part }] },
    ]);
  });
}

test('a volume that is mounted whole and in parts is one', (t) => {
  const found = volumesOf(
    'u1',
    [spec([sub('app', 0), '/part'], [`${directory}/cache`, '/all'])],
    sight([`${directory}/cache`], { [sub('app', 0)]: `${directory}/cache/a` }),
  );
  t.deepEqual(
    found.map(({ name, mounts: seen }) => [name, seen.map(({ destination, part }) => [destination, part])]),
    [
      [
        'cache',
        [
          ['/part', 'a'],
          ['/all', ''],
        ],
      ],
    ],
  );
});

const inSight: [string, VolumeSight, boolean][] = [
  ['a directory', sight([`${directory}/cache`, sub('app', 0)], { [sub('app', 0)]: `${directory}/cache/a` }), true],
  ['a file', sight([`${directory}/cache`], { [sub('app', 0)]: `${directory}/cache/a` }), false],
  [
    'a directory that was removed',
    sight([`${directory}/cache`, sub('app', 0)], { [sub('app', 0)]: `${directory}/cache/a//deleted` }),
    false,
  ],
  ['a mount that the agent does not see', sight([`${directory}/cache`, sub('app', 0)]), false],
];
for (const [what, seen, passes] of inSight) {
  test(`a subPath that is ${what} is ${passes ? 'no reason against a move' : 'refused'}`, (t) => {
    const result = subPaths.run(
      volumesOf('u1', [spec([`${directory}/cache`, '/all'], [sub('app', 0), '/part'])], seen),
      seen,
    );
    t.is('verdict' in result, !passes);
    t.regex(result.fact, passes ? /^1 parts/ : /\/part of volume cache/);
  });
}

test('parts that are mounted are found in the table of mounts, whatever is mounted besides', (t) => {
  const table = [
    { path: sub('app', 0), root: `${directory}/cache/data` },
    { path: sub('other', 0), root: `${directory}/cache/data` },
    { path: sub('app', 1), root: `${directory}/cache/deep/in it` },
    { path: sub('app', 2), root: `${directory}/cache` },
    { path: sub('app', 3), root: `${directory}/cache/gone//deleted` },
    { path: `${pod}/volume-subpaths/settings/app/0`, root: `${directory}/settings/x` },
    {
      path: '/var/lib/kubelet/pods/u2/volume-subpaths/cache/app/0',
      root: '/var/lib/kubelet/pods/u2/volumes/kubernetes.io~empty-dir/cache/y',
    },
  ];
  t.deepEqual(mountedParts('u1', 'cache', table), ['data', 'deep/in it']);
  t.deepEqual(mountedParts('u1', 'memory', [{ path: `${pod}/volume-subpaths/memory/app/0`, root: '/data' }]), ['data']);
  t.deepEqual(mountedParts('u1', 'other', table), []);
});

test('a part that the files replaced is found by having no name any more', (t) => {
  const own = mounts(
    [`${directory}/cache`, '/all'],
    [sub('app', 0), '/lost'],
    [sub('app', 1), '/kept'],
    [`${pod}/volume-subpaths/settings/app/0`, '/settings'],
    [undefined, '/proc'],
  );
  const seen = sight([`${directory}/cache`]);
  t.deepEqual(lostSubPaths('u1', own, seen), ['/lost']);
  t.deepEqual(lostSubPaths('u2', own, seen), []);
  t.deepEqual(lostSubPaths('u1', {}, seen), []);
});

test('containers without mounts have none, and what is no spec is said', (t) => {
  t.deepEqual(volumesOf('u1', ['{}', spec()], blank), []);
  t.throws(() => volumesOf('u1', ['{"mounts": 1}'], blank), { code: 'ERR_SPEC_INVALID' });
});

const shm = (sandbox: string): string => `/run/containerd/io.containerd.grpc.v1.cri/sandboxes/${sandbox}/shm`;

test('the shared memory of a pod is a volume of all its containers, whatever sandbox keeps it', (t) => {
  const mount = (member: number) => ({ member, destination: '/dev/shm', source: shm('s1'), part: '' });
  const found = volumesOf('u1', [spec([shm('s1'), '/dev/shm']), spec([shm('s1'), '/dev/shm'])], blank);
  t.deepEqual(found, [{ name: '/dev/shm', path: shm('s1'), mounts: [mount(0), mount(1)] }]);
  t.is(volumePath('u2', mounts([shm('s2'), '/dev/shm']), new Set(), '/dev/shm'), shm('s2'));
  t.is(volumePath('u2', mounts(), new Set(['cache']), 'cache'), emptyDirPath('u2', 'cache'));
  for (const volume of ['other', '../../../../../../../etc', '..', ''])
    t.throws(() => volumePath('u2', mounts(), new Set(['cache']), volume), { code: 'ERR_PEER_PROTOCOL' });
});

test('the shared memory of the host, or an emptyDir in its place, is no shared memory of the pod', (t) => {
  t.deepEqual(volumesOf('u1', [spec(['/dev/shm', '/dev/shm'])], blank), []);
  t.is(volumesOf('u1', [spec([`${directory}/shm`, '/dev/shm'])], blank)[0]?.name, 'shm');
  t.throws(() => volumePath('u1', mounts([`${directory}/shm`, '/dev/shm']), new Set(), '/dev/shm'), {
    code: 'ERR_PEER_PROTOCOL',
  });
});
