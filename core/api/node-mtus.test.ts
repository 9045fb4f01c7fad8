// A packet of full size has to get through everywhere.
import test from 'ava';
import { nodeFactsAnnotation } from './names.ts';
import { narrowNodes, waysOf } from './node-mtus.ts';
import { node } from '../testing/objects.ts';

const saying = (name: string, facts: string) => {
  const plain = node(name);
  return { ...plain, metadata: { ...plain.metadata, annotations: { [nodeFactsAnnotation]: facts } } };
};

test('nodes that take less than the network promises are named, those that say nothing are not', (t) => {
  const nodes = [
    saying('a', '{"mtus":{"stable":{"mtu":1500,"device":"its configuration"}}}'),
    saying('b', '{"mtus":{"stable":{"mtu":1400,"device":"eth1"}}}'),
    saying('c', '{"kernel":'),
    saying('d', '{"kernel":"6"}'),
    node('e'),
  ];
  t.deepEqual(
    waysOf('stable', nodes).map((way) => way.node),
    ['a', 'b'],
  );
  t.deepEqual(narrowNodes(waysOf('stable', nodes), 1500), ['node b takes 1400 (eth1)']);
  t.deepEqual(narrowNodes(waysOf('stable', nodes), 1400), []);
  t.deepEqual(waysOf('other', nodes), []);
});
