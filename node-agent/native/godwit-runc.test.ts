import { copyFile, mkdir, readFile, rename, rm, symlink, watch, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { build, repositoryRoot, start, testVariants } from '#core/native/program.ts';
import { frame, type AgentDouble, type Conversation } from '#agent/native/agent-double.ts';
import { recordingRunc, wrapperBed, type WrapperBed } from '#agent/native/wrapper-bed.ts';

test.before('build', async () => {
  for (const variant of testVariants) await build('node-agent/native/build.sh', variant);
});

/** The wrapper became the recording runc with these arguments and all its streams. */
async function assertRuncRan(
  t: ExecutionContext,
  bed: WrapperBed,
  args: string[],
  input: Partial<Parameters<WrapperBed['run']>[1]> = {},
): Promise<void> {
  const ended = await bed.run(args, { input: 'from the caller', ...input }).ended;
  t.is(ended.stdout.toString(), 'runc was here\nfrom the caller');
  t.is(ended.stderr, 'runc says\n');
  t.is(ended.code, 3);
  t.deepEqual(await bed.calls(), [args]);
}

/** A create that waits for a handover tells "no agent" from "pass through". */
async function assertNotStartedAfresh(t: ExecutionContext, bed: WrapperBed): Promise<void> {
  await writeFile(join(bed.dir, 'config.json'), '{"annotations":{"godwit.dev/handover":"h1"}}');
  const ended = await bed.run(['create', 'c1']).ended;
  t.is(ended.code, 1);
  t.regex(ended.stderr, /ERR_AGENT_UNAVAILABLE/);
}

const kill = ['--root', '/run/r', '--log', 'log.json', '--log-format', 'json', 'kill', 'c1', '15'];

/** Answers that are none: the wrapper must go on as if there were no agent. */
const refusedAnswers: Record<string, Buffer> = {
  'an unknown verb': frame('Z'),
  'an empty frame': frame(''),
  'a frame beyond 64 KiB': frame(Buffer.alloc(64 * 1024 + 1, 'X')),
  'a size of 4 GiB': Buffer.from([0xff, 0xff, 0xff, 0xff, 0x50]),
  'pass through with a body': frame('P\0'),
  'keep waiting with a body': frame('Wait'),
  'an exit without a code': frame('X\0\0'),
  'an exit without a message': frame('X0\0'),
  'an exit without any end': frame('X1'),
  'an exit code beyond 255': frame('X256\0\0'),
  'an exit code of four digits': frame('X0001\0\0'),
  'a negative exit code': frame('X-1\0\0'),
  'a message without its end': frame('X1\0oops'),
  'a message with something behind it': frame('X1\0oops\0more\0'),
  'a run without arguments': frame('R'),
  'a run whose last argument has no end': frame('Rstate\0c1'),
};

/** Agents that leave in the middle of a conversation, before anything ran. */
const leavingAgents: Record<string, (conversation: Conversation) => void> = {
  'closes at once': ({ socket }) => socket.destroy(),
  'closes within a size': ({ socket }) => socket.end(Buffer.from([1, 0])),
  'closes within a frame': ({ socket }) => socket.end(frame('X1\0oops\0').subarray(0, 8)),
  'closes after asking for patience': ({ socket }) => socket.end(frame('W')),
};

/** Agents that stay silent longer than they may. */
const silentAgents: Record<string, (conversation: Conversation) => void> = {
  'says nothing': () => undefined,
  'stops within a size': ({ socket }) => void socket.write(Buffer.from([1, 0])),
  'stops within a frame': ({ socket }) => void socket.write(frame('X1\0oops\0').subarray(0, 8)),
  'asks for patience and says no more': ({ send }) => send('W'),
  'sends a frame byte by byte': ({ socket }) => {
    const bytes = frame(`X1\0${'slow'.repeat(20)}\0`);
    let sent = 0;
    const timer = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), 400);
    socket.on('close', () => clearInterval(timer));
  },
};

for (const variant of testVariants) {
  const name = (title: string): string => `[${variant}] ${title}`;

  test.serial(name('other commands are runc at once, the agent is not asked'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X9\0\0'));
    const calls = [
      ['state', 'c1'],
      ['--root', 'kill', 'resume', 'c1'],
      ['--log=kill', 'events', 'create'],
      ['--version'],
      ['--debug'],
      [],
      ['--root'],
      ['-'],
      ['features', 'start'],
      ['creates', 'c1'],
    ];
    for (const args of calls) t.is((await bed.run(args).ended).code, 3);
    t.deepEqual(await bed.calls(), calls);
    t.deepEqual(agent.requests, []);
  });

  test.serial(name('asks about create, start, kill and delete, with everything the agent needs to know'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X0\0\0'));
    const calls: [string, string[]][] = [
      [
        'create',
        ['--root', '/r', '--log=l', '--systemd-cgroup', '-log-format', 'json', 'create', '--bundle', '/b', 'c1'],
      ],
      ['start', ['--debug', 'start', 'c1']],
      ['kill', ['--rootless', 'true', '--criu', 'start', 'kill', '--all', 'c1', '9']],
      ['delete', ['--', 'delete', '--force', 'c 1\n']],
      ['kill', ['kill', '', 'é']],
    ];
    for (const [, args] of calls) t.like(await bed.run(args).ended, { code: 0, stderr: '', stdout: Buffer.alloc(0) });
    t.deepEqual(
      agent.requests,
      calls.map(([command, args]) => [command, bed.dir].concat(args)),
    );
  });

  test.serial(name('P: becomes runc with the original arguments'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.agent(({ send }) => send('P'));
    await assertRuncRan(t, bed, kill);
  });

  test.serial(name('P to start: the word of the agent counts more than a restored file'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.agent(({ send }) => send('P'));
    await writeFile(join(bed.dir, 'run/restored/c1'), '');
    await assertRuncRan(t, bed, ['start', 'c1']);
  });

  test.serial(name('X: prints the message and puts it into the log for containerd'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const message = 'ERR_X: "quoted" \\ back\tand\nlines \u0001\u001f é';
    await bed.agent(({ send }) => send(`X42\0${message}\0`));
    await writeFile(join(bed.dir, 'log.json'), '{"level":"info","msg":"before"}\n');
    t.like(await bed.run(kill).ended, { code: 42, stderr: `${message}\n` });
    const lines = (await readFile(join(bed.dir, 'log.json'), 'utf8')).trimEnd().split('\n');
    t.is(lines.length, 2);
    const entry: unknown = JSON.parse(lines[1] ?? '');
    t.like(entry, { level: 'error', msg: message });
    t.regex(lines[1] ?? '', /"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}$/);
  });

  test.serial(name('X: the longest possible message arrives whole'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const message = '\u0001'.repeat(64 * 1024 - 4);
    await bed.agent(({ send }) => send(`X1\0${message}\0`));
    t.like(await bed.run(kill).ended, { code: 1, stderr: `${message}\n` });
    t.like(JSON.parse(await readFile(join(bed.dir, 'log.json'), 'utf8')), { msg: message });
  });

  test.serial(name('X without a message says nothing; without --log only stderr hears of it'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.agent(({ request, send }) => send(request.includes('c2') ? 'X255\0no\0' : 'X0\0\0'));
    t.like(await bed.run(kill).ended, { code: 0, stderr: '' });
    await t.throwsAsync(readFile(join(bed.dir, 'log.json')), { code: 'ENOENT' });
    t.like(await bed.run(['kill', 'c2']).ended, { code: 255, stderr: 'no\n' });
  });

  test.serial(name('X: a log file that cannot be written is said, the code stays'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.agent(({ send }) => send('X4\0no\0'));
    const ended = await bed.run(['--log', 'nowhere/log.json', 'kill', 'c1']).ended;
    t.is(ended.code, 4);
    t.is(ended.stderr, 'godwit-runc: cannot write nowhere/log.json: No such file or directory\nno\n');
  });

  test.serial(name('R: runs runc as a child with those arguments, reports its status, then obeys'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const statuses: string[] = [];
    await bed.agent(async ({ send, next }) => {
      send('Rrestore\0--image-path\0\0c1\0');
      statuses.push(await next());
      send('W');
      send('Rdelete\0c1\0');
      statuses.push(await next());
      send('X7\0restored\0');
    });
    t.like(await bed.run(kill, { input: 'for the child' }).ended, {
      code: 7,
      stdout: Buffer.from('runc was here\nfor the childrunc was here\n'),
      stderr: 'runc says\nrunc says\nrestored\n',
    });
    t.deepEqual(statuses, ['S3', 'S3']);
    t.deepEqual(await bed.calls(), [
      ['restore', '--image-path', '', 'c1'],
      ['delete', 'c1'],
    ]);
  });

  test.serial(name('R: a child that ends by a signal counts 128 more'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.setRunc('#!/bin/sh\nkill -9 $$\n');
    let status = '';
    await bed.agent(async ({ send, next, socket }) => {
      send('Rrestore\0');
      status = await next();
      socket.destroy();
    });
    t.is((await bed.run(kill).ended).code, 137);
    t.is(status, 'S137');
  });

  test.serial(name('R: the child has the descriptors that runc would have had'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.setRunc('#!/bin/sh\nfor fd in /proc/$$/fd/*; do echo "${fd##*/}"; done\n');
    const agent = await bed.agent(async ({ send, next }) => {
      send('Rrestore\0');
      await next();
      send('X0\0\0');
    });
    const asChild = await bed.run(kill).ended;
    await agent.close();
    const alone = await bed.run(kill).ended;
    t.true(alone.stdout.toString().startsWith('0\n1\n10\n2\n'));
    t.is(asChild.stdout.toString(), alone.stdout.toString());
  });

  test.serial(name('R: signals go on to the child'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.setRunc('#!/bin/sh\ntrap "echo asked to end; exit 9" TERM\necho ready\nwhile :; do read line; done\n');
    await bed.agent(async ({ send, next }) => {
      send('Rrestore\0');
      const status = await next();
      send(`X0\0${status}\0`);
    });
    const { child, ended } = bed.run(kill, { input: null });
    if (child.stdout === null) throw new Error('no standard output');
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    t.like(await ended, { code: 0, signal: null, stderr: 'S9\n' });
  });

  test.serial(name('R: an agent that is gone while the child runs leaves the status of the child'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.setRunc('#!/bin/sh\necho ready\nread line\necho "read $line"\nexit 5\n');
    const agent = await bed.agent(({ send }) => send('Rrestore\0c1\0'));
    const { child, ended } = bed.run(kill, { input: null });
    if (child.stdout === null || child.stdin === null) throw new Error('no streams');
    await once(child.stdout, 'data');
    await agent.close();
    child.stdin.end('on\n');
    t.like(await ended, { code: 5, stdout: Buffer.from('ready\nread on\n') });
  });

  for (const [what, bytes] of Object.entries({
    'pass through': frame('P'),
    garbage: frame('Z'),
    nothing: Buffer.alloc(0),
  })) {
    test.serial(name(`R: after the child ran, ${what} leaves its status`), async (t) => {
      const bed = await wrapperBed(t, variant);
      await bed.agent(async ({ send, next, socket }) => {
        send('Rrestore\0c1\0');
        await next();
        socket.end(bytes);
      });
      t.is((await bed.run(kill).ended).code, 3);
      t.deepEqual(await bed.calls(), [['restore', 'c1']]);
    });
  }

  test.serial(name('R: a wrapper that is killed takes its child along'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.setRunc('#!/bin/sh\necho ready\nwhile kill -0 $PPID; do :; done\necho survived\n');
    await bed.agent(({ send }) => send('Rrestore\0'));
    const { child, ended } = bed.run(kill, { input: null });
    if (child.stdout === null) throw new Error('no standard output');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    t.like(await ended, { signal: 'SIGKILL', stdout: Buffer.from('ready\n') });
  });

  for (const [what, bytes] of Object.entries(refusedAnswers)) {
    test.serial(name(`no agent: ${what}`), async (t) => {
      const bed = await wrapperBed(t, variant);
      // What comes after a frame that is none must not count either.
      await bed.agent(({ socket }) => void socket.write(Buffer.concat([bytes, frame('X5\0\0')])));
      await assertRuncRan(t, bed, kill);
      await assertNotStartedAfresh(t, bed);
    });
  }

  for (const [what, talk] of Object.entries(leavingAgents)) {
    test.serial(name(`no agent: it ${what}`), async (t) => {
      const bed = await wrapperBed(t, variant);
      await bed.agent(talk);
      await assertRuncRan(t, bed, kill);
      await assertNotStartedAfresh(t, bed);
    });
  }

  for (const [what, talk] of Object.entries(silentAgents)) {
    test(name(`no agent: it ${what}`), async (t) => {
      const bed = await wrapperBed(t, variant);
      await bed.agent(talk);
      await assertRuncRan(t, bed, kill);
    });
  }

  test(name('W keeps the wrapper waiting beyond any single limit'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.agent(({ send, socket }) => {
      let asked = 0;
      const timer = setInterval(() => send(++asked < 4 ? 'W' : 'X6\0\0'), 1200);
      socket.on('close', () => clearInterval(timer));
    });
    t.is((await bed.run(kill).ended).code, 6);
  });

  test.serial(name('no agent: there is no socket, or nobody listens on it'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await assertRuncRan(t, bed, kill);
    await writeFile(join(bed.dir, 'run/runtime.sock'), '');
    await rm(join(bed.dir, 'calls'));
    await assertRuncRan(t, bed, kill);
  });

  test.serial(name('no agent: a container that waits for a handover is not started afresh'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const config = JSON.stringify({
      ociVersion: '1.2.0',
      padding: 'x'.repeat(300_000),
      annotations: { 'godwit.dev/handover': 'h1' },
    });
    await mkdir(join(bed.dir, 'bundle'));
    await writeFile(join(bed.dir, 'bundle/config.json'), config);
    const message =
      'godwit-runc: ERR_AGENT_UNAVAILABLE: container c1 waits for a handover, but the node agent does not answer on ' +
      'run/runtime.sock; start the agent, or remove the annotation godwit.dev/handover (a pod: delete it)';
    for (const bundle of [
      ['--bundle', 'bundle'],
      ['-b', 'bundle'],
      ['--bundle=bundle'],
      ['-b=bundle'],
      ['--bundle', 'no', '-bundle', 'bundle'],
    ]) {
      const args = ['--log', 'log.json', 'create', '--pid-file', 'p', ...bundle, 'c1'];
      t.like(await bed.run(args).ended, { code: 1, stderr: `${message}\n` });
      t.like(JSON.parse(await readFile(join(bed.dir, 'log.json'), 'utf8')), { level: 'error', msg: message });
      await rm(join(bed.dir, 'log.json'));
    }
    await writeFile(join(bed.dir, 'config.json'), config);
    t.is((await bed.run(['create', 'c1']).ended).code, 1);
    const many = Array.from({ length: 5000 }, () => '--no-new-keyring');
    t.is((await bed.run(['create', ...many, 'c1']).ended).code, 1);
    await t.throwsAsync(bed.calls(), { code: 'ENOENT' });
  });

  test.serial(
    name('no agent: a container of a pod that has not arrived is not started afresh, one of a pod that has is'),
    async (t) => {
      const bed = await wrapperBed(t, variant);
      const annotations = { 'godwit.dev/migration': 'm1', 'io.kubernetes.cri.sandbox-id': 's1' };
      await writeFile(join(bed.dir, 'config.json'), JSON.stringify({ annotations }));
      t.is((await bed.run(['create', 'c1']).ended).code, 1);
      await mkdir(join(bed.dir, 'run/arrived'));
      await writeFile(join(bed.dir, 'run/arrived/s2'), '');
      t.is((await bed.run(['create', 'c1']).ended).code, 1);
      await writeFile(join(bed.dir, 'run/arrived/s1'), '');
      t.is((await bed.run(['create', 'c1']).ended).code, 3);
    },
  );

  test.serial(name('H: the caller is told at once that it is done; X later ends the call without runc'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const held = Promise.withResolvers<Socket>();
    await bed.agent(({ send, socket }) => {
      send('H');
      held.resolve(socket);
    });
    t.like(await bed.run(kill).ended, { code: 0, stdout: Buffer.from('') });
    const socket = await held.promise;
    const closed = once(socket, 'close');
    socket.resume().write(frame('X0\0\0'));
    await closed;
    await t.throwsAsync(bed.calls(), { code: 'ENOENT' });
  });

  test.serial(name('H: a held call whose agent went away is asked again of the next one'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const first = await bed.agent(({ send }) => send('H'));
    t.is((await bed.run(kill).ended).code, 0);
    await first.close();
    const asked = Promise.withResolvers<Socket>();
    const second = await bed.agent(({ send, socket }) => {
      send('H');
      asked.resolve(socket);
    });
    const socket = await asked.promise;
    const closed = once(socket, 'close');
    socket.resume().write(frame('X0\0\0'));
    await closed;
    t.deepEqual(second.requests, [['kill', bed.dir, ...kill]]);
    await t.throwsAsync(bed.calls(), { code: 'ENOENT' });
  });

  for (const [what, act] of Object.entries({
    'is told to pass through': (socket: Socket): void => void socket.write(frame('P')),
    'loses its agent for good': (_socket: Socket, agent: AgentDouble): void => void agent.close(),
  })) {
    test.serial(name(`H: a held call that ${what} is carried out by runc`), async (t) => {
      const bed = await wrapperBed(t, variant);
      await bed.setRunc('#!/bin/sh\necho "$@" > done.new; mv done.new done\n');
      const held = Promise.withResolvers<Socket>();
      const agent = await bed.agent(({ send, socket }) => {
        send('H');
        held.resolve(socket);
      });
      const done = watch(bed.dir);
      t.is((await bed.run(kill).ended).code, 0);
      act(await held.promise, agent);
      for await (const { filename } of done) if (filename === 'done') break;
      t.is(await readFile(join(bed.dir, 'done'), 'utf8'), `${kill.join(' ')}\n`);
    });
  }

  test.serial(name('no agent: a kill of a container whose kills are held waits for the next agent'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await mkdir(join(bed.dir, 'run/held'));
    await writeFile(join(bed.dir, 'run/held/c1'), String(Math.floor(Date.now() / 1000) + 60));
    t.is((await bed.run(kill).ended).code, 0);
    const asked = Promise.withResolvers<Socket>();
    const agent = await bed.agent(({ send, socket }) => {
      send('X0\0\0');
      asked.resolve(socket);
    });
    await once((await asked.promise).resume(), 'close');
    t.deepEqual(agent.requests, [['kill', bed.dir, ...kill]]);
    await t.throwsAsync(bed.calls(), { code: 'ENOENT' });
  });

  test.serial(name('no agent: a mark whose time is over holds nothing'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await mkdir(join(bed.dir, 'run/held'));
    await writeFile(join(bed.dir, 'run/held/c1'), String(Math.floor(Date.now() / 1000) - 1));
    await assertRuncRan(t, bed, kill);
  });

  test.serial(name('no agent: any other container is created by runc'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const configs = ['{}', '{"annotations":{"godwit.dev/handovers":"","x/godwit.dev/handover":""}}', ''];
    for (const [i, config] of configs.entries()) {
      await mkdir(join(bed.dir, `b${i}`));
      await writeFile(join(bed.dir, `b${i}/config.json`), config);
    }
    await mkdir(join(bed.dir, 'directory/config.json'), { recursive: true });
    const calls = ['b0', 'b1', 'b2', 'missing', 'directory', 'x'.repeat(5000)].map((bundle) => [
      'create',
      '--bundle',
      bundle,
      'c1',
    ]);
    calls.push(['create', '--bundle'], ['create']);
    for (const args of calls) t.is((await bed.run(args).ended).code, 3);
    t.deepEqual(await bed.calls(), calls);
  });

  test.serial(name('no agent: what was restored is already started, and only that'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await writeFile(join(bed.dir, 'run/restored/c1'), '');
    t.like(await bed.run(['--log', 'l', 'start', 'c1']).ended, { code: 0, stderr: '', stdout: Buffer.alloc(0) });
    await writeFile(join(bed.dir, 'run/file'), '');
    const calls = [
      ['start', 'c2'],
      ['start', '../file'],
      ['start', '../restored/c1'],
      ['start', '.'],
      ['start', '..'],
      ['start', ''],
      ['start'],
      ['delete', 'c1'],
    ];
    calls.push(['start', 'x'.repeat(5000)]);
    for (const args of calls) t.is((await bed.run(args).ended).code, 3);
    t.deepEqual(await bed.calls(), calls);
  });

  test.serial(name('a request beyond 64 KiB does not reach the agent'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X9\0\0'));
    const many = ['kill', ...Array.from({ length: 20_000 }, (_, i) => `argument-${i}`)];
    await assertRuncRan(t, bed, many);
    t.deepEqual(agent.requests, []);
  });

  test.serial(name('a request of exactly 64 KiB does'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X9\0\0'));
    const args = ['kill', 'x'.repeat(64 * 1024 - 'kill\0kill\0\0\0'.length - bed.dir.length)];
    t.is((await bed.run(args).ended).code, 9);
    t.deepEqual(agent.requests, [['kill', bed.dir, ...args]]);
  });

  test.serial(name('never becomes itself: the next runc in PATH is taken'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await rm(join(bed.dir, 'bin/runc'));
    await symlink(join(repositoryRoot, 'build', variant, 'godwit-runc'), join(bed.dir, 'bin/runc'));
    await mkdir(join(bed.dir, 'other'));
    await writeFile(join(bed.dir, 'other/runc'), recordingRunc, { mode: 0o755 });
    await mkdir(join(bed.dir, 'copy'));
    await copyFile(join(repositoryRoot, 'build', variant, 'godwit-runc'), join(bed.dir, 'copy/runc'));
    const path = `/nowhere:${join(bed.dir, 'bin')}:${join(bed.dir, 'copy')}:${join(bed.dir, 'other')}:/usr/bin:/bin`;
    await assertRuncRan(t, bed, ['state', 'c1'], { env: { PATH: path } });
  });

  test.serial(name('no runc at all: says so, also in the log'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await mkdir(join(bed.dir, 'relative'));
    await rename(join(bed.dir, 'bin/runc'), join(bed.dir, 'relative/runc'));
    const ended = await bed.run(['--log', 'log.json', 'kill', 'c1'], { env: { PATH: 'relative::/nowhere' } }).ended;
    t.is(ended.code, 127);
    t.regex(ended.stderr, /ERR_RUNC_MISSING/);
    t.regex(await readFile(join(bed.dir, 'log.json'), 'utf8'), /ERR_RUNC_MISSING/);
  });

  for (const closed of ['<&- >&- 2>&-', '>&- 2>&-', '2>&-']) {
    test.serial(
      name(`a caller with closed descriptors (${closed}) does not mix up the socket with them`),
      async (t) => {
        const bed = await wrapperBed(t, variant);
        const { promise: heardBytes, resolve } = Promise.withResolvers<number>();
        const agent = await bed.agent(({ send, socket }) => {
          socket.on('close', () => resolve(socket.bytesRead));
          socket.resume();
          send('X8\0a message for a closed stderr\0');
        });
        const program = join(repositoryRoot, 'build', variant, 'godwit-runc');
        await bed.setRunc(`#!/bin/sh\n("${program}" --log log.json kill c1 ${closed}); echo "code $?"\n`);
        const ended = await bed.run(['state']).ended;
        t.is(ended.stdout.toString(), 'code 8\n');
        t.like(JSON.parse(await readFile(join(bed.dir, 'log.json'), 'utf8')), { msg: 'a message for a closed stderr' });
        t.is(await heardBytes, 4 + `${agent.requests[0]?.join('\0')}\0`.length);
      },
    );
  }
}

test('the release build is static and looks in the places that the documentation names', async (t) => {
  await build('node-agent/native/build.sh', 'release');
  const program = await readFile(join(repositoryRoot, 'build/godwit-runc'));
  const headers = await start('/usr/bin/readelf', ['-l', join(repositoryRoot, 'build/godwit-runc')], { cwd: '/' })
    .ended;
  t.is(headers.code, 0);
  t.notRegex(headers.stdout.toString(), /INTERP/);
  for (const place of ['/run/godwit/runtime.sock', '/usr/bin/runc', '/usr/sbin/runc', '/opt/godwit/bin/runc'])
    t.true(program.includes(place));
});

test('arguments and frames of any kind neither break the wrapper nor are misread', async (t) => {
  await build('node-agent/native/build.sh', 'fuzz');
  const ended = await start(join(repositoryRoot, 'build/fuzz/godwit-runc'), ['-runs=200000'], { cwd: '/' }).ended;
  t.is(ended.code, 0, ended.stderr);
});
