import { once } from 'node:events';
import { mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { build, testVariants } from '#core/native/program.ts';
import { frame, type Conversation } from '#agent/native/agent-double.ts';
import { isAlive } from '#agent/runtime/processes.ts';
import { wrapperBed } from '#agent/native/wrapper-bed.ts';

test.before('build', async () => {
  for (const variant of testVariants) await build('node-agent/native/build.sh', variant);
});

/**
 * What no agent means to each action: before the step a no, after it a long wait and then a no, while resuming nothing.
 */
const codeAlone: Record<string, number> = {
  'pre-dump': 1,
  'pre-restore': 1,
  'post-dump': 1,
  'post-restore': 1,
  'pre-resume': 0,
  'post-resume': 0,
};
const waitingActions = ['post-dump', 'post-restore'];

const badAnswers: Record<string, (conversation: Conversation) => void> = {
  'closes at once': ({ socket }) => socket.destroy(),
  'says pass through': ({ send }) => send('P'),
  'says run': ({ send }) => send('Rstate\0'),
  'says garbage': ({ send }) => send('Z'),
  'leaves after asking for patience': ({ socket }) => socket.end(frame('W')),
};

for (const variant of testVariants) {
  const name = (title: string): string => `[${variant}] ${title}`;

  test.serial(name('other actions do not ask'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X9\0\0'));
    for (const action of [
      'setup-namespaces',
      'post-setup-namespaces',
      'network-lock',
      'network-unlock',
      'pre-stream',
      '',
      'post-dump ',
    ]) {
      t.like(await bed.hook(action).ended, { code: 0, stderr: '' });
    }
    t.deepEqual(agent.requests, []);
  });

  test.serial(name('the agent hears action, process and image directory, and its code is the code'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send, request }) => {
      send('W');
      send(`X${request[3]}\0because\0`);
    });
    for (const [i, action] of Object.keys(codeAlone).entries()) {
      const ended = await bed.hook(action, { CRTOOLS_INIT_PID: `${i}`, CRTOOLS_IMAGE_DIR: '/images' }).ended;
      t.like(ended, { code: i, stderr: 'because\n' });
      t.deepEqual(agent.requests.at(-1), ['hook', bed.dir, action, `${i}`, '/images']);
    }
  });

  test.serial(name('an image directory named by a descriptor is named by its path'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const agent = await bed.agent(({ send }) => send('X0\0\0'));
    await mkdir(join(bed.dir, 'images'));
    await symlink('/images', join(bed.dir, 'link'));
    const images = await open(join(bed.dir, 'images'));
    t.teardown(async () => images.close());
    const named = `/proc/${process.pid}/fd/${images.fd}`;
    for (const path of [named, '/proc/self/fd/9999', join(bed.dir, 'link')])
      t.is((await bed.hook('post-dump', { CRTOOLS_IMAGE_DIR: path }).ended).code, 0);
    t.is((await bed.hook('post-dump').ended).code, 0);
    t.deepEqual(
      agent.requests.map((request) => request.slice(2)),
      [
        ['post-dump', '', join(bed.dir, 'images')],
        ['post-dump', '', '/proc/self/fd/9999'],
        ['post-dump', '', join(bed.dir, 'link')],
        ['post-dump', '', ''],
      ],
    );
  });

  test.serial(name('without an action it is nobody: neither hook nor runc'), async (t) => {
    const bed = await wrapperBed(t, variant);
    const ended = await bed.hook(undefined).ended;
    t.is(ended.code, 1);
    t.regex(ended.stderr, /only CRIU calls this/);
    await t.throwsAsync(bed.calls(), { code: 'ENOENT' });
  });

  test.serial(name('under its own name an action in the environment means nothing'), async (t) => {
    const bed = await wrapperBed(t, variant);
    await bed.run(['state', 'c1'], { env: { CRTOOLS_SCRIPT_ACTION: 'pre-dump' } }).ended;
    t.deepEqual(await bed.calls(), [['state', 'c1']]);
  });

  for (const [action, code] of Object.entries(codeAlone)) {
    const run = waitingActions.includes(action) ? test : test.serial;
    run(name(`${action}: without an agent ends with ${code}`), async (t) => {
      const bed = await wrapperBed(t, variant);
      t.is((await bed.hook(action).ended).code, code);
    });
  }

  for (const [what, talk] of Object.entries(badAnswers)) {
    for (const [action, code] of Object.entries(codeAlone).filter(([each]) => !waitingActions.includes(each))) {
      test.serial(name(`${action}: an agent that ${what} is none; asked once`), async (t) => {
        const bed = await wrapperBed(t, variant);
        const agent = await bed.agent(talk);
        t.is((await bed.hook(action).ended).code, code);
        t.is(agent.requests.length, 1);
      });
    }
    for (const action of waitingActions) {
      test.serial(name(`${action}: an agent that ${what} is asked again, with the same words`), async (t) => {
        const bed = await wrapperBed(t, variant);
        const agent = await bed.agent((conversation): void =>
          agent.requests.length < 4 ? talk(conversation) : conversation.send('X5\0\0'),
        );
        t.is((await bed.hook(action, { CRTOOLS_INIT_PID: '77' }).ended).code, 5);
        t.deepEqual(
          agent.requests,
          Array.from({ length: 4 }, () => ['hook', bed.dir, action, '77', '']),
        );
      });
    }
  }

  for (const action of waitingActions) {
    test.serial(name(`${action}: waits for an agent that comes back`), async (t) => {
      const bed = await wrapperBed(t, variant);
      const { promise: asked, resolve } = Promise.withResolvers<void>();
      const first = await bed.agent(({ send }) => {
        send('W');
        resolve();
      });
      const { ended } = bed.hook(action);
      await asked;
      await first.close();
      const second = await bed.agent(({ send }) => send('X4\0\0'));
      t.is((await ended).code, 4);
      t.deepEqual(second.requests, [['hook', bed.dir, action, '', '']]);
    });

    test.serial(name(`${action}: ends with the CRIU that called it`), async (t) => {
      const bed = await wrapperBed(t, variant);
      const asked = Promise.withResolvers<void>();
      await bed.agent(() => asked.resolve());
      const criu = bed.hookOf(action);
      t.teardown(async () => void criu.kill('SIGKILL'));
      const [said] = await once(criu.stdout, 'data');
      await asked.promise;
      criu.kill('SIGKILL');
      const hook = Number(said);
      for (const end = performance.now() + 2_000; isAlive(hook) && performance.now() < end;) await sleep(10);
      t.false(isAlive(hook));
    });

    test(name(`${action}: agents that never decide do not hold it for ever`), async (t) => {
      const bed = await wrapperBed(t, variant);
      const agent = await bed.agent(({ socket }) => void socket.destroy());
      t.is((await bed.hook(action).ended).code, 1);
      t.true(agent.requests.length > 1);
    });
  }
}
