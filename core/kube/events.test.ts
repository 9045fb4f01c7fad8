// Each turn of a story is told once, in a form that the API takes.
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import { pino } from 'pino';
import { Events, type Turn } from './events.ts';
import { testCluster } from './testing/access.ts';
import { HandClock } from './testing/hand-clock.ts';

const regarding = { apiVersion: 'v1', kind: 'Pod', name: 'shop-0', namespace: 'shop', uid: 'u1' };
const moved: Turn = { regarding, type: 'Normal', reason: 'Moved', action: 'Migrate', note: 'shop-0 moved' };
const kinds = '/apis/events.k8s.io/v1/events';
const eventSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }), note: z.string() });

async function teller(t: ExecutionContext) {
  const { server, api } = await testCluster(t);
  const logged: string[] = [];
  const events = new Events(api, new HandClock(), pino({}, { write: (line) => void logged.push(line) }), {
    controller: 'godwit.dev/controller',
    instance: 'godwit-controller-1',
  });
  const told = (namespace = 'shop') => server.store.list({ kinds, namespace }).map((event) => eventSchema.parse(event));
  return { server, events, told, logged };
}

test('an event says what, about whom, when and by whom', async (t) => {
  const { events, told } = await teller(t);
  const related = { apiVersion: 'godwit.dev/v1alpha1', kind: 'Migration', name: 'm', namespace: 'shop', uid: 'u2' };
  await events.tell({ ...moved, related });
  t.like(told()[0], {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    type: 'Normal',
    reason: 'Moved',
    action: 'Migrate',
    note: 'shop-0 moved',
    regarding,
    related,
    eventTime: '2026-11-23T19:00:00.000000Z',
    reportingController: 'godwit.dev/controller',
    reportingInstance: 'godwit-controller-1',
  });
});

test('the same turn is told once, another turn by itself', async (t) => {
  const { events, told, logged } = await teller(t);
  await events.tell(moved);
  await events.tell(moved);
  t.is(told().length, 1);
  await events.tell({ ...moved, regarding: { ...regarding, uid: 'u9' } });
  await events.tell({ ...moved, note: 'shop-0 moved back' });
  t.is(told().length, 3);
  t.deepEqual(logged, []);
});

test('what has no namespace is told of in the default one', async (t) => {
  const { events, told } = await teller(t);
  await events.tell({ ...moved, regarding: { apiVersion: 'v1', kind: 'Node', name: 'node-a' } });
  t.is(told('default').length, 1);
});

test('long names and long notes are cut to what the API takes', async (t) => {
  const { events, told } = await teller(t);
  await events.tell({
    ...moved,
    regarding: { ...regarding, name: `${'a'.repeat(199)}-${'b'.repeat(50)}` },
    note: `x${'→'.repeat(600)}`,
  });
  const [event] = told();
  const name = event?.metadata.name ?? '';
  t.regex(name, /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/);
  t.true(name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label)) && name.length <= 253);
  t.is(event?.note, `x${'→'.repeat(341)}`);
});

test('an event that cannot be written fails nobody, and is logged', async (t) => {
  const { server, events, logged } = await teller(t);
  server.fail('POST', /events/, { status: 403, body: { message: 'not allowed' } });
  await events.tell(moved);
  t.true(logged.some((line) => line.includes('not allowed') && line.includes('Moved')));
});
