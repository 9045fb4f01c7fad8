// Questions about a Migration that several parts ask: all get the same answer.
import test from 'ava';
import { condition, at, migration, node, time } from '#core/testing/objects.ts';
import {
  byAge,
  gaveUpLately,
  isCancelled,
  isLetGo,
  isNodeGone,
  isUnderway,
  migrationSpecSchema,
  movesPod,
  sourceMayRun,
  type Migration,
  type MigrationStatus,
  type Trigger,
} from './migration.ts';
import type { Node } from './pod.ts';

const source = { name: 'shop-0', uid: 'u1', nodeName: 'a' };
const held = condition('Held');
const [succeeded, failed] = [condition('Succeeded'), condition('Succeeded', 'False')];
const of = (status: MigrationStatus): Migration => migration({ status });

test('it is underway until it has succeeded or failed', (t) => {
  t.deepEqual(
    [
      migration(),
      of({ conditions: [condition('Succeeded', 'Unknown')] }),
      of({ conditions: [succeeded] }),
      of({ conditions: [failed] }),
    ].map(isUnderway),
    [true, true, false, false],
  );
});

const movers: [string, Migration, string | undefined, boolean][] = [
  ['one that names the pod', migration({ spec: { podUID: 'u1' } }), 'u1', true],
  ['one that has looked at the pod', of({ source }), 'u1', true],
  [
    'one that names another pod than it looked at',
    migration({ spec: { podUID: 'u0' }, status: { source } }),
    'u1',
    true,
  ],
  ['one of another incarnation', migration({ spec: { podUID: 'u0' } }), 'u1', false],
  ['one that knows no UID yet', migration(), 'u1', false],
  ['one that is over', of({ source, conditions: [succeeded] }), 'u1', true],
  ['a dry run', migration({ spec: { podUID: 'u1', dryRun: true } }), 'u1', false],
  ['one that knows no UID, asked for a pod without one', migration(), undefined, false],
];
for (const [what, one, uid, moves] of movers)
  test(`${what} ${moves ? 'moves it' : 'does not move it'}`, (t) => t.is(movesPod(one, uid), moves));

test('the newest comes first', (t) => {
  const made = [2, 3, 1].map((seconds) =>
    migration({ metadata: { uid: `m${seconds}`, creationTimestamp: at(seconds) } }),
  );
  t.deepEqual(
    made.toSorted(byAge).map(({ metadata }) => metadata.uid),
    ['m3', 'm2', 'm1'],
  );
});

const ended = (
  finishedAt: string | undefined,
  {
    trigger = 'Drain',
    status = 'False',
    reason = 'NoCandidate',
  }: { trigger?: Trigger; status?: 'True' | 'False' | 'Unknown'; reason?: string } = {},
): Migration =>
  migration({
    spec: { trigger },
    status: {
      conditions: [condition('Succeeded', status, reason)],
      ...(finishedAt === undefined ? {} : { finishedAt }),
    },
  });

const givenUp: [string, Migration, boolean][] = [
  ['one that failed just now', ended(at(99)), true],
  ['one that failed a little less than so long ago', ended(at(41)), true],
  ['one that failed so long ago', ended(at(40)), false],
  ['one whose end nobody dated', ended(undefined), false],
  ["a user's", ended(at(99), { trigger: 'User' }), false],
  ['one that was cancelled', ended(at(99), { reason: 'Cancelled' }), false],
  ['one that succeeded', ended(at(99), { status: 'True', reason: 'Moved' }), false],
  ['one that runs', ended(at(99), { status: 'Unknown', reason: 'Running' }), false],
  ['one that nobody has looked at', migration({ spec: { trigger: 'Drain' } }), false],
];
for (const [what, one, lately] of givenUp)
  test(`${what} was ${lately ? '' : 'not '}given up lately`, (t) => t.is(gaveUpLately(one, time(100), 60), lately));

test('who deletes it cancels it', (t) => {
  t.deepEqual(
    [migration(), migration({ spec: { cancel: true } }), migration({ metadata: { deletionTimestamp: at(1) } })].map(
      isCancelled,
    ),
    [false, true, true],
  );
});

const outOfService = node('a', {
  spec: {
    taints: [
      { key: 'other', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' },
    ],
  },
});
const silent = node('a', {
  ready: { status: 'Unknown' },
  spec: { taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }] },
});

test('a node is gone when it was deleted or declared out of service, not when it is silent', (t) => {
  t.deepEqual([undefined, outOfService, silent, node('a')].map(isNodeGone), [true, true, false, false]);
});

const handover = (state: string): MigrationStatus => ({
  source,
  conditions: [held, failed],
  handover: { id: 'm1-1', state },
});

test('the source agent has let go what it released or kept', (t) => {
  t.deepEqual(
    ['released', 'kept', 'rolled-back', 'succeeded'].map((state) => isLetGo(handover(state))),
    [true, true, false, false],
  );
  t.false(isLetGo(undefined));
});

const sources: [string, MigrationStatus, Node | undefined, boolean][] = [
  ['is held', { source, conditions: [held] }, node('a'), true],
  ['was held, and its move failed', { source, conditions: [held, failed] }, node('a'), true],
  ['was held, and its attempt was rolled back', handover('rolled-back'), node('a'), true],
  ['was held on a node that is silent', { source, conditions: [held, failed] }, silent, true],
  ['was held on a node that was deleted', { source, conditions: [held, failed] }, undefined, false],
  ['was held on a node that is out of service', { source, conditions: [held, failed] }, outOfService, false],
  ['has moved', { source, conditions: [held, succeeded] }, node('a'), false],
  ['was released', handover('released'), node('a'), false],
  ['was kept', handover('kept'), node('a'), false],
  ['is not held yet', { source, conditions: [condition('Admitted')] }, node('a'), false],
  ['was refused', { source, conditions: [condition('Held', 'False'), failed] }, node('a'), false],
  ['is unknown', { conditions: [held] }, node('a'), false],
];
for (const [what, status, sourceNode, may] of sources)
  test(`a source that ${what} ${may ? 'may run on' : 'is nothing to wait for'}`, (t) =>
    t.is(sourceMayRun(of(status), sourceNode), may));

test('pods and nodes are named by names, never by paths', (t) => {
  for (const podName of ['shop-0', 'a', '0.db.example']) t.true(migrationSpecSchema.safeParse({ podName }).success);
  for (const podName of ['shop-0/status', '../pods/x', 'Not A/Pod', 'shop-', '-shop', 'Shop', '']) {
    t.false(migrationSpecSchema.safeParse({ podName }).success, podName);
    t.false(migrationSpecSchema.safeParse({ podName: 'shop-0', targetNodeName: podName }).success, podName);
  }
});
