// What the source's agent does next: it begins only what is held, claimed and wanted, and delivers only what is over.
import test from 'ava';
import * as fc from 'fast-check';
import { maxAttempts, type Migration, type MigrationStatus } from '#core/api/migration.ts';
import { at, condition, migration } from '#core/testing/objects.ts';
import { decideSource, type SourceAction, type SourceObservation } from './source-decision.ts';

const admitted = condition('Admitted');
const held = condition('Held');
const claimed = condition('Claimed');
const failed = condition('Succeeded', 'False');
const ready: MigrationStatus = {
  conditions: [admitted, held, claimed],
  target: { name: 'shop-0', uid: 'u2', nodeName: 'b' },
};
const staying: MigrationStatus = {
  ...ready,
  attempts: 2,
  source: { name: 'shop-0', uid: 'u1', nodeName: 'a' },
  target: { name: 'shop-0', uid: 'u3', nodeName: 'a' },
  inPlace: { after: 2, why: 'nobody answers' },
};
const lost: MigrationStatus = { conditions: [admitted, held, failed] };
const letGo = (state: string): MigrationStatus => ({ ...lost, handover: { id: 'm1-1', state } });
const commit = (decision: 'committed' | 'revoked'): MigrationStatus => ({
  ...ready,
  attempts: 1,
  commit: { handover: 'm1-1', decision, decidedAt: at(1) },
});

const of = (
  status?: MigrationStatus,
  parts: Omit<NonNullable<Parameters<typeof migration>[0]>, 'status'> = {},
): Migration => migration(status === undefined ? parts : { ...parts, status });
const attempt = (number: number, terminal: boolean): SourceObservation['handover'] => ({
  attempt: number,
  state: terminal ? 'rolled-back' : 'dumping',
  terminal,
});
const cancelled = { spec: { cancel: true } };
const wait: SourceAction = { action: 'wait' };
const begin = (number: number): SourceAction => ({ action: 'begin', attempt: number, to: 'b' });
const reasons = { failed: 'the Migration has failed', cancelled: 'cancelled by the user', expired: 'the hold expired' };

const cases: [string, Partial<SourceObservation> & { migration: Migration }, SourceAction][] = [
  ['nobody has looked at it', { migration: of() }, wait],
  ['it waits for its turn', { migration: of({ conditions: [condition('Admitted', 'False')] }) }, wait],
  ['it is admitted', { migration: of({ conditions: [admitted] }) }, { action: 'prepare' }],
  ['it was refused here', { migration: of({ conditions: [admitted, condition('Held', 'False')] }) }, wait],
  ['it is held and has no replacement', { migration: of({ conditions: [admitted, held] }) }, wait],
  ['its replacement has no node', { migration: of({ ...ready, target: { name: 'shop-0', uid: 'u2' } }) }, wait],
  [
    'its replacement is gone',
    { migration: of({ ...ready, conditions: [admitted, held, condition('Claimed', 'False')] }) },
    wait,
  ],
  ['its replacement has a node', { migration: of(ready) }, begin(1)],
  [
    'the program has ended by itself',
    { migration: of({ conditions: [admitted, held] }), runningContainers: 0 },
    { action: 'report-released' },
  ],
  [
    'the program has ended in an attempt',
    { migration: of({ ...ready, attempts: 1 }), runningContainers: 0, handover: attempt(1, true) },
    { action: 'report-released' },
  ],
  [
    'the program has ended, and that was said',
    { migration: of({ ...ready, handover: { id: 'm1-1', state: 'released' } }), runningContainers: 0 },
    wait,
  ],
  [
    'the program has ended, and its object is there: the kubelet starts it again',
    { migration: of({ conditions: [admitted, held] }), runningContainers: 0, isLeaving: false },
    wait,
  ],
  [
    'the program has gone on elsewhere, and the object does not say so yet',
    {
      migration: of({ conditions: [admitted, held] }),
      runningContainers: 0,
      handover: { attempt: 1, state: 'succeeded', terminal: true },
    },
    wait,
  ],
  ['an attempt runs', { migration: of({ ...ready, attempts: 1 }), handover: attempt(1, false) }, wait],
  ['an attempt was rolled back', { migration: of({ ...ready, attempts: 1 }), handover: attempt(1, true) }, begin(2)],
  ['an attempt was revoked', { migration: of(commit('revoked')), handover: attempt(1, true) }, begin(2)],
  ['a restarted agent remembers nothing of three attempts', { migration: of({ ...ready, attempts: 3 }) }, begin(4)],
  [
    'the object knows less than the agent',
    { migration: of({ ...ready, attempts: 1 }), handover: attempt(2, true) },
    begin(3),
  ],
  [
    'attempts are used up',
    { migration: of({ ...ready, attempts: maxAttempts }), handover: attempt(maxAttempts, true) },
    wait,
  ],
  [
    'no other node is tried any more while an attempt runs there',
    { migration: of(staying), handover: attempt(2, false) },
    { action: 'cancel', reason: 'no other node is tried any more' },
  ],
  [
    'no other node is tried any more, and its replacement has no place yet',
    { migration: of({ ...staying, target: undefined }), handover: attempt(2, true) },
    wait,
  ],
  [
    'no other node is tried any more, and its replacement is on one',
    { migration: of({ ...staying, target: ready.target }), handover: attempt(2, true) },
    wait,
  ],
  [
    'its replacement is on its own node, as the last resort',
    { migration: of(staying), handover: attempt(2, true) },
    { action: 'begin', attempt: 3, to: 'a' },
  ],
  ['an attempt in place runs', { migration: of({ ...staying, attempts: 3 }), handover: attempt(3, false) }, wait],
  ['attempts in place are used up', { migration: of({ ...staying, attempts: 5 }), handover: attempt(5, true) }, wait],
  ['its replacement is on its own node by mistake', { migration: of({ ...staying, inPlace: undefined }) }, wait],
  ['it is committed', { migration: of(commit('committed')), handover: attempt(1, false), holdExpired: true }, wait],
  [
    'it is committed, and cancelled too late',
    { migration: of(commit('committed'), cancelled), handover: attempt(1, false) },
    wait,
  ],
  ['it has succeeded', { migration: of({ conditions: [condition('Succeeded')] }) }, wait],
  [
    'cancelled while an attempt runs',
    { migration: of(ready, cancelled), handover: attempt(1, false) },
    { action: 'cancel', reason: reasons.cancelled },
  ],
  [
    'deleted while an attempt runs',
    { migration: of(ready, { metadata: { deletionTimestamp: at(1) } }), handover: attempt(1, false) },
    { action: 'cancel', reason: reasons.cancelled },
  ],
  [
    'the hold expired while an attempt runs',
    { migration: of(ready), handover: attempt(1, false), holdExpired: true },
    { action: 'cancel', reason: reasons.expired },
  ],
  [
    'it failed while an attempt runs',
    { migration: of({ ...ready, conditions: [admitted, held, failed] }), handover: attempt(1, false) },
    { action: 'cancel', reason: reasons.failed },
  ],
  [
    'cancelled before anything began: the controller ends it',
    { migration: of({ conditions: [admitted] }, cancelled) },
    wait,
  ],
  [
    'the hold expired after an attempt: the controller ends it',
    { migration: of(ready), handover: attempt(1, true), holdExpired: true },
    wait,
  ],
  ['it has failed while containers run', { migration: of(lost) }, { action: 'deliver', reason: reasons.failed }],
  [
    'it has failed, and its pod was not touched',
    { migration: of(lost), isUnharmed: true },
    { action: 'keep', reason: reasons.failed },
  ],
  [
    'it has failed, and its pod was not touched while an attempt runs',
    { migration: of(lost), isUnharmed: true, handover: attempt(1, false) },
    { action: 'cancel', reason: reasons.failed },
  ],
  [
    'it has failed after an attempt, and its pod was not touched',
    { migration: of(lost), isUnharmed: true, handover: attempt(1, true) },
    { action: 'keep', reason: reasons.failed },
  ],
  [
    'it was deleted, has failed, and its pod was not touched',
    { migration: of(lost, { metadata: { deletionTimestamp: at(1) } }), isUnharmed: true },
    { action: 'keep', reason: reasons.failed },
  ],
  [
    'it has failed and the containers have ended',
    { migration: of(lost), runningContainers: 0 },
    { action: 'report-released' },
  ],
  [
    'it has failed and the containers have ended by themselves',
    { migration: of(lost), runningContainers: 0, isUnharmed: true },
    { action: 'report-released' },
  ],
  ['the end of its containers is known', { migration: of(letGo('released')), runningContainers: 0 }, wait],
  ['containers run again of a pod whose end is known', { migration: of(letGo('released')) }, wait],
  ['its pod was kept, and runs on', { migration: of(letGo('kept')), isUnharmed: true }, wait],
  ['its pod was kept, and has ended since', { migration: of(letGo('kept')), runningContainers: 0 }, wait],
  [
    'it has failed before anybody held it',
    { migration: of({ conditions: [admitted, failed] }), isUnharmed: true },
    wait,
  ],
  [
    'it has failed before anybody held it, while a kill of its pod is held',
    { migration: of({ conditions: [admitted, failed] }), isKilled: true },
    { action: 'deliver', reason: reasons.failed },
  ],
  [
    'it was refused here, and has failed, while a kill of its pod is held',
    { migration: of({ conditions: [admitted, condition('Held', 'False'), failed] }), isKilled: true },
    { action: 'deliver', reason: reasons.failed },
  ],
  [
    'it has failed and let go, while a kill of its pod is held',
    { migration: of(letGo('released')), isKilled: true },
    wait,
  ],
  [
    'a kill of its pod is held, and it is not over',
    { migration: of({ conditions: [admitted, held] }), isKilled: true },
    wait,
  ],
  [
    'it was refused here, and has failed',
    { migration: of({ conditions: [admitted, condition('Held', 'False'), failed] }) },
    wait,
  ],
];
const calm = {
  handover: undefined,
  runningContainers: 1,
  isLeaving: true,
  holdExpired: false,
  isKilled: false,
  isUnharmed: false,
};
for (const [what, seen, action] of cases)
  test(`${what}: ${action.action}`, (t) => t.deepEqual(decideSource({ ...calm, ...seen }), action));

const conditions = fc
  .tuple(
    ...['Admitted', 'Held', 'Claimed', 'Succeeded'].map((type) =>
      fc
        .constantFrom('True' as const, 'False' as const, undefined)
        .map((status) => (status === undefined ? [] : [condition(type, status)])),
    ),
  )
  .map((lists) => lists.flat());
const seen = fc.record({
  migration: fc
    .record({
      conditions,
      attempts: fc.nat({ max: 12 }),
      decision: fc.constantFrom('committed' as const, 'revoked' as const, undefined),
      cancel: fc.boolean(),
    })
    .map(({ decision, cancel, ...status }) =>
      of(
        {
          ...ready,
          ...status,
          ...(decision === undefined ? {} : { commit: { handover: 'm1-1', decision, decidedAt: at(1) } }),
        },
        { spec: { cancel } },
      ),
    ),
  handover: fc.option(fc.record({ attempt: fc.nat({ max: 12 }), state: fc.constant('x'), terminal: fc.boolean() }), {
    nil: undefined,
  }),
  runningContainers: fc.nat({ max: 2 }),
  isLeaving: fc.boolean(),
  holdExpired: fc.boolean(),
  isKilled: fc.boolean(),
  isUnharmed: fc.boolean(),
});

test('nothing begins beside another attempt, twice, or when it is not wanted; after a commit nothing is undone', (t) => {
  fc.assert(
    fc.property(seen, (observation) => {
      const decided = decideSource(observation);
      const {
        migration: { spec, status },
        handover,
        holdExpired,
        isKilled,
        isUnharmed,
        isLeaving,
        runningContainers,
      } = observation;
      const has = (type: string, value = 'True'): boolean =>
        status?.conditions?.some((one) => one.type === type && one.status === value) === true;
      if (status?.commit?.decision === 'committed') t.is(decided.action, 'wait');
      if (decided.action === 'deliver' || decided.action === 'keep')
        t.true(has('Succeeded', 'False') && (has('Held') || (isKilled && decided.action === 'deliver')));
      if (decided.action === 'report-released')
        t.true(has('Held') && runningContainers === 0 && (isLeaving || has('Succeeded', 'False')));
      if (has('Held'))
        t.is(decided.action === 'keep', isUnharmed && (decided.action === 'keep' || decided.action === 'deliver'));
      if (decided.action === 'cancel') t.true(handover?.terminal === false);
      if (decided.action !== 'begin') return;
      t.true(
        has('Admitted') &&
          has('Held') &&
          has('Claimed') &&
          !has('Succeeded') &&
          !has('Succeeded', 'False') &&
          !spec.cancel &&
          !holdExpired &&
          handover?.terminal !== false,
      );
      t.true(
        decided.attempt > (status?.attempts ?? 0) &&
          decided.attempt > (handover?.attempt ?? 0) &&
          decided.attempt <= maxAttempts,
      );
    }),
  );
});
