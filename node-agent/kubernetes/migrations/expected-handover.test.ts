// A node takes a handover only from the source that its Migration names, in the attempt that it names.
import test from 'ava';
import type { Migration } from '#core/api/migration.ts';
import { migration } from '#core/testing/objects.ts';
import { handoverId } from './handover-id.ts';
import { mustBeExpected } from './expected-handover.ts';

const uid = '01234567-89ab-cdef-0123-456789abcdef';
const id = handoverId(uid, 2);
const moving = (handover: string): Migration =>
  migration({
    metadata: { uid },
    status: { source: { name: 'db-0', uid: 'u1', nodeName: 'a' }, handover: { id: handover, state: 'preparing' } },
  });
const view = (watched: Migration | undefined, live: Migration | undefined) => ({
  knownMigration: (asked: string) => (asked === uid ? watched : undefined),
  liveMigration: () => Promise.resolve(live),
});

test('the source that the status names is taken, also when the watch is late', async (t) => {
  await t.notThrowsAsync(mustBeExpected(view(moving(id), undefined), 'a', id));
  await t.notThrowsAsync(mustBeExpected(view(moving(handoverId(uid, 1)), moving(id)), 'a', id));
});

test('another node, another attempt, a Migration that nobody knows: refused', async (t) => {
  for (const [watched, node, handover] of [
    [moving(id), 'c', id],
    [moving(id), 'a', handoverId(uid, 3)],
    [moving(id), 'a', 'no-migration'],
    [undefined, 'a', id],
  ] as const) {
    await t.throwsAsync(mustBeExpected(view(watched, moving(id)), node, handover), { code: 'ERR_NOT_CLAIMED' });
  }
});
