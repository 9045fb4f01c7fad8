// Init containers have done their work on the source; everything that ran there goes on.
import test from 'ava';
import { pod } from '#core/testing/objects.ts';
import { restoredContainers, roleOf } from './container-role.ts';

const replacement = pod({
  spec: {
    initContainers: [{ name: 'migrate' }, { name: 'proxy', restartPolicy: 'Always' }, { name: 'warm' }, { name: 'log', restartPolicy: 'Always' }],
    containers: [{ name: 'app' }, { name: 'cache' }],
  },
});

const roles: [string, ReturnType<typeof roleOf>][] = [
  ['migrate', 'init'], ['warm', 'init'],
  ['proxy', 'restored'], ['log', 'restored'],
  ['app', 'restored'], ['cache', 'restored'],
  ['debugger', 'unknown'],
];
for (const [container, role] of roles) test(`${container}: ${role}`, (t) => t.is(roleOf(replacement, container), role));

test('sidecars start before the containers, each in the order of the spec', (t) => {
  t.deepEqual(restoredContainers(replacement), ['proxy', 'log', 'app', 'cache']);
  t.deepEqual(restoredContainers(pod()), ['app']);
});

test('exactly the restored ones have that role', (t) => {
  const names = ['migrate', 'proxy', 'warm', 'log', 'app', 'cache'];
  t.deepEqual(new Set(names.filter((name) => roleOf(replacement, name) === 'restored')), new Set(restoredContainers(replacement)));
});
