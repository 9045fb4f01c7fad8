// What containerd's shim says to runc is read as runc would.
import test from 'ava';
import { parseOciArguments } from './oci-arguments.ts';

const line = (text: string): string[] => text.split(' ');

test('a create as containerd 2 asks for it', (t) => {
  const args = line(
    '--root /run/containerd/runc/default --log /run/b/log.json --log-format json --systemd-cgroup create --bundle /run/b --pid-file /run/b/init.pid shop',
  );
  t.deepEqual(parseOciArguments('create', args, '/cwd'), {
    id: 'shop',
    root: '/run/containerd/runc/default',
    bundle: '/run/b',
    pidFile: '/run/b/init.pid',
    processFile: undefined,
    signal: 'SIGTERM',
  });
});

test('options may be joined by an equals sign, short, or missing', (t) => {
  t.deepEqual(parseOciArguments('create', line('--root=/r create -b /b shop'), '/cwd'), {
    id: 'shop',
    root: '/r',
    bundle: '/b',
    pidFile: undefined,
    processFile: undefined,
    signal: 'SIGTERM',
  });
  t.deepEqual(parseOciArguments('create', line('create shop'), '/cwd'), {
    id: 'shop',
    root: '/run/runc',
    bundle: '/cwd',
    pidFile: undefined,
    processFile: undefined,
    signal: 'SIGTERM',
  });
});

test('a session names the file of its process', (t) => {
  t.is(
    parseOciArguments('exec', line('--root /r exec --process /p.json --detach --pid-file /pid shop'), '/')?.processFile,
    '/p.json',
  );
  t.is(parseOciArguments('exec', line('exec -p /p.json shop'), '/')?.processFile, '/p.json');
  t.is(parseOciArguments('exec', line('exec shop'), '/')?.processFile, undefined);
});

test('a kill names its signal or means SIGTERM', (t) => {
  t.is(parseOciArguments('kill', line('--root /r kill --all shop 9'), '/')?.signal, '9');
  t.is(parseOciArguments('kill', line('--root /r kill shop'), '/')?.signal, 'SIGTERM');
});

test('without an id, or with another command, there is nothing to answer', (t) => {
  for (const args of [[], ['create'], line('--root /r'), line('--root create shop'), line('state shop'), ['--bundle']])
    t.is(parseOciArguments('create', args, '/'), undefined, args.join(' '));
});
