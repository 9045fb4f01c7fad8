// Room is counted once, and anew when the node or a pod of it has changed.
import test from 'ava';
import type { Node, Pod } from '#core/api/pod.ts';
import type { ObjectCache } from '#core/kube/port.ts';
import { node, pod } from '#core/testing/objects.ts';
import { Rooms } from './rooms.ts';

type Listener<T extends Node | Pod> = Parameters<ObjectCache<T>['onChange']>[0];

function rig(...pods: Pod[]) {
  const listeners = { nodes: new Array<Listener<Node>>(), pods: new Array<Listener<Pod>>() };
  const counted: string[] = [];
  const rooms = new Rooms(
    { onChange: (listener) => (listeners.nodes.push(listener), () => undefined) },
    { onChange: (listener) => (listeners.pods.push(listener), () => undefined) },
    (name) => (counted.push(name), pods.filter(({ spec }) => spec.nodeName === name)),
  );
  const taken = (...names: string[]) => names.map((name) => rooms.of(node(name)).used.get('pods') ?? 0n);
  return {
    rooms,
    pods,
    counted,
    taken,
    podChanged: (...change: Parameters<Listener<Pod>>) => listeners.pods.forEach((told) => told(...change)),
    nodeChanged: (...change: Parameters<Listener<Node>>) => listeners.nodes.forEach((told) => told(...change)),
  };
}

test('what nobody has changed is not counted again', (t) => {
  const { taken, counted } = rig(pod());
  t.deepEqual([...taken('a', 'b'), ...taken('a', 'b')], [1n, 0n, 1n, 0n]);
  t.deepEqual(counted, ['a', 'b']);
});

test('a pod that comes or goes counts on its node only', (t) => {
  const { taken, pods, counted, podChanged } = rig(pod());
  taken('a', 'b');
  const guest = pod({ metadata: { name: 'guest' }, spec: { nodeName: 'b' } });
  pods.push(guest);
  podChanged({ type: 'set', object: guest });
  t.deepEqual(taken('a', 'b'), [1n, 1n]);
  pods.pop();
  podChanged({ type: 'deleted', object: guest });
  t.deepEqual(taken('a', 'b'), [1n, 0n]);
  t.deepEqual(counted, ['a', 'b', 'b', 'b']);
});

test('another incarnation on another node gives its room back', (t) => {
  const { taken, pods, podChanged } = rig(pod());
  taken('a', 'b');
  const previous = pods.splice(0, 1, pod({ spec: { nodeName: 'b' } }))[0];
  podChanged({ type: 'set', object: pod({ spec: { nodeName: 'b' } }), previous });
  t.deepEqual(taken('a', 'b'), [0n, 1n]);
});

test('a node that has grown has more', (t) => {
  const { rooms, nodeChanged } = rig();
  const grown = node('a', { allocatable: { pods: '250' } });
  rooms.of(node('a'));
  nodeChanged({ type: 'set', object: grown });
  t.is(rooms.of(grown).allocatable.get('pods'), 250n);
});
