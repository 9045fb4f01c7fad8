// Pods that need Godwit are known by what containerd's shim wrote into their bundles.
import test from 'ava';
import { linksOfPods, podsOfWrapper } from './node-use.ts';
import { FakeNode } from './testing/fake-containerd.ts';

const wrapper = '/opt/godwit/bin/godwit-runc';
const bundles = '/run/containerd/io.containerd.runtime.v2.task/k8s.io';

function bundle(id: string, runtime: string, name?: string): Record<string, string> {
  const annotations =
    name === undefined ? {} : { 'io.kubernetes.cri.sandbox-namespace': 'shop', 'io.kubernetes.cri.sandbox-name': name };
  return {
    [`${bundles}/${id}/runtime`]: runtime,
    [`${bundles}/${id}/config.json`]: JSON.stringify({ ociVersion: '1.2.0', annotations }),
  };
}

/** `list` names directories here, which a map of files does not have. */
const nodeWith = (...ids: Record<string, string>[]): FakeNode => {
  const node = new FakeNode(Object.assign({}, ...ids));
  node.list = (directory) => [
    ...new Set(
      [...node.files.keys()]
        .filter((path) => path.startsWith(`${directory}/`))
        .map((path) => path.slice(directory.length + 1).split('/')[0] ?? ''),
    ),
  ];
  return node;
};

test('pods under the wrapper, each once, and a container without a pod', (t) => {
  const node = nodeWith(
    bundle('a', wrapper, 'web-0'),
    bundle('b', `${wrapper}\n`, 'web-0'),
    bundle('c', '', 'plain'),
    bundle('d', '/usr/bin/crun', 'other'),
    bundle('e', wrapper),
  );
  t.deepEqual(podsOfWrapper(node, '/run/containerd', wrapper), ['container e', 'shop/web-0']);
});

test('a bundle that is just being made or removed does not stand in the way of the answer', (t) => {
  const node = nodeWith(
    bundle('a', wrapper, 'web-0'),
    { [`${bundles}/b/runtime`]: wrapper },
    { [`${bundles}/c/config.json`]: '{}' },
  );
  t.deepEqual(podsOfWrapper(node, '/run/containerd', wrapper), ['container b', 'shop/web-0']);
  t.deepEqual(podsOfWrapper(nodeWith(), '/run/containerd', wrapper), []);
});

const link = (name: string, kind: string) => ({
  name,
  kind,
  index: 1,
  mac: '',
  mtu: 1500,
  up: true,
  master: 0,
  group: 0,
});

test('links of pods are told from bridges, tunnels and the veths of others', (t) => {
  t.deepEqual(
    linksOfPods([
      link('gdw0123', 'veth'),
      link('gdwvx7', 'vxlan'),
      link('gw-stable', 'bridge'),
      link('veth0', 'veth'),
    ]).map(({ name }) => name),
    ['gdw0123'],
  );
});
