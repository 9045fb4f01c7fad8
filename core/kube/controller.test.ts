// Each name is worked on by one worker at a time, and none is lost.
import test from 'ava';
import { silentLog } from '#core/log.ts';
import { Controller, type Reconciler } from './controller.ts';
import type { ObjectName } from './port.ts';
import { HandClock } from './testing/hand-clock.ts';
import { until } from './testing/until.ts';

const a: ObjectName = { name: 'a', namespace: 'shop' };
const b: ObjectName = { name: 'b', namespace: 'shop' };

interface Piece {
  name: string;
  /** Ends the work. */
  end(answer?: { requeueAfterMs?: number } | Error): void;
}

/** A controller whose work ends when the test says so. */
function rig(workers?: number) {
  const clock = new HandClock();
  const begun: Piece[] = [];
  const reconcile: Reconciler['reconcile'] = ({ name }) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ requeueAfterMs?: number }>();
    begun.push({ name, end: (answer = {}) => (answer instanceof Error ? reject(answer) : resolve(answer)) });
    return promise;
  };
  const controller = new Controller(
    { name: 'test', reconcile, ...(workers === undefined ? {} : { workers }) },
    clock,
    silentLog,
  );
  /** Ends the piece and waits until `depth` names are left. */
  const finish = async (index: number, answer?: Parameters<Piece['end']>[0], depth = 0): Promise<void> => {
    begun[index]?.end(answer);
    await until(() => controller.depth === depth, `depth ${depth}`);
  };
  return {
    clock,
    controller,
    begun,
    finish,
    began: (count: number) => until(() => begun.length === count, `${count} pieces of work`),
  };
}

test('a name that is added while it is worked on is worked on once more, afterwards', async (t) => {
  const { controller, begun, began, finish } = rig();
  controller.add(a);
  await began(1);
  controller.add(a);
  controller.add(a);
  t.is(begun.length, 1);
  begun[0]?.end();
  await began(2);
  await finish(1);
  t.is(begun.length, 2);
});

test('a name that waits is worked on once, however often it is added', async (t) => {
  const { controller, begun, began, finish } = rig(1);
  controller.add(a);
  await began(1);
  controller.add(b);
  controller.add(b);
  t.is(controller.depth, 2);
  begun[0]?.end();
  await began(2);
  await finish(1);
  t.deepEqual(
    begun.map(({ name }) => name),
    ['a', 'b'],
  );
});

test('different names are worked on side by side, up to the number of workers', async (t) => {
  const { controller, begun, began } = rig(2);
  for (const name of ['a', 'b', 'c']) controller.add({ name });
  await began(2);
  t.is(controller.depth, 3);
  begun[1]?.end();
  await began(3);
  t.deepEqual(
    begun.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
});

test('the same name in another namespace is another name', async (t) => {
  const { controller, began } = rig();
  controller.add(a);
  controller.add({ name: 'a', namespace: 'bank' });
  await began(2);
  t.is(controller.depth, 2);
});

test('failures come again later and later; success forgets them', async (t) => {
  const { clock, controller, begun, began, finish } = rig();
  controller.add(a);
  const delays: number[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    await began(tries + 1);
    await finish(tries, new Error('not yet'));
    delays.push(clock.advanceToNext());
  }
  t.deepEqual(delays, [50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
  await began(13);
  await finish(12);
  controller.add(a);
  await began(14);
  await finish(13, new Error('again'));
  t.deepEqual(clock.pending, [50]);
  t.is(begun.length, 14);
});

test('what throws at once comes again too', async (t) => {
  const clock = new HandClock();
  let tries = 0;
  const controller = new Controller(
    {
      name: 'test',
      reconcile: () => {
        tries += 1;
        throw new Error('at once');
      },
    },
    clock,
    silentLog,
  );
  controller.add(a);
  await until(() => controller.depth === 0, 'the end of the first try');
  clock.advance(50);
  await until(() => tries === 2, 'a second try');
  t.pass();
});

test('what adds itself is not worked on twice at a time', async (t) => {
  let running = 0;
  let times = 0;
  const controller: Controller = new Controller(
    {
      name: 'test',
      async reconcile(name) {
        running += 1;
        times += 1;
        t.is(running, 1);
        if (times < 3) controller.add(name);
        await Promise.resolve();
        running -= 1;
        return {};
      },
    },
    new HandClock(),
    silentLog,
  );
  controller.add(a);
  await until(() => controller.depth === 0, 'the end');
  t.is(times, 3);
});

test('the work says when it wants to look again; the sooner wish counts', async (t) => {
  const { clock, controller, begun, began, finish } = rig();
  controller.add(a);
  await began(1);
  await finish(0, { requeueAfterMs: 1_000 });
  controller.addAfter(a, 5_000);
  t.deepEqual(clock.pending, [1_000]);
  controller.addAfter(a, 200);
  t.deepEqual(clock.pending, [200]);
  clock.advance(199);
  t.is(begun.length, 1);
  clock.advance(1);
  await began(2);
  t.deepEqual(clock.pending, []);
});

test('closing waits for what runs and begins nothing new', async (t) => {
  const { clock, controller, begun, began } = rig(1);
  controller.addAfter({ name: 'later' }, 100);
  controller.add(a);
  await began(1);
  controller.add(a);
  controller.add(b);
  let closed = false;
  const closing = controller.close().then(() => (closed = true));
  controller.add({ name: 'c' });
  controller.addAfter({ name: 'd' }, 10);
  await new Promise((turn) => setImmediate(turn));
  t.false(closed);
  begun[0]?.end({ requeueAfterMs: 5 });
  await closing;
  t.deepEqual(clock.pending, []);
  t.deepEqual(
    begun.map(({ name }) => name),
    ['a'],
  );
});
