// emptyDirs are found by where the kubelet mounts them from: the pod's own directory on this node.
import test from 'ava';
import { emptyDirPath, emptyDirsOf } from './volumes.ts';

const directory = '/var/lib/kubelet/pods/u1/volumes/kubernetes.io~empty-dir';
const spec = (...mounts: [source: string | undefined, destination: string][]): string =>
  JSON.stringify({ mounts: mounts.map(([source, destination]) => ({ destination, type: 'bind', source })) });

test('a volume has one path on the node', (t) => t.is(emptyDirPath('u1', 'cache'), `${directory}/cache`));

test('an emptyDir is found with every container that sees it', (t) => {
  const found = emptyDirsOf('u1', [spec([`${directory}/cache`, '/cache'], [`${directory}/tmp`, '/tmp']), spec([`${directory}/cache`, '/shared'], [`${directory}/cache`, '/again'])]);
  t.deepEqual(found, [
    { name: 'cache', path: emptyDirPath('u1', 'cache'), mounts: [{ member: 0, destination: '/cache' }, { member: 1, destination: '/shared' }, { member: 1, destination: '/again' }] },
    { name: 'tmp', path: emptyDirPath('u1', 'tmp'), mounts: [{ member: 0, destination: '/tmp' }] },
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
];
for (const [what, source] of others) test(`${what} is no emptyDir of the pod`, (t) => t.deepEqual(emptyDirsOf('u1', [spec([source, '/x'])]), []));

test('a part of a volume makes the volume move, without a place of its own', (t) => {
  t.deepEqual(emptyDirsOf('u1', [spec([`${directory}/cache/part`, '/part']), spec([`${directory}/cache`, '/cache'])]), [
    { name: 'cache', path: `${directory}/cache`, mounts: [{ member: 1, destination: '/cache' }] },
  ]);
});

test('containers without mounts have none, and what is no spec is said', (t) => {
  t.deepEqual(emptyDirsOf('u1', ['{}', spec()]), []);
  t.throws(() => emptyDirsOf('u1', ['{"mounts": 1}']), { code: 'ERR_SPEC_INVALID' });
});
