// Init containers have done their work on the source; everything that ran there goes on.
import test from 'ava';
import { pod } from '#core/testing/objects.ts';
import { roleOf } from './container-role.ts';

const replacement = pod({
  spec: {
    initContainers: [
      { name: 'migrate' },
      { name: 'proxy', restartPolicy: 'Always' },
      { name: 'warm' },
      { name: 'log', restartPolicy: 'Always' },
    ],
    containers: [{ name: 'app' }, { name: 'cache' }],
  },
});

const roles: [string, ReturnType<typeof roleOf>][] = [
  ['migrate', 'init'],
  ['warm', 'init'],
  ['proxy', 'restored'],
  ['log', 'restored'],
  ['app', 'restored'],
  ['cache', 'restored'],
  ['debugger', 'unknown'],
];
for (const [container, role] of roles) test(`${container}: ${role}`, (t) => t.is(roleOf(replacement, container), role));
