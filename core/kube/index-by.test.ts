// An index finds what a cache holds, whatever has happened to the objects.
import test from 'ava';
import { testProp } from '@fast-check/ava';
import * as fc from 'fast-check';
import { indexBy } from './index-by.ts';
import type { KubeObject, ObjectCache } from './port.ts';

interface Coloured extends KubeObject {
  colour: string | undefined;
}

/** A cache that is told what it holds. */
function cacheOf(...objects: Coloured[]) {
  const held = new Map(objects.map((object) => [object.metadata.name, object]));
  const listeners: Parameters<ObjectCache<Coloured>['onChange']>[0][] = [];
  const tell = (change: { type: 'set' | 'deleted'; object: Coloured }): void => {
    if (change.type === 'set') held.set(change.object.metadata.name, change.object);
    else held.delete(change.object.metadata.name);
    for (const listener of listeners) listener(change);
  };
  return {
    list: () => [...held.values()],
    onChange: (listener: (typeof listeners)[number]) => (listeners.push(listener), () => undefined),
    tell,
  };
}

const thing = (name: string, colour?: string): Coloured => ({ metadata: { name }, colour });
const namesOf = (found: readonly Coloured[]): string[] => found.map(({ metadata }) => metadata.name);

test('objects that are there already are found by their key', (t) => {
  const find = indexBy(
    cacheOf(thing('a', 'red'), thing('b', 'blue'), thing('c', 'red'), thing('d')),
    ({ colour }) => colour,
  );
  t.deepEqual(namesOf(find('red')), ['a', 'c']);
  t.deepEqual(find('green'), []);
});

test('objects of one name in two namespaces are two', (t) => {
  const cache = cacheOf();
  const find = indexBy(cache, ({ colour }) => colour);
  for (const namespace of ['x', 'y'])
    cache.tell({ type: 'set', object: { metadata: { name: 'a', namespace }, colour: 'red' } });
  t.is(find('red').length, 2);
});

test('a caller may change the list that it got', (t) => {
  const find = indexBy(cacheOf(thing('a', 'red')), ({ colour }) => colour);
  find('red').pop();
  t.is(find('red').length, 1);
});

const change = fc.record({
  type: fc.constantFrom('set' as const, 'deleted' as const),
  name: fc.constantFrom('a', 'b', 'c'),
  colour: fc.constantFrom('red', 'blue', undefined),
});

testProp('after any changes it finds what a search would', [fc.array(change)], (t, changes) => {
  const cache = cacheOf();
  const find = indexBy(cache, ({ colour }) => colour);
  for (const { type, name, colour } of changes) cache.tell({ type, object: thing(name, colour) });
  for (const colour of ['red', 'blue'])
    t.deepEqual(
      namesOf(find(colour)).toSorted(),
      namesOf(cache.list().filter((each) => each.colour === colour)).toSorted(),
    );
});
