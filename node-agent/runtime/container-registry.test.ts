// The agent knows its containers again after a restart, and by the beginnings of their ids.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ContainerRegistry, namespaceOf, type Registration } from './container-registry.ts';

const registration = (id: string): Registration => ({
  id,
  root: '/run/containerd/runc/default',
  bundle: `/b/${id}`,
  createdAt: '2030-01-01',
});

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'registry-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

test('what was added is there for the next agent, what was removed is not', (t) => {
  const path = directory(t);
  const registry = new ContainerRegistry(path);
  registry.add(registration('shop-1'));
  registry.add(registration('shop-2'));
  registry.remove('shop-2');
  registry.remove('shop-2');
  t.deepEqual(new ContainerRegistry(path).all(), [registration('shop-1')]);
  t.deepEqual(readdirSync(path), ['shop-1.json']);
});

test('a container is found by its id or the beginning of it', (t) => {
  const registry = new ContainerRegistry(directory(t));
  for (const id of ['shop', 'shop-1', 'other']) registry.add(registration(id));
  t.is(registry.find('shop').id, 'shop');
  t.is(registry.find('o').id, 'other');
  t.throws(() => registry.find('shop-2'), { code: 'ERR_CONTAINER_UNKNOWN' });
  t.throws(() => registry.find('sho'), { code: 'ERR_CONTAINER_AMBIGUOUS', message: /shop, shop-1/ });
  t.is(registry.get('sho'), undefined);
});

test('an id that is no name of a file is refused', (t) => {
  const path = directory(t);
  const registry = new ContainerRegistry(path);
  for (const id of ['../x', '', '.', 'a/b', 'a b'])
    t.throws(() => registry.add(registration(id)), { code: 'ERR_CONTAINER_UNKNOWN' }, id);
  t.deepEqual(readdirSync(path), []);
});

test('the namespace is the last part of the root', (t) => {
  t.is(namespaceOf(registration('shop')), 'default');
});
