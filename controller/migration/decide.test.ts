// The story of a Migration, decision by decision: who is admitted, what is deleted and made, and how it ends.
import test from 'ava';
import { findCondition } from '#core/api/conditions.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { annotations, completionIndexLabel } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { migrationReasons } from '#core/api/reasons.ts';
import { restoreHash } from '#core/api/restore-hash.ts';
import { at, condition, migration, node, pod, time } from '#core/testing/objects.ts';
import { untried, type Trial } from '#controller/replacement/trial.ts';
import { decide, type Decision, type Observation } from './decide.ts';

const free: NonNullable<Observation['admission']> = {
  refusals: [],
  notes: [],
  lineage: 'l1',
  rival: undefined,
  wait: undefined,
};
const refusal = { code: 'PREFLIGHT_TTY', fact: 'container app has a terminal', remedy: 'Set tty: false.' };
const observe = (more: Partial<Observation>): Observation => ({
  migration: migration(),
  now: time(10),
  pod: pod({ owner: 'StatefulSet' }),
  replacement: undefined,
  prospect: 'coming',
  mayStay: false,
  outdated: [],
  sourceNode: node('a'),
  trial: untried,
  admission: free,
  ...more,
});

const noRoom: Trial = {
  ...untried,
  refusals: [{ code: 'PREFLIGHT_QUOTA', fact: 'ResourceQuota q has no room', remedy: 'Raise pods.' }],
};
const told = { ...condition('Claimed', 'False', 'ReplacementRefused'), message: 'exceeded quota: q' };

const endOf = ({ status }: Decision) => findCondition(status?.conditions, 'Succeeded');
const admitted = condition('Admitted');
const source = { name: 'shop-0', uid: 'u1', nodeName: 'a' };
type Strategy = MigrationStatus['strategy'];

/** Admitted and held, as the source's agent leaves it. */
const held = (strategy: Strategy, status: MigrationStatus = {}, spec: Partial<Migration['spec']> = {}): Migration =>
  migration({ spec, status: { conditions: [admitted, condition('Held')], source, strategy, ...status } });
const successor = (nodeName: string | undefined): Pod =>
  pod({ owner: 'StatefulSet', metadata: { uid: 'u2' }, spec: { nodeName } });
const target = { name: 'shop-0', uid: 'u2', nodeName: 'b' };
const committed: MigrationStatus = {
  conditions: [admitted, condition('Held'), condition('Claimed'), condition('Committed')],
  target,
  holdUntil: at(60),
  commit: { handover: 'm1-1', decision: 'committed', decidedAt: at(5) },
  handover: { id: 'm1-1', state: 'activating' },
};
const rolledBack: MigrationStatus['handover'] = {
  id: 'm1-1',
  state: 'rolled-back',
  error: { code: 'ERR_DUMP', reason: 'DumpFailed', message: 'm', remedy: 'r', retryable: true },
};

/** Near the end of its hold; its replacement has found no other node. */
const nearEnd: Partial<Observation> = {
  now: time(45),
  mayStay: true,
  pod: successor(undefined),
  replacement: successor(undefined),
  migration: held('SameName', {
    source: { ...source, owner: { kind: 'StatefulSet', name: 'shop', uid: 'owner-uid' } },
    holdUntil: at(60),
    attempts: 2,
    startedAt: at(0),
  }),
};
const nearEndWith = (status: MigrationStatus, spec: Partial<Migration['spec']> = {}): Migration =>
  held('SameName', { ...nearEnd.migration?.status, ...status }, spec);
const inPlace = { after: 2, why: 'm' };

const strategies: [string | undefined, Strategy][] = [
  ['StatefulSet', 'SameName'],
  [undefined, 'SameName'],
  ['ReplicaSet', 'NewName'],
  ['Job', 'AfterDelete'],
];
for (const [owner, strategy] of strategies) {
  test(`a pod of ${owner ?? 'nobody'} is admitted, to be replaced by ${strategy}`, (t) => {
    const { action, status, requeueAfterMs } = decide(observe({ pod: pod({ owner }) }));
    t.is(action, 'adopt');
    t.is(requeueAfterMs, 110_000);
    t.like(status, { phase: 'Holding', strategy, source, lineage: 'l1', startedAt: at(10), notes: [] });
    t.deepEqual(
      status?.source?.owner,
      owner === undefined ? undefined : { kind: owner, name: 'shop', uid: 'owner-uid' },
    );
    t.like(findCondition(status?.conditions, 'Admitted'), { status: 'True' });
    t.like(findCondition(status?.conditions, 'Succeeded'), { status: 'Unknown', reason: 'Running' });
  });
}

test('what the replacement is known by is kept', (t) => {
  const mover = pod({
    owner: 'Job',
    metadata: { labels: { [completionIndexLabel]: '3' }, annotations: { [annotations.generation]: '4' } },
  });
  const { status } = decide(observe({ pod: mover }));
  t.is(status?.generation, 5);
  t.is(status?.source?.completionIndex, '3');
  t.is(status?.source?.restoreHash, restoreHash(mover));
});

test('a pod that has no node yet, or that nobody has looked at, is looked at again', (t) => {
  for (const more of [{ pod: pod({ spec: { nodeName: undefined } }) }, { admission: undefined }])
    t.deepEqual(decide(observe(more)), { action: 'none', requeueAfterMs: 1_000 });
});

test('a move that has to wait says why, once, and asks again', (t) => {
  const admission = { ...free, wait: 'no node can take the pod' };
  const first = decide(observe({ admission }));
  t.like(first, { action: 'none', requeueAfterMs: 1_000, status: { phase: 'Pending', source } });
  t.like(findCondition(first.status?.conditions, 'Admitted'), {
    status: 'False',
    reason: 'Waiting',
    message: 'no node can take the pod',
  });
  const waiting = migration({ status: first.status ?? {} });
  t.is(decide(observe({ migration: waiting, admission })).status, undefined);
  t.is(decide(observe({ migration: waiting })).action, 'adopt');
  t.is(
    endOf(decide(observe({ migration: waiting, pod: pod({ owner: 'StatefulSet', metadata: { uid: 'u2' } }) })))?.reason,
    'PodNotFound',
  );
});

const late = time(120);
const answered = { conditions: [admitted, condition('Held', 'False')], source };
const planned = (status: MigrationStatus): Migration => migration({ spec: { dryRun: true }, status });

const ends: [string, Partial<Observation>, keyof typeof migrationReasons, RegExp?][] = [
  ['no such pod', { pod: undefined }, 'PodNotFound'],
  ['another incarnation', { migration: migration({ spec: { podUID: 'u0' } }) }, 'PodNotFound'],
  ['a pod that completed', { pod: pod({ status: { phase: 'Succeeded' } }) }, 'PodFinished'],
  ['a pod that failed', { pod: pod({ status: { phase: 'Failed' } }) }, 'PodFinished'],
  [
    'a rival',
    { admission: { ...free, rival: 'earlier', refusals: [refusal] } },
    'AlreadyMigrating',
    /Migration earlier moves the pod/,
  ],
  [
    'a rival that has claimed the pod before it has a node',
    { pod: pod({ spec: { nodeName: undefined } }), admission: { ...free, rival: 'earlier' } },
    'AlreadyMigrating',
    /Migration earlier/,
  ],
  [
    'what the API says',
    { admission: { ...free, refusals: [refusal], wait: 'no node' } },
    'PreflightRefused',
    /PREFLIGHT_TTY: container app has a terminal/,
  ],
  [
    'what the API server says of the replacement',
    { trial: noRoom },
    'PreflightRefused',
    /PREFLIGHT_QUOTA: ResourceQuota q has no room/,
  ],
  [
    'what the API server says of the replacement in the last moment',
    { migration: held('NewName'), pod: pod({ owner: 'ReplicaSet' }), trial: noRoom },
    'PreflightRefused',
    /ResourceQuota q/,
  ],
  [
    'a dry run whose replacement nobody can judge now',
    { migration: planned({}), trial: { ...untried, wait: 'a webhook is away' } },
    'PreflightRefused',
    /a webhook is away/,
  ],
  [
    'what the node says',
    { migration: migration({ status: { ...answered, refusals: [refusal] } }) },
    'PreflightRefused',
    /PREFLIGHT_TTY/,
  ],
  ['a dry run in which nothing is in the way', { migration: planned(answered) }, 'Planned'],
  [
    'a dry run that the node refuses',
    { migration: planned({ ...answered, refusals: [refusal] }) },
    'PreflightRefused',
    /PREFLIGHT_TTY/,
  ],
  [
    'a dry run that would have to wait',
    { migration: planned({}), admission: { ...free, wait: 'no node can take the pod' } },
    'PreflightRefused',
    /PREFLIGHT_NO_CANDIDATE: no node can take the pod/,
  ],
  ['a cancellation before anything', { migration: migration({ spec: { cancel: true } }) }, 'Cancelled'],
  ['a cancellation while held', { migration: held('SameName', {}, { cancel: true }) }, 'Cancelled'],
  [
    'a cancellation after an attempt',
    {
      migration: held(
        'SameName',
        { handover: rolledBack, commit: { handover: 'm1-1', decision: 'revoked', decidedAt: at(5) } },
        { cancel: true },
      ),
    },
    'Cancelled',
  ],
  [
    'a deletion',
    { migration: { ...held('SameName'), metadata: { ...held('SameName').metadata, deletionTimestamp: at(9) } } },
    'Cancelled',
  ],
  ['the deadline before admission', { now: late }, 'NoCandidate'],
  [
    'the deadline while waiting',
    {
      now: late,
      migration: migration({
        status: { conditions: [{ ...condition('Admitted', 'False', 'Waiting'), message: 'b: not ready' }] },
      }),
    },
    'NoCandidate',
    /b: not ready/,
  ],
  [
    'the deadline before the agent spoke',
    { now: late, migration: migration({ status: { conditions: [admitted], source } }) },
    'DeadlineExceeded',
  ],
  ['the deadline without a replacement', { now: late, migration: held('NewName') }, 'ReplacementMissing'],
  [
    'the deadline while the API server refuses the replacement',
    { now: late, migration: held('NewName'), setback: 'ReplicaSet shop: exceeded quota: q' },
    'ReplacementMissing',
    /exceeded quota: q/,
  ],
  [
    'the deadline after the API server has refused it',
    { now: late, migration: held('NewName', { conditions: [admitted, condition('Held'), told] }) },
    'ReplacementMissing',
    /exceeded quota: q/,
  ],
  [
    'the deadline before the first attempt',
    { now: late, migration: held('SameName'), replacement: successor('b') },
    'DeadlineExceeded',
  ],
  [
    'the deadline after a failed attempt',
    { now: late, migration: held('SameName', { handover: rolledBack }), replacement: successor('b') },
    'HandoverFailed',
  ],
  [
    'the end of the hold before the first attempt',
    { now: time(60), migration: held('SameName', { holdUntil: at(60) }), replacement: successor('b') },
    'DeadlineExceeded',
  ],
  [
    'the end of the hold without a replacement',
    { now: time(60), migration: held('NewName', { holdUntil: at(60) }) },
    'ReplacementMissing',
  ],
  [
    'the deadline during a longer hold',
    { now: late, migration: held('NewName', { holdUntil: at(600) }) },
    'ReplacementMissing',
  ],
  [
    'the end of the program while it is held',
    { migration: held('SameName', { handover: { id: 'm1-1', state: 'released' } }) },
    'SourceEnded',
  ],
  [
    'ten vain attempts',
    { migration: held('SameName', { attempts: 10, handover: rolledBack }), replacement: successor('b') },
    'HandoverFailed',
  ],
  [
    'ten refusals by targets',
    {
      migration: held('SameName', { attempts: 10, handover: { id: 'm1-10', state: 'refused' } }),
      replacement: successor('b'),
    },
    'HandoverFailed',
  ],
  [
    'an owner that wants no replacement',
    { migration: held('SameName'), pod: undefined, prospect: 'unwanted' },
    'ReplacementMissing',
    /scaled down or deleted/,
  ],
  [
    'an owner that made no replacement though the source is there',
    { migration: held('NewName'), prospect: 'unwanted' },
    'ReplacementMissing',
  ],
  [
    'a replacement of another template',
    { migration: held('SameName'), pod: successor(undefined), prospect: 'different' },
    'ReplacementDiffers',
  ],
  [
    'a replacement on the node of its source',
    { migration: held('SameName'), pod: successor('a'), prospect: 'misplaced' },
    'ReplacementMisplaced',
  ],
  [
    'the handover that succeeded',
    {
      migration: held('SameName', {
        commit: { handover: 'm1-1', decision: 'committed', decidedAt: at(5) },
        handover: { id: 'm1-1', state: 'succeeded' },
      }),
    },
    'Moved',
  ],
  [
    'the handover that succeeded on the same node',
    {
      migration: nearEndWith({
        inPlace,
        commit: { handover: 'm1-3', decision: 'committed', decidedAt: at(50) },
        handover: { id: 'm1-3', state: 'succeeded' },
      }),
    },
    'KeptInPlace',
  ],
  [
    'three vain attempts on the same node',
    {
      ...nearEnd,
      mayStay: false,
      replacement: successor('a'),
      migration: nearEndWith({ inPlace, holdUntil: at(600), attempts: 5, handover: { ...rolledBack, id: 'm1-5' } }),
    },
    'HandoverFailed',
  ],
  [
    'the end of the hold while it may stay',
    { ...nearEnd, now: time(60), migration: nearEndWith({ inPlace }) },
    'DeadlineExceeded',
  ],
  [
    'the commit, when the node of the source was deleted',
    { migration: held('SameName', committed), sourceNode: undefined },
    'Moved',
  ],
  [
    'the commit, when the node of the source does not come back',
    {
      migration: held('NewName', committed),
      sourceNode: node('a', { spec: { taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }] } }),
    },
    'Moved',
  ],
];
for (const [what, facts, reason, detail = /./] of ends) {
  test(`${what} ends it: ${reason}`, (t) => {
    const decision = decide(observe(facts));
    const succeeded = reason === 'Moved' || reason === 'Planned';
    t.is(decision.action, 'none');
    t.is(decision.requeueAfterMs, 60_000);
    t.like(endOf(decision), { status: succeeded ? 'True' : 'False', reason });
    t.true(endOf(decision)?.message.startsWith(migrationReasons[reason]));
    t.regex(endOf(decision)?.message ?? '', detail);
    t.is(decision.status?.finishedAt, (facts.now ?? time(10)).toISOString());
    t.is(decision.status?.phase, reason === 'Cancelled' ? 'Cancelled' : succeeded ? 'Succeeded' : 'Failed');
  });
}

const stays: [string, Partial<Observation>, boolean][] = [
  ['its replacement has found no node, and the end is near', {}, true],
  ['nobody wants its replacement elsewhere, and the end is near', { replacement: undefined }, true],
  [
    'attempts have failed, and the end is near',
    { replacement: successor('b'), migration: nearEndWith({ handover: rolledBack }) },
    true,
  ],
  [
    'ten attempts have failed',
    { now: time(20), replacement: successor('b'), migration: nearEndWith({ attempts: 10, handover: rolledBack }) },
    true,
  ],
  [
    'a pod of a ReplicaSet whose source is going',
    {
      migration: nearEndWith({ strategy: 'NewName' }),
      pod: pod({ owner: 'ReplicaSet', metadata: { deletionTimestamp: at(9) } }),
    },
    true,
  ],
  ['a drain', { migration: nearEndWith({}, { trigger: 'Drain' }) }, true],
  ['the end is not near', { now: time(39) }, false],
  ['the end is too near', { now: time(53) }, false],
  ['the time is too short for both', { now: time(9), migration: nearEndWith({ holdUntil: at(20) }) }, false],
  [
    'an attempt runs',
    { replacement: successor('b'), migration: nearEndWith({ handover: { id: 'm1-2', state: 'preparing' } }) },
    false,
  ],
  ['its own node cannot take it', { mayStay: false }, false],
  ['its object is still there', { pod: pod({ owner: 'StatefulSet' }), replacement: undefined }, false],
  ['somebody needs the room', { migration: nearEndWith({}, { trigger: 'Preemption' }) }, false],
  ['its node goes down', { migration: nearEndWith({}, { trigger: 'NodeShutdown' }) }, false],
  ['nobody but the controller would make another', { migration: nearEndWith({ source }) }, false],
  [
    'its Job would count a failure',
    {
      migration: nearEndWith({
        strategy: 'AfterDelete',
        source: { ...source, owner: { kind: 'Job', name: 'shop', uid: 'owner-uid' } },
      }),
    },
    false,
  ],
  ['it is cancelled', { migration: nearEndWith({}, { cancel: true }) }, false],
  ['it is not held', { migration: nearEndWith({ conditions: [admitted] }) }, false],
];
for (const [what, facts, expected] of stays) {
  test(`${what}: ${expected ? 'the replacement may come to its own node' : 'it does not stay'}`, (t) => {
    const { status } = decide(observe({ ...nearEnd, ...facts }));
    t.is(status?.inPlace !== undefined, expected);
    if (!expected) return;
    t.is(status?.target, undefined);
    t.is(status?.inPlace?.after, facts.migration?.status?.attempts ?? 2);
    t.like(findCondition(status?.conditions, 'Claimed'), { status: 'False', reason: 'StaysInPlace' });
  });
}

test('who was to be the replacement elsewhere goes, and the next one is claimed', (t) => {
  const given = { ...nearEnd, migration: nearEndWith({ inPlace }) };
  t.is(decide(observe({ ...given, replacement: undefined, outdated: [successor('b')] })).action, 'delete-outdated');
  const { action, status } = decide(observe({ ...given, pod: successor('a'), replacement: successor('a') }));
  t.is(action, 'none');
  t.like(status, { target: { uid: 'u2', nodeName: 'a' }, inPlace });
});

test('it is looked at again when the time for its own node begins', (t) => {
  t.is(decide(observe({ ...nearEnd, now: time(10) })).requeueAfterMs, 30_000);
});

test('refusals of the API are listed in the status', (t) => {
  t.deepEqual(decide(observe({ admission: { ...free, refusals: [refusal] } })).status?.refusals, [refusal]);
  t.is(
    decide(observe({ migration: planned({}), admission: { ...free, wait: 'w' } })).status?.refusals?.[0]?.code,
    'PREFLIGHT_NO_CANDIDATE',
  );
});

test('every reason to end has its row', (t) => {
  t.deepEqual(
    Object.keys(migrationReasons).filter(
      (reason) => reason !== 'Running' && !ends.some(([, , ended]) => ended === reason),
    ),
    [],
  );
});

test('after the commit neither deadline, hold, cancellation nor deletion counts', (t) => {
  const { metadata, ...rest } = held('SameName', { ...committed, phase: 'Releasing' }, { cancel: true });
  t.deepEqual(
    decide(observe({ now: time(1_000), migration: { ...rest, metadata: { ...metadata, deletionTimestamp: at(9) } } })),
    { action: 'none', requeueAfterMs: 1_000 },
  );
});

test('the commit shows as a phase, which is written once', (t) => {
  const { action, status = {} } = decide(
    observe({ migration: held('SameName', { ...committed, phase: 'HandingOver' }) }),
  );
  t.deepEqual(
    { action, status },
    { action: 'none', status: { ...held('SameName', committed).status, phase: 'Releasing' } },
  );
  t.deepEqual(decide(observe({ migration: held('SameName', status) })), { action: 'none', requeueAfterMs: 1_000 });
});

const terminating = { deletionTimestamp: at(9) };
const steps: [string, Partial<Observation>, Decision['action']][] = [
  [
    'the agent has not spoken',
    { migration: migration({ status: { conditions: [admitted], source, strategy: 'SameName' } }) },
    'none',
  ],
  ['SameName: the source is there', { migration: held('SameName') }, 'delete-pod'],
  [
    'SameName: the source is terminating and keeps the name',
    { migration: held('SameName'), pod: pod({ owner: 'StatefulSet', metadata: terminating }) },
    'delete-pod',
  ],
  ['SameName: the name is free', { migration: held('SameName'), pod: undefined }, 'create-copy'],
  ['SameName: the next incarnation is there', { migration: held('SameName'), pod: successor(undefined) }, 'none'],
  [
    'SameName: the replacement was claimed, and nobody has seen that it went',
    { migration: held('SameName', { target }), pod: undefined, replacement: successor('b') },
    'none',
  ],
  ['NewName: the source is there', { migration: held('NewName'), pod: pod({ owner: 'ReplicaSet' }) }, 'delete-pod'],
  [
    'NewName: the source is terminating',
    { migration: held('NewName'), pod: pod({ owner: 'ReplicaSet', metadata: terminating }) },
    'none',
  ],
  ['NewName: the source is gone', { migration: held('NewName'), pod: undefined }, 'none'],
  ['AfterDelete: the source is there', { migration: held('AfterDelete'), pod: pod({ owner: 'Job' }) }, 'delete-pod'],
  [
    'AfterDelete: the source is terminating',
    { migration: held('AfterDelete'), pod: pod({ owner: 'Job', metadata: terminating }) },
    'delete-pod',
  ],
  [
    'a replacement was claimed, whatever its owner wants now',
    { migration: held('SameName', { target }), pod: successor('b'), replacement: successor('b'), prospect: 'unwanted' },
    'none',
  ],
  [
    'the agent has not spoken, and the owner wants no other',
    {
      migration: migration({ status: { conditions: [admitted], source, strategy: 'SameName' } }),
      prospect: 'unwanted',
    },
    'none',
  ],
  [
    'the tenth attempt runs',
    {
      migration: held('SameName', { attempts: 10, handover: { id: 'm1-10', state: 'preparing' } }),
      pod: successor('b'),
      replacement: successor('b'),
    },
    'none',
  ],
  ['AfterDelete: the source is gone', { migration: held('AfterDelete'), pod: undefined }, 'none'],
];
for (const [what, facts, action] of steps) {
  test(`${what}: ${action}`, (t) => {
    const decision = decide(observe(facts));
    t.is(decision.action, action);
    t.is(endOf(decision), undefined);
  });
}

test('it is looked at again when its time is over: the deadline, or the end of the hold if that is earlier', (t) => {
  for (const [hold, waitMs] of [
    [{}, 110_000],
    [{ holdUntil: at(60) }, 50_000],
    [{ holdUntil: at(600) }, 110_000],
  ] as const) {
    t.is(
      decide(
        observe({ migration: held('SameName', { target, ...hold }), pod: successor('b'), replacement: successor('b') }),
      ).requeueAfterMs,
      waitMs,
    );
  }
});

test('nothing is written when the status says so already, in whatever order the server prints it', (t) => {
  const claimed = { pod: successor('b'), replacement: successor('b') };
  const { status = {} } = decide(observe({ migration: held('SameName'), ...claimed }));
  t.deepEqual(status.target, target);
  t.is(
    decide(
      observe({
        migration: migration({ status: { ...status, target: { nodeName: 'b', uid: 'u2', name: 'shop-0' } } }),
        ...claimed,
      }),
    ).status,
    undefined,
  );
});

test('a dry run deletes nothing', (t) => {
  t.is(
    decide(observe({ migration: planned({ conditions: [admitted], source, strategy: 'SameName' }) })).action,
    'none',
  );
  t.is(decide(observe({ migration: planned(answered) })).action, 'none');
});

test('a claimed replacement is the target, and Claimed once it is scheduled', (t) => {
  const gated = decide(
    observe({ migration: held('SameName'), pod: successor(undefined), replacement: successor(undefined) }),
  );
  t.like(gated.status, { phase: 'Replacing', target: { name: 'shop-0', uid: 'u2' } });
  t.is(findCondition(gated.status?.conditions, 'Claimed'), undefined);
  const scheduled = decide(
    observe({ migration: migration({ status: gated.status ?? {} }), pod: successor('b'), replacement: successor('b') }),
  );
  t.like(scheduled.status, { phase: 'HandingOver', target });
  t.is(findCondition(scheduled.status?.conditions, 'Claimed')?.status, 'True');
});

test('a replacement that is gone is forgotten, so that the next one can be claimed', (t) => {
  const claimed = held('SameName', { conditions: [admitted, condition('Held'), condition('Claimed')], target });
  const { status } = decide(observe({ migration: claimed, pod: undefined }));
  t.is(status?.target, undefined);
  t.like(findCondition(status?.conditions, 'Claimed'), { status: 'False', reason: 'ReplacementGone' });
  const next = decide(
    observe({ migration: migration({ status: status ?? {} }), pod: successor('c'), replacement: successor('c') }),
  );
  t.like(next.status, { target: { uid: 'u2', nodeName: 'c' } });
  t.is(findCondition(next.status?.conditions, 'Claimed')?.status, 'True');
});

test("a ReplicaSet's pod whose place the replacement needs goes first, whenever that is found", (t) => {
  const crowded = { pod: pod({ owner: 'ReplicaSet' }), trial: { ...untried, needsItsPlace: true } };
  t.is(decide(observe(crowded)).status?.strategy, 'AfterDelete');
  t.like(decide(observe({ ...crowded, migration: held('NewName') })), {
    action: 'delete-pod',
    status: { strategy: 'AfterDelete' },
  });
  t.is(decide(observe({ ...crowded, pod: pod({ owner: 'StatefulSet' }) })).status?.strategy, 'SameName');
});

test('nothing is deleted while nobody can say whether there will be another', (t) => {
  t.like(decide(observe({ migration: held('SameName'), trial: { ...untried, wait: 'a webhook is away' } })), {
    action: 'none',
    requeueAfterMs: 1_000,
  });
});

test('what the API server tells the owner is seen while the move waits', (t) => {
  const { status } = decide(
    observe({ migration: held('NewName'), pod: undefined, setback: 'ReplicaSet shop: exceeded quota: q' }),
  );
  t.like(findCondition(status?.conditions, 'Claimed'), {
    status: 'False',
    reason: 'ReplacementRefused',
    message: 'ReplicaSet shop: exceeded quota: q',
  });
});
