// CRIU's hooks meet the handover that waits for them, in whatever order they come.
import test from 'ava';
import type { Conversation } from '#agent/runtime/wrapper-server.ts';
import { HookDesk } from './hook-desk.ts';

const root = '/run/godwit/images';
const images = `${root}/one/images`;

/** A hook at `action`; `exits` gathers what it was told. */
function hook(action: string, directory = images, pid = 7): Conversation & { exits: number[] } {
  const exits: number[] = [];
  return {
    exits,
    request: { command: 'hook', cwd: '/', args: [action, String(pid), directory] },
    passThrough: () => undefined,
    hold: () => undefined,
    askForPatience: () => undefined,
    exit: (code) => void exits.push(code),
    run: () => Promise.resolve(0),
    gone: Promise.resolve(),
  };
}

test('a hook that is awaited waits for its answer', async (t) => {
  const desk = new HookDesk(root);
  const waiting = desk.open(images).next('post-dump');
  const conversation = hook('post-dump');
  desk.attend(conversation);
  const call = await waiting;
  t.is(call.pid, 7);
  t.deepEqual(conversation.exits, []);
  call.abort();
  t.deepEqual(conversation.exits, [1]);
});

test('a hook that comes first is given out once', async (t) => {
  const desk = new HookDesk(root);
  const watch = desk.open(images);
  const conversation = hook('post-restore');
  desk.attend(conversation);
  (await watch.next('post-restore')).proceed();
  t.deepEqual(conversation.exits, [0]);
  let again = false;
  void watch.next('post-restore').then(() => (again = true));
  await Promise.resolve();
  t.false(again);
});

test('a hook that lost its connection and asks again gets the answer, before or after it was given', async (t) => {
  const desk = new HookDesk(root);
  const watch = desk.open(images);
  const [first, second, third] = [hook('post-dump'), hook('post-dump'), hook('post-dump')];
  desk.attend(first);
  desk.attend(second);
  (await watch.next('post-dump')).proceed();
  t.deepEqual(second.exits, [0]);
  desk.attend(third);
  t.deepEqual(third.exits, [0]);
});

test('hooks of handovers that are not known here give up; those of others go on', (t) => {
  const desk = new HookDesk(root);
  const [ours, others, late] = [hook('post-dump'), hook('post-dump', '/tmp/checkpoint'), hook('post-resume')];
  for (const conversation of [ours, others, late]) desk.attend(conversation);
  t.deepEqual([ours.exits, others.exits, late.exits], [[1], [0], [0]]);
});

test('hooks that nobody holds go on', (t) => {
  const desk = new HookDesk(root);
  desk.open(images);
  for (const action of ['pre-resume', 'network-unlock', 'setup-namespaces', '']) {
    const conversation = hook(action);
    desk.attend(conversation);
    t.deepEqual(conversation.exits, [0], action);
  }
});

test('at post-resume the first task alone names the handover', async (t) => {
  const desk = new HookDesk(root);
  const watch = desk.open(images);
  desk.attend(hook('post-restore'));
  const late = hook('post-resume', '');
  desk.attend(late);
  (await watch.next('post-resume')).proceed();
  t.deepEqual(late.exits, [0]);
});

test('after the end of its handover a waiting hook and later ones give up', (t) => {
  const desk = new HookDesk(root);
  const watch = desk.open(images);
  const [waiting, later] = [hook('post-dump'), hook('post-dump')];
  desk.attend(waiting);
  watch.close();
  desk.attend(later);
  t.deepEqual([waiting.exits, later.exits], [[1], [1]]);
});
