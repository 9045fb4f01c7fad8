// The installer changes the configuration that containerd was started with, and says so where there is none to change.
import test from 'ava';
import { mainPid, readCommandLine } from './running-containerd.ts';

const configPath = '/etc/containerd/config.toml';
for (const [argv, expected] of [
  [['/usr/bin/containerd'], { program: '/usr/bin/containerd', configPath }],
  [['/usr/local/bin/containerd', '--log-level', 'debug'], { program: '/usr/local/bin/containerd', configPath }],
  [
    ['/usr/bin/containerd', '--config', '/opt/containerd.toml'],
    { program: '/usr/bin/containerd', configPath: '/opt/containerd.toml' },
  ],
  [
    ['/usr/bin/containerd', '-l', 'info', '--config=/opt/a=b.toml'],
    { program: '/usr/bin/containerd', configPath: '/opt/a=b.toml' },
  ],
  [
    ['/usr/bin/containerd', '-c', '/opt/containerd.toml'],
    { program: '/usr/bin/containerd', configPath: '/opt/containerd.toml' },
  ],
  [['containerd'], { program: 'containerd', configPath }],
] as const) {
  test(argv.join(' '), (t) => {
    t.deepEqual(readCommandLine(argv), expected);
  });
}

test('a service that runs has a process', (t) => {
  t.is(mainPid('MainPID=186\nLoadState=loaded\nActiveState=active\n'), 186);
});

for (const [what, shown] of Object.entries({
  'no service': 'MainPID=0\nLoadState=not-found\nActiveState=inactive\n',
  'a service that does not run': 'MainPID=0\nLoadState=loaded\nActiveState=failed\n',
})) {
  test(`${what}: refused`, (t) => {
    t.throws(() => mainPid(shown), { code: 'ERR_NODE_UNSUPPORTED' });
  });
}
