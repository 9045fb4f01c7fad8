// What is told of the last attempt, also when the move was given up after it.
import test from 'ava';
import { migration } from '#core/testing/objects.ts';
import { recordOf } from './migration-record.ts';

const error = { code: 'ERR_RESTORE', message: 'no such file', retryable: true, remedy: 'r', reason: 'RestoreFailed' };
const timeline = [{ lane: 'target' as const, step: 'restore', startedAt: 1, finishedAt: 2 }];

for (const state of ['released', 'kept']) {
  test(`a move that was given up, whose source was ${state}, still tells why its last attempt failed`, (t) => {
    const record = recordOf(migration({ status: { handover: { id: 'm1-3', state, error, timeline } } }));
    t.is(record?.state, 'rolled-back');
    t.like(record?.error, { code: 'ERR_RESTORE', message: 'no such file' });
  });
}

test('without an attempt there is nothing to tell', (t) => {
  t.is(recordOf(migration()), undefined);
  t.is(recordOf(migration({ status: { handover: { id: '', state: 'released' } } })), undefined);
});
