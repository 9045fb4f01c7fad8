// A local copy stays true over ends, cuts and forgotten versions of its watch.
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { collectionPath } from './api.ts';
import type { ListOptions } from './port.ts';
import { ListWatch } from './reflector.ts';
import { configMaps } from './resources.ts';
import { testCluster } from './testing/access.ts';
import { HandClock } from './testing/hand-clock.ts';
import { statusBody } from './testing/status-body.ts';
import { until } from './testing/until.ts';

const kinds = collectionPath(configMaps, undefined);
const named = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  metadata: { name, namespace: 'shop', labels },
  data,
});

/** A copy of the ConfigMaps `a` and `b`, which tells what it was told. */
async function copied(t: ExecutionContext, options: ListOptions = { namespace: 'shop' }) {
  const { server, connection, api } = await testCluster(t);
  const clock = new HandClock();
  const logged: string[] = [];
  const copy = new ListWatch(
    { api, connection, clock, log: pino({}, { write: (line) => void logged.push(line) }) },
    configMaps,
    options,
  );
  const told: string[] = [];
  copy.onChange(({ type, object, previous }) =>
    told.push(`${type} ${object.metadata.name}${previous === undefined ? '' : ' again'}`),
  );
  for (const name of ['a', 'b']) server.store.write(kinds, named(name));
  copy.start();
  t.teardown(() => copy.close());
  await copy.synced(1_000);
  await until(() => server.watches.count() === 1, 'a watch');
  const lists = () => server.asked('GET', /configmaps\?limit/).length;
  const watchedFrom = () =>
    server.asked('GET', /watch=1/).map(({ path }) => new URLSearchParams(path.split('?')[1]).get('resourceVersion'));
  /** Until the copy pauses; lets the pause pass. */
  const pause = async (): Promise<number> => {
    await until(() => clock.pending.length === 1, 'a pause');
    return clock.advanceToNext();
  };
  return { server, copy, clock, told, logged, lists, watchedFrom, pause };
}

test('what is there is listed, then every change is told', async (t) => {
  const { server, copy, told } = await copied(t);
  server.store.write(kinds, named('c'));
  server.store.write(kinds, named('a', { colour: 'red' }));
  server.store.remove(kinds, 'shop', 'b');
  await until(() => told.length === 5, 'three changes');
  t.deepEqual(told, ['set a', 'set b', 'set c', 'set a again', 'deleted b']);
  t.is(copy.get({ name: 'a', namespace: 'shop' })?.data?.['colour'], 'red');
  t.deepEqual(
    copy.list('shop').map(({ metadata }) => metadata.name),
    ['a', 'c'],
  );
  t.deepEqual(copy.list('elsewhere'), []);
});

test('only what is selected is copied', async (t) => {
  const { server, told } = await copied(t, { namespace: 'shop', labelSelector: 'app=shop' });
  server.store.write(kinds, named('other'));
  server.store.write(kinds, named('mine', {}, { app: 'shop' }));
  await until(() => told.length > 0, 'a change');
  t.deepEqual(told, ['set mine']);
});

test('a watch that the server ends goes on from the last bookmark, without a new list', async (t) => {
  const { server, told, lists, watchedFrom } = await copied(t);
  for (let other = 0; other < 5; other += 1) server.store.write('/api/v1/secrets', named('s'));
  server.watches.bookmark();
  const { version } = server.store;
  server.watches.end();
  await until(() => watchedFrom().length === 2, 'a second watch');
  t.is(watchedFrom()[1], String(version));
  server.store.write(kinds, named('c'));
  await until(() => told.length === 3, 'the change');
  t.is(lists(), 1);
});

test('after a cut a deletion that was missed is told, and what is as it was is not', async (t) => {
  const { server, told, pause, lists } = await copied(t);
  server.watches.cut();
  await until(() => server.watches.count() === 0, 'the cut');
  server.store.remove(kinds, 'shop', 'a');
  server.store.write(kinds, named('c'));
  await pause();
  await until(() => told.length === 4, 'what was missed');
  t.deepEqual(told.slice(2), ['deleted a', 'set c']);
  t.is(lists(), 2);
});

test('a version that the server has forgotten leads to a new list', async (t) => {
  const { server, told, pause, lists, watchedFrom } = await copied(t);
  server.watches.bookmark();
  const from = server.store.version;
  server.store.write('/api/v1/secrets', named('s'));
  server.store.forget();
  server.watches.end();
  await pause();
  await until(() => server.watches.count() === 1, 'a watch after the new list');
  t.is(watchedFrom()[1], String(from));
  t.is(lists(), 2);
  server.watches.say('ERROR', statusBody(410, 'Expired', 'too old resource version'));
  await pause();
  await until(() => lists() === 3, 'another list');
  server.store.write(kinds, named('c'));
  await until(() => told.includes('set c'), 'the change after');
  t.deepEqual(told, ['set a', 'set b', 'set c']);
});

test('a listener that throws neither ends the watch nor keeps others from being told, and is logged', async (t) => {
  const { server, copy, told, logged } = await copied(t);
  const later: string[] = [];
  copy.onChange(() => {
    throw new Error('a bug');
  });
  const unsubscribe = copy.onChange(({ object }) => later.push(object.metadata.name));
  server.store.write(kinds, named('c'));
  await until(() => later.length === 1, 'the listener after it');
  unsubscribe();
  server.store.write(kinds, named('d'));
  await until(() => told.includes('set d'), 'the next change');
  t.deepEqual(later, ['c']);
  t.is(server.watches.count(), 1);
  t.true(logged.some((line) => line.includes('a bug')));
});

test('failures are tried again later and later, and not beyond half a minute', async (t) => {
  const { server, clock, pause, told } = await copied(t);
  const heal = server.fail('GET', /configmaps/, { status: 503 });
  server.watches.cut();
  const delays: number[] = [];
  for (let failed = 0; failed < 9; failed += 1) delays.push(await pause());
  for (const [index, delayMs] of delays.entries()) {
    const longest = Math.min(500 * 2 ** index, 30_000);
    t.true(delayMs >= longest / 2 && delayMs <= longest, `${index}: ${delayMs}`);
  }
  await until(() => clock.pending.length === 1, 'the next pause');
  heal();
  server.store.write(kinds, named('c'));
  clock.advanceToNext();
  await until(() => told.includes('set c'), 'the change after');
});

test('a watch that ends without a word is not asked again at once', async (t) => {
  const { server, pause, watchedFrom, lists } = await copied(t);
  server.watches.end();
  await until(() => server.watches.count() === 0, 'the end');
  t.true((await pause()) > 0);
  await until(() => watchedFrom().length === 2, 'a second watch');
  t.is(lists(), 2);
});

test('it tells when the server was last heard', async (t) => {
  const { server, copy, clock } = await copied(t);
  clock.advance(70_000);
  t.is(copy.lastHeardAt(), 0);
  server.watches.bookmark();
  await until(() => copy.lastHeardAt() === 70_000, 'the bookmark');
  t.pass();
});

test('closing ends a watch, and a pause, at once', async (t) => {
  const watching = await copied(t);
  await watching.copy.close();
  t.is(watching.clock.pending.length, 0);
  const pausing = await copied(t);
  pausing.server.watches.cut();
  await until(() => pausing.clock.pending.length === 1, 'a pause');
  await pausing.copy.close();
  t.is(pausing.clock.pending.length, 0);
  t.is(pausing.lists(), 1);
});

/** As of a newer version of the API: whoever wrote it, it is no ConfigMap for us. */
const broken = (name: string) => ({ metadata: { name, namespace: 'shop' }, data: { value: 5 } });

test('an object that cannot be read is left out, and hides nothing else', async (t) => {
  const { server, copy, told, logged, lists } = await copied(t);
  server.store.write(kinds, broken('bad'));
  server.store.write(kinds, named('c'));
  await until(() => told.length === 3, 'a change after it');
  t.is(copy.get({ name: 'bad', namespace: 'shop' }), undefined);
  t.like(copy.unreadable(), { length: 1, 0: { name: 'bad', namespace: 'shop' } });
  t.is(logged.filter((line) => line.includes('cannot be read')).length, 1);
  t.is(lists(), 1, 'the watch goes on');
});

test('a first list with an object that cannot be read is complete without it', async (t) => {
  const { server, connection, api } = await testCluster(t);
  for (const object of [named('a'), broken('bad'), named('b')]) server.store.write(kinds, object);
  const copy = new ListWatch({ api, connection, clock: new HandClock(), log: pino({ enabled: false }) }, configMaps);
  copy.start();
  t.teardown(() => copy.close());
  await copy.synced(1_000);
  t.deepEqual(
    copy.list().map(({ metadata }) => metadata.name),
    ['a', 'b'],
  );
  t.is(copy.unreadable().length, 1);
  server.store.write(kinds, named('bad'));
  await until(() => copy.list().length === 3, 'it can be read now');
  t.deepEqual(copy.unreadable(), []);
});

test('an object that can be read no longer is not gone: what was known of it stays until it is deleted', async (t) => {
  const { server, copy, told } = await copied(t);
  server.store.write(kinds, broken('a'));
  await until(() => copy.unreadable().length === 1, 'it is noticed');
  t.is(copy.list().length, 2);
  server.watches.cut();
  server.store.forget();
  server.store.remove(kinds, 'shop', 'b');
  t.is(copy.get({ name: 'a', namespace: 'shop' })?.metadata.name, 'a');
  server.store.remove(kinds, 'shop', 'a');
  t.false(told.includes('deleted a'));
});

test('one that cannot be read and is deleted is gone', async (t) => {
  const { server, copy, told } = await copied(t);
  server.store.write(kinds, broken('a'));
  server.store.remove(kinds, 'shop', 'a');
  await until(() => told.includes('deleted a'), 'it is gone');
  t.deepEqual(copy.unreadable(), []);
});
