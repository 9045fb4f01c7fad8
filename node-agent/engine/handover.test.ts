// Both sides of a handover on one node have names of their own, and both tell which handover it is.
import test from 'ava';
import { idOfKey, sideKey } from './handover.ts';

const id = '9a5ac87f-7f57-425a-937e-cec2882e3358-8';
const side = (role: 'source' | 'target', to: string) => sideKey({ id, role, container: 'c', from: 'a', to });

test('a key leads back to its handover', (t) => {
  const keys = [side('source', 'b'), side('target', 'b'), side('source', 'a'), side('target', 'a')];
  t.deepEqual(keys.map(idOfKey), [id, id, id, id]);
});

test('the two sides have two keys where one node has both', (t) => {
  t.not(side('source', 'a'), side('target', 'a'));
});
