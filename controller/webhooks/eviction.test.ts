// An eviction waits while its pod can move, and for no longer.
import test from 'ava';
import type { Migration, MigrationStatus, Trigger } from '#core/api/migration.ts';
import { at, condition, migration, pod, policy, time } from '#core/testing/objects.ts';
import { decideEviction, type EvictionDecision, type EvictionFacts } from './eviction.ts';

/** Evictions are let through 900 s after their Migration was made. */
const now = time(600);
const facts: EvictionFacts = {
  pod: pod(),
  policy: policy(),
  migration: undefined,
  arrivedBy: undefined,
  namesUid: false,
  nodeIsCordoned: true,
  exhaustedBudgets: [],
  own: false,
  now,
};
const messageOf = ({ verdict }: EvictionDecision): string =>
  verdict.allowed ? (verdict.warnings ?? []).join() : verdict.message;

function moving(madeAt: number, status: MigrationStatus = { phase: 'HandingOver' }): Migration {
  return migration({ metadata: { creationTimestamp: at(madeAt) }, spec: { trigger: 'Drain' }, status });
}
function ended(status: 'True' | 'False', reason: string, finishedAt: number, trigger: Trigger = 'Drain'): Migration {
  return migration({
    spec: { trigger },
    status: {
      conditions: [{ ...condition('Succeeded', status, reason), message: 'why it ended so' }],
      finishedAt: at(finishedAt),
    },
  });
}

const begun = { begin: true, verdict: { allowed: false, code: 429, reason: 'TooManyRequests' } } as const;
const refused = { begin: false, verdict: { allowed: false, code: 429, reason: 'TooManyRequests' } } as const;
const letThrough = { begin: false, verdict: { allowed: true } } as const;

test('the first eviction begins a move, and says until when it waits', (t) => {
  const decision = decideEviction(facts);
  t.like(decision, begun);
  t.regex(messageOf(decision), /^Eviction triggered evacuation of pod shop-0: .* 2026-01-01T00:25:00/);
});

test('the next ones wait for it, and say how far it is', (t) => {
  const decision = decideEviction({ ...facts, migration: moving(590) });
  t.like(decision, refused);
  t.regex(
    messageOf(decision),
    /^Eviction triggered evacuation of pod shop-0 \(Migration move: HandingOver\); .* 2026-01-01T00:24:50/,
  );
});

test('one that has not begun says what it waits for', (t) => {
  const waiting = moving(590, {
    phase: 'Pending',
    conditions: [{ ...condition('Admitted', 'False', 'Waiting'), message: '2 moves leave a' }],
  });
  t.regex(messageOf(decideEviction({ ...facts, migration: waiting })), /\(Migration move: Pending, 2 moves leave a\)/);
  t.regex(messageOf(decideEviction({ ...facts, migration: migration() })), /\(Migration move: Pending\)/);
});

test('they wait for a bounded time, counted from the beginning', (t) => {
  t.like(decideEviction({ ...facts, migration: moving(-299) }), refused);
  const over = decideEviction({ ...facts, migration: moving(-300) });
  t.like(over, letThrough);
  t.regex(messageOf(over), /Migration move took too long/);
  t.like(
    decideEviction({ ...facts, policy: policy({ evictionDeadlineSeconds: 5 }), migration: moving(594) }),
    letThrough,
  );
});

test('a move that was just given up lets the eviction through, with the reason', (t) => {
  const decision = decideEviction({ ...facts, migration: ended('False', 'NoCandidate', 590) });
  t.like(decision, letThrough);
  t.regex(messageOf(decision), /Migration move ended without moving the pod \(NoCandidate: why it ended so\)/);
});

const anew: [string, Migration][] = [
  ['a move that was given up long ago', ended('False', 'NoCandidate', -300)],
  ['a move that was cancelled', ended('False', 'Cancelled', 590)],
  ["a user's move that failed", ended('False', 'HandoverFailed', 590, 'User')],
  ['a move that succeeded while the pod stayed', ended('True', 'Moved', 590)],
];
for (const [what, earlier] of anew)
  test(`after ${what} the eviction begins another`, (t) =>
    t.like(decideEviction({ ...facts, migration: earlier }), begun));

test('a budget that allows nothing speaks for itself, and does not hinder a move that goes on', (t) => {
  t.like(decideEviction({ ...facts, exhaustedBudgets: ['pdb'] }), letThrough);
  t.like(
    decideEviction({ ...facts, exhaustedBudgets: ['pdb'], migration: ended('False', 'Cancelled', 590) }),
    letThrough,
  );
  t.like(decideEviction({ ...facts, exhaustedBudgets: ['pdb'], migration: moving(590) }), refused);
});

test('a budget that allows nothing does not hinder a move where the policy says so', (t) => {
  const moveAllowed = { ...facts, policy: policy({ disruptionBudgets: 'MoveAllowed' }), exhaustedBudgets: ['pdb'] };
  t.like(decideEviction(moveAllowed), begun);
  t.like(
    decideEviction({ ...moveAllowed, migration: ended('False', 'NoCandidate', 590) }),
    letThrough,
    'to the budget',
  );
});

const arrived: Partial<EvictionFacts> = { nodeIsCordoned: false, arrivedBy: ended('True', 'Moved', 590) };
const gone = { begin: false, verdict: { allowed: false, code: 404, reason: 'NotFound' } } as const;

const arrivals: [string, Partial<EvictionFacts>, typeof gone | typeof begun][] = [
  ['a retry of the drain that moved it', arrived, gone],
  ['a retry while it still arrives', { ...arrived, arrivedBy: moving(590) }, gone],
  ['a retry of an eviction', { ...arrived, arrivedBy: ended('True', 'Moved', 590, 'Eviction') }, gone],
  ['an eviction long after the move', { ...arrived, arrivedBy: ended('True', 'Moved', 570) }, begun],
  ['an eviction of this very incarnation', { ...arrived, namesUid: true }, begun],
  ['a drain of its new node', { ...arrived, nodeIsCordoned: true }, begun],
  [
    'a retry after a move that ended where it began',
    {
      ...arrived,
      arrivedBy: {
        ...ended('False', 'KeptInPlace', 590),
        status: { ...ended('False', 'KeptInPlace', 590).status, inPlace: { after: 1, why: 'w' } },
      },
    },
    begun,
  ],
  ["an eviction after a user's move", { ...arrived, arrivedBy: ended('True', 'Moved', 590, 'User') }, begun],
  ['an eviction after preemption', { ...arrived, arrivedBy: ended('True', 'Moved', 590, 'Preemption') }, begun],
];
for (const [what, more, wanted] of arrivals) {
  test(`of a pod that arrived by a move, ${what}: ${wanted.begin ? 'begins a move' : 'not found'}`, (t) =>
    t.like(decideEviction({ ...facts, ...more }), wanted));
}

test('a replacement that is about to go on where its source runs is not evicted, placed or not', (t) => {
  const staying = moving(590);
  const arrivedBy = { ...staying, status: { ...staying.status, inPlace: { after: 1, why: 'w' } } };
  for (const nodeName of ['a', undefined])
    t.like(decideEviction({ ...facts, pod: pod({ spec: { nodeName } }), arrivedBy }), refused);
});

const passing: [string, Partial<EvictionFacts>][] = [
  ['that is gone', { pod: undefined }],
  ['of another runtime class', { pod: pod({ spec: { runtimeClassName: 'runc' } }) }],
  ['without a policy', { policy: undefined }],
  ['with policy Never', { policy: policy({ action: 'Never' }), migration: moving(590) }],
  ['that has completed', { pod: pod({ status: { phase: 'Succeeded' } }) }],
  ['that has failed', { pod: pod({ status: { phase: 'Failed' } }) }],
  ['that has no node', { pod: pod({ spec: { nodeName: undefined } }) }],
  ['that is being deleted', { pod: pod({ metadata: { deletionTimestamp: at(599) } }), migration: moving(590) }],
  ['that a budget protects', { exhaustedBudgets: ['pdb'] }],
  ['evicted by ourselves', { own: true, migration: moving(590) }],
];
for (const [what, more] of passing)
  test(`a pod ${what} is evicted as ever`, (t) =>
    t.deepEqual(decideEviction({ ...facts, ...more }), { verdict: { allowed: true }, begin: false }));
