// Whoever describes a Migration or its pod reads the story of the move: each turn once, and nothing that did not
// happen.
import test, { type ExecutionContext } from 'ava';
import { z } from 'zod';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { Events } from '#core/kube/events.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { silentLog } from '#core/log.ts';
import { at, condition, migration, time } from '#core/testing/objects.ts';
import { Story, turnsOf } from './story.ts';

const source = { name: 'shop-0', uid: 'u1', nodeName: 'a' };
const target = { name: 'shop-0', uid: 'u2', nodeName: 'b' };
const [admitted, held, claimed, committed] = [
  condition('Admitted'),
  condition('Held'),
  condition('Claimed'),
  condition('Committed'),
];
const running = condition('Succeeded', 'Unknown', 'Running');

const of = (status: MigrationStatus, dryRun = false): Migration => migration({ spec: { dryRun }, status });
const moved = of({
  conditions: [admitted, held, claimed, committed, condition('Succeeded', 'True', 'Moved')],
  source,
  target,
  freezeMs: 120,
  finishedAt: at(10),
});
const failed = of({
  conditions: [admitted, held, { ...condition('Succeeded', 'False', 'NoCandidate'), message: 'no node could take it' }],
  source,
  finishedAt: at(10),
});

const beginning = ['Migration Admitted'];
const holding = [...beginning, 'Migration Held', 'Pod Migrating'];
const turns: [string, Migration, string[]][] = [
  ['nobody has looked at it', migration(), []],
  ['it waits', of({ conditions: [condition('Admitted', 'False', 'Waiting')], source }), ['Migration Waiting']],
  ['it is admitted', of({ conditions: [admitted, running], source }), beginning],
  ['it is held', of({ conditions: [admitted, held, running], source }), holding],
  [
    'it was refused by the node',
    of({ conditions: [admitted, condition('Held', 'False'), running], source }),
    beginning,
  ],
  [
    'its replacement is claimed',
    of({ conditions: [admitted, held, claimed, running], source, target }),
    ['Migration Admitted', 'Migration Held', 'Migration Claimed', 'Pod Migrating'],
  ],
  [
    'its replacement is gone',
    of({ conditions: [admitted, held, condition('Claimed', 'False'), running], source }),
    holding,
  ],
  [
    'an attempt was rolled back',
    of({ conditions: [admitted, held, condition('Committed', 'False', 'Revoked'), running], source }),
    holding,
  ],
  [
    'it is committed',
    of({ conditions: [admitted, held, claimed, committed, running], source, target }),
    ['Migration Admitted', 'Migration Held', 'Migration Claimed', 'Migration Committed', 'Pod Migrating'],
  ],
  [
    'it has moved',
    moved,
    [
      'Migration Admitted',
      'Migration Held',
      'Migration Claimed',
      'Migration Committed',
      'Pod Migrating',
      'Migration Moved',
      'Pod Moved',
    ],
  ],
  ['it has failed', failed, [...holding, 'Migration NoCandidate', 'Pod NoCandidate']],
  [
    'there is no such pod',
    of({ conditions: [condition('Succeeded', 'False', 'PodNotFound')] }),
    ['Migration PodNotFound'],
  ],
  [
    'a dry run',
    of(
      {
        conditions: [admitted, condition('Held', 'False', 'DryRun'), condition('Succeeded', 'True', 'Planned')],
        source,
      },
      true,
    ),
    [],
  ],
  [
    'a dry run that was refused',
    of(
      {
        conditions: [admitted, condition('Held', 'False'), condition('Succeeded', 'False', 'PreflightRefused')],
        source,
      },
      true,
    ),
    [],
  ],
];
for (const [what, told, wanted] of turns)
  test(`${what}: ${wanted.at(-1) ?? 'nothing is told'}`, (t) =>
    t.deepEqual(
      turnsOf(told).map(({ regarding, reason }) => `${regarding.kind} ${reason}`),
      wanted,
    ));

test('the beginning is told of the pod that leaves, the end of the one that goes on', (t) => {
  const [, , , , begins, ends, goesOn] = turnsOf(moved);
  t.like(begins, {
    regarding: { kind: 'Pod', uid: 'u1' },
    related: { kind: 'Migration', name: 'move', namespace: 'default', uid: 'm1' },
    note: 'Migration move moves the pod to another node (User)',
  });
  t.like(ends, {
    type: 'Normal',
    regarding: { kind: 'Migration', uid: 'm1' },
    note: 'shop-0 moved from a to b; it stood still for 120 ms',
  });
  t.like(goesOn, {
    regarding: { kind: 'Pod', namespace: 'default', uid: 'u2' },
    related: { kind: 'Migration', uid: 'm1' },
    note: ends?.note ?? '',
  });
});

test('a failure is a warning of the pod that stays, and says why', (t) => {
  t.like(turnsOf(failed).at(-1), {
    type: 'Warning',
    regarding: { kind: 'Pod', uid: 'u1' },
    note: 'no node could take it',
  });
});

const eventSchema = z.looseObject({ reason: z.string(), regarding: z.object({ kind: z.string() }) });

async function teller(t: ExecutionContext) {
  const { server, api } = await testCluster(t);
  const clock = new HandClock(0, time(10));
  const events = new Events(api, clock, silentLog, { controller: 'godwit.dev/controller', instance: 'c1' });
  const begin = () => new Story(events, clock);
  /** What was sent since the last look. */
  const told = (): string[] =>
    server.received
      .splice(0)
      .map(({ body }) => eventSchema.parse(body))
      .map(({ reason, regarding }) => `${regarding.kind} ${reason}`);
  const stored = (): number =>
    server.store.list({ kinds: '/apis/events.k8s.io/v1/events', namespace: 'default' }).length;
  return { begin, clock, told, stored };
}

test('each turn is told once, when it comes', async (t) => {
  const { begin, told } = await teller(t);
  const story = begin();
  const steps: MigrationStatus['conditions'][] = [
    [{ ...condition('Admitted', 'False', 'Waiting'), message: '2 moves leave a' }],
    [{ ...condition('Admitted', 'False', 'Waiting'), message: '1 move leaves a' }],
    [admitted],
    [admitted, held],
    [admitted, held],
  ];
  const heard: string[][] = [];
  for (const conditions of steps) {
    await story.tell(of({ conditions: [...(conditions ?? []), running], source }));
    heard.push(told());
  }
  await story.tell(moved);
  t.deepEqual(
    [...heard, told()],
    [
      ['Migration Waiting'],
      [],
      ['Migration Admitted'],
      ['Migration Held', 'Pod Migrating'],
      [],
      ['Migration Claimed', 'Migration Committed', 'Migration Moved', 'Pod Moved'],
    ],
  );
});

test('every Migration has a story of its own', async (t) => {
  const { begin, told } = await teller(t);
  const story = begin();
  await story.tell(failed);
  told();
  await story.tell({ ...failed, metadata: { ...failed.metadata, name: 'next', uid: 'm2' } });
  t.is(told().length, 5);
});

test('who leads next tells nothing twice', async (t) => {
  const { begin, stored } = await teller(t);
  await begin().tell(failed);
  t.is(stored(), 5);
  await begin().tell(failed);
  t.is(stored(), 5);
});

test('an old end is no news', async (t) => {
  const { begin, clock, told } = await teller(t);
  clock.advance(60_000);
  await begin().tell(failed);
  t.is(told().length, 5);
  clock.advance(1);
  await begin().tell(failed);
  t.deepEqual(told(), []);
});

test('nothing is told of a dry run', async (t) => {
  const { begin, told } = await teller(t);
  await begin().tell({ ...failed, spec: { ...failed.spec, dryRun: true } });
  t.deepEqual(told(), []);
});
