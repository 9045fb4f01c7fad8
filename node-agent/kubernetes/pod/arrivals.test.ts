// The replacement's `create` and its handover meet, whichever comes first; nobody waits for what will not come.
import test, { type ExecutionContext } from 'ava';
import type { Arrival } from '#agent/runtime/pod-desk.ts';
import { conversation } from '#agent/runtime/testing/conversation.ts';
import { Arrivals } from './arrivals.ts';

function announced(migration: string | undefined, container: string): Arrival {
  return {
    create: conversation(),
    oci: { id: 'c1', root: '/r', bundle: '/b', pidFile: undefined, processFile: undefined, signal: 'SIGTERM' },
    pod: {
      namespace: 'default',
      name: 'shop-0',
      uid: 'u2',
      sandbox: 's1',
      container,
      ...(migration === undefined ? {} : { migration }),
    },
    spec: {},
  };
}

const never = new Promise<void>(() => undefined);

/** A handover that expects it has it, and carries it out. */
async function assertKept(
  t: ExecutionContext,
  arrivals: Arrivals,
  arrival: Arrival,
  expected: Promise<Arrival>,
): Promise<void> {
  const attended = arrivals.attend(arrival, never);
  t.is(await expected, arrival);
  arrivals.keep(arrival);
  t.true(await attended);
}

test('a create that is given back waits for the next handover, and gives up like any other', async (t) => {
  const arrivals = new Arrivals();
  const arrival = announced('m1', 'app');
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const attended = arrivals.attend(arrival, over);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    t.is(await arrivals.expect('m1', 'app'), arrival);
    arrivals.giveBack(arrival);
    await Promise.resolve();
  }
  end();
  t.false(await attended);
});

test('a create that a handover has does not give up meanwhile', async (t) => {
  const arrivals = new Arrivals();
  const arrival = announced('m1', 'app');
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const attended = arrivals.attend(arrival, over);
  t.is(await arrivals.expect('m1', 'app'), arrival);
  end();
  arrivals.keep(arrival);
  t.true(await attended);
});

test('a create that waits is given to the handover that comes', async (t) => {
  const arrivals = new Arrivals();
  const arrival = announced('m1', 'app');
  const attended = arrivals.attend(arrival, never);
  t.is(await arrivals.expect('m1', 'app'), arrival);
  arrivals.keep(arrival);
  t.true(await attended);
});

test('a handover that waits is given the create that comes', async (t) => {
  const arrivals = new Arrivals();
  const arrival = announced('m1', 'app');
  const expected = arrivals.expect('m1', 'app');
  await assertKept(t, arrivals, arrival, expected);
});

for (const [what, migration, container] of [
  ['Migration', 'm2', 'app'],
  ['Migration whose UID begins alike', 'm11', 'app'],
  ['container', 'm1', 'side'],
] as const) {
  test(`a create of another ${what} is not taken`, async (t) => {
    const arrivals = new Arrivals();
    const taken = arrivals.expect('m1', 'app');
    t.false(await arrivals.attend(announced(migration, container), Promise.resolve()));
    const own = announced('m1', 'app');
    await assertKept(t, arrivals, own, taken);
  });
}

test('each is given away once', async (t) => {
  const arrivals = new Arrivals();
  const [first, second] = [announced('m1', 'app'), announced('m1', 'app')];
  const expected = arrivals.expect('m1', 'app');
  await assertKept(t, arrivals, first, expected);
  t.false(await arrivals.attend(second, Promise.resolve()));
});

test('a create that gave up is not given to a handover that comes late', async (t) => {
  const arrivals = new Arrivals();
  t.false(await arrivals.attend(announced('m1', 'app'), Promise.resolve()));
  const expected = arrivals.expect('m1', 'app');
  const next = announced('m1', 'app');
  await assertKept(t, arrivals, next, expected);
});

test('a create whose wait failed is not given to a handover that comes late', async (t) => {
  const arrivals = new Arrivals();
  await t.throwsAsync(arrivals.attend(announced('m1', 'app'), Promise.reject(new Error('the caller is gone'))), {
    message: 'the caller is gone',
  });
  const expected = arrivals.expect('m1', 'app');
  const next = announced('m1', 'app');
  await assertKept(t, arrivals, next, expected);
});

test('of two creates that wait the newer one is taken, and the end of the older one changes nothing', async (t) => {
  const arrivals = new Arrivals();
  const { promise: gone, resolve: end } = Promise.withResolvers<void>();
  const [older, newer] = [announced('m1', 'app'), announced('m1', 'app')];
  const [first, second] = [arrivals.attend(older, gone), arrivals.attend(newer, never)];
  end();
  t.false(await first);
  t.is(await arrivals.expect('m1', 'app'), newer);
  arrivals.keep(newer);
  t.true(await second);
});

test('a handover that is over takes no create any more, those of others go on', async (t) => {
  const arrivals = new Arrivals();
  void arrivals.expect('m1', 'app');
  void arrivals.expect('m1', 'side');
  const other = arrivals.expect('m11', 'app');
  arrivals.forget('m1');
  t.false(await arrivals.attend(announced('m1', 'app'), Promise.resolve()));
  t.false(await arrivals.attend(announced('m1', 'side'), Promise.resolve()));
  const arrival = announced('m11', 'app');
  await assertKept(t, arrivals, arrival, other);
});

test('a container of a pod that replaces nothing does not wait', async (t) => {
  await t.throwsAsync(new Arrivals().attend(announced(undefined, 'app'), never), { code: 'ERR_INTERNAL' });
});
