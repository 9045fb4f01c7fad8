// What the controller writes for a Migration, in which order, and that it may die at any point of it.
import test, { type ExecutionContext } from 'ava';
import { runningCluster, type Seed } from '#controller/testing/running-cluster.ts';
import { findCondition } from '#core/api/conditions.ts';
import type { Migration, MigrationStatus } from '#core/api/migration.ts';
import { annotations, claimGate, jobTrackingFinalizer, labels, migrationFinalizer } from '#core/api/names.ts';
import type { Pod } from '#core/api/pod.ts';
import { Events } from '#core/kube/events.ts';
import { migrations, pods } from '#core/kube/resources.ts';
import { statusBody } from '#core/kube/testing/status-body.ts';
import { silentLog } from '#core/log.ts';
import { at, condition, migration, node, pod } from '#core/testing/objects.ts';
import { isWaiting, MigrationReconciler } from './reconciler.ts';
import { Story } from './story.ts';

const move = { namespace: 'default', name: 'move' };
const shop = { namespace: 'default', name: 'shop-0' };

async function rig(t: ExecutionContext, seed: Seed) {
  const running = await runningCluster(t, seed);
  const { api, server, cluster, clock, caughtUp } = running;
  const ends: (string | undefined)[] = [];
  const story = new Story(new Events(api, clock, silentLog, { controller: 'test', instance: 'test' }), clock);
  const reconciler = new MigrationReconciler(
    cluster,
    { perNode: 2, perCluster: 5 },
    story,
    (_migration, { conditions }) => void ends.push(findCondition(conditions, 'Succeeded')?.reason),
  );
  /** The next look, with all that the last one has written; resolves with what it writes, without events. */
  const look = async (): Promise<string[]> => {
    await caughtUp();
    server.received.splice(0);
    await reconciler.reconcile(move);
    return server.received
      .filter(({ method, path }) => method !== 'GET' && !/\/events|dryRun/.test(path))
      .map(({ method, path }) => `${method} ${path.split('/').slice(-2).join('/')}`);
  };
  return {
    ...running,
    look,
    ends,
    reconciler,
    theMove: () => api.get(migrations, move),
    thePod: () => api.find(pods, shop),
  };
}

const held = (status: MigrationStatus = {}, parts: Parameters<typeof migration>[0] = {}): Migration =>
  migration({
    ...parts,
    status: {
      conditions: [condition('Admitted'), condition('Held')],
      strategy: 'SameName',
      source: { name: 'shop-0', uid: 'u1', nodeName: 'a' },
      holdUntil: at(100),
      ...status,
    },
  });
const lonely = pod({ metadata: { labels: { app: 'shop' }, annotations: { [annotations.lineage]: 'l1' } } });

test('a Migration is found by its labels, names its incarnation, and stays while its word is needed', async (t) => {
  const { look, theMove } = await rig(t, { pods: [lonely], migrations: [migration()] });
  t.deepEqual(await look(), ['PATCH migrations/move', 'PUT move/status']);
  const { metadata, spec, status } = await theMove();
  t.deepEqual(metadata.finalizers, [migrationFinalizer]);
  t.deepEqual(metadata.labels, { [labels.sourceNode]: 'a', [labels.podUid]: 'u1', [labels.trigger]: 'User' });
  t.is(spec.podUID, 'u1');
  t.like(status, { phase: 'Holding', strategy: 'SameName', lineage: 'u1', generation: 1 });
});

test('a Migration that bears its marks already gets its status only', async (t) => {
  const marked = {
    finalizers: [migrationFinalizer],
    labels: { [labels.sourceNode]: 'a', [labels.podUid]: 'u1', [labels.trigger]: 'User' },
  };
  const { look } = await rig(t, {
    pods: [lonely],
    migrations: [migration({ metadata: marked, spec: { podUID: 'u1' } })],
  });
  t.deepEqual(await look(), ['PUT move/status']);
});

test('a bare pod is written down before it is deleted, and made again once', async (t) => {
  const { look, theMove, thePod, server } = await rig(t, { pods: [lonely], migrations: [held()] });
  t.deepEqual(await look(), ['PUT move/status', 'PUT move/status', 'DELETE pods/shop-0']);
  t.like(server.asked('DELETE', /pods\/shop-0/)[0]?.body, { gracePeriodSeconds: 0, preconditions: { uid: 'u1' } });
  t.deepEqual(await look(), ['POST default/pods', 'PUT move/status']);
  t.like(await thePod(), { metadata: { labels: { app: 'shop' }, annotations: { [annotations.lineage]: 'l1' } } });
  t.not((await thePod())?.metadata.uid, 'u1');
  t.true((await theMove()).status?.copyMade);
  t.deepEqual(await look(), []);
});

test('a controller that dies before it remembers the copy makes no other', async (t) => {
  const { look, theMove, server } = await rig(t, {
    pods: [],
    migrations: [held({ phase: 'Replacing', podManifest: JSON.stringify(lonely) })],
  });
  server.fail('PUT', /move\/status/, { status: 500 }, 1);
  await t.throwsAsync(look(), { code: 'ERR_KUBE_UNAVAILABLE' });
  t.is(server.store.list({ kinds: '/api/v1/pods', namespace: 'default' }).length, 1);
  server.store.remove('/api/v1/pods', 'default', 'shop-0');
  await look();
  t.true((await theMove()).status?.copyMade);
});

test('pods and Migrations of another namespace that name the owner or the pod do not disturb the move', async (t) => {
  const source = pod({ owner: 'ReplicaSet' });
  const replicaSet = { metadata: { name: 'shop', namespace: 'default', uid: 'owner-uid' }, spec: { replicas: 1 } };
  const foreign = pod({ owner: 'ReplicaSet', metadata: { name: 'evil', namespace: 'mallory', uid: 'u9' } });
  const older = migration({
    metadata: { name: 'aim', namespace: 'mallory', uid: 'm9', creationTimestamp: at(-10) },
    spec: { podUID: 'u1' },
  });
  const leaving = { ...source, metadata: { ...source.metadata, deletionTimestamp: at(60) } };
  const begun = await rig(t, { pods: [source, foreign], migrations: [migration(), older] });
  await begun.look();
  t.deepEqual([begun.ends, (await begun.theMove()).status?.phase], [[], 'Holding']);
  const holding = await rig(t, {
    pods: [leaving, foreign],
    migrations: [
      held({
        strategy: 'NewName',
        source: {
          name: 'shop-0',
          uid: 'u1',
          nodeName: 'a',
          owner: { kind: 'ReplicaSet', name: 'shop', uid: 'owner-uid' },
        },
      }),
    ],
  });
  holding.server.store.write('/apis/apps/v1/replicasets', replicaSet);
  await holding.look();
  t.deepEqual(holding.ends, []);
});

test('a copy of a bare pod has its gate, whether a webhook answers or not', async (t) => {
  const { look, thePod, server } = await rig(t, {
    pods: [],
    migrations: [held({ phase: 'Replacing', podManifest: JSON.stringify(lonely) })],
  });
  server.admit = (_kinds, object) => object;
  await look();
  t.deepEqual((await thePod())?.spec.schedulingGates, [{ name: claimGate }]);
});

test('a copy that somebody deletes is not made again', async (t) => {
  const { look, ends, server } = await rig(t, {
    pods: [],
    migrations: [held({ podManifest: JSON.stringify(lonely), copyMade: true })],
  });
  t.deepEqual(await look(), ['PUT move/status']);
  t.deepEqual(ends, ['ReplacementMissing']);
  t.deepEqual(server.asked('POST', /pods$/), []);
});

const lost = held({
  conditions: [condition('Admitted'), condition('Held'), condition('Succeeded', 'False', 'HandoverFailed')],
  podManifest: JSON.stringify(lonely),
  finishedAt: at(60),
});

test('a bare pod that was deleted in vain comes back', async (t) => {
  const { look, thePod, theMove } = await rig(t, { pods: [], migrations: [lost] });
  t.deepEqual(await look(), ['POST default/pods', 'PUT move/status']);
  t.is((await thePod())?.metadata.name, 'shop-0');
  t.true((await theMove()).status?.copyMade);
  t.deepEqual(await look(), []);
});

const set = { kind: 'StatefulSet', name: 'shop', uid: 'owner-uid' };
const elsewhere = (more: Partial<Pod['metadata']> = {}): Pod =>
  pod({
    owner: 'StatefulSet',
    metadata: { uid: 'u2', annotations: { [annotations.migration]: 'm1' }, ...more },
    spec: { nodeName: 'b' },
    status: { phase: 'Pending' },
  });
const staying = (more: MigrationStatus = {}): Migration =>
  held({
    source: { name: 'shop-0', uid: 'u1', nodeName: 'a', owner: set },
    attempts: 3,
    handover: { id: 'm1-3', state: 'rolled-back' },
    ...more,
  });

test('near the end of the hold the replacement elsewhere is given up and deleted, so that the next one comes to the node of its source', async (t) => {
  const { look, theMove, thePod, server, clock } = await rig(t, {
    pods: [elsewhere()],
    migrations: [staying({ target: { name: 'shop-0', uid: 'u2', nodeName: 'b' } })],
  });
  clock.advance(25_000);
  t.deepEqual(await look(), ['PUT move/status']);
  t.deepEqual((await theMove()).status?.inPlace?.after, 3);
  t.is((await theMove()).status?.target, undefined);
  t.deepEqual(await look(), ['DELETE pods/shop-0']);
  t.like(server.asked('DELETE', /pods\/shop-0/)[0]?.body, { gracePeriodSeconds: 0, preconditions: { uid: 'u2' } });
  t.is(await thePod(), undefined);
});

test('an attempt that begins while other nodes are given up commits no more than those before', async (t) => {
  const { look, theMove, put, caughtUp, clock } = await rig(t, {
    pods: [elsewhere()],
    migrations: [staying({ target: { name: 'shop-0', uid: 'u2', nodeName: 'b' } })],
  });
  clock.advance(25_000);
  await caughtUp();
  const known = await theMove();
  put({ ...known, status: { ...known.status, attempts: 4, handover: { id: 'm1-4', state: 'preparing' } } });
  await look();
  const { attempts = 0, inPlace } = (await theMove()).status ?? {};
  t.true(inPlace === undefined || inPlace.after === attempts);
});

test('a replacement that was given up goes also when its Migration is over before it could be deleted: nobody would start it', async (t) => {
  const over = staying({
    inPlace: { after: 3, why: 'w' },
    conditions: [condition('Held'), condition('Succeeded', 'False')],
    finishedAt: at(60),
  });
  const { look, thePod } = await rig(t, { pods: [elsewhere()], migrations: [over] });
  t.deepEqual(await look(), ['DELETE pods/shop-0']);
  t.is(await thePod(), undefined);
  t.deepEqual(await look(), []);
});

const kept: [string, Migration][] = [
  ['the replacement after all', staying({ inPlace: { after: 3, why: 'w' }, target: { name: 'shop-0', uid: 'u2' } })],
  ['of a Migration that tries other nodes', staying()],
  ['of another Migration of that name', held({ inPlace: { after: 3, why: 'w' } }, { metadata: { uid: 'm2' } })],
];
for (const [what, live] of kept) {
  test(`a pod that is ${what}, as the server knows, is not deleted`, async (t) => {
    const { look, server, thePod, caughtUp } = await rig(t, {
      pods: [elsewhere()],
      migrations: [staying({ inPlace: { after: 3, why: 'w' } })],
    });
    await caughtUp();
    server.fail('GET', /migrations\/move$/, { status: 200, body: live });
    t.deepEqual(await look(), []);
    t.is((await thePod())?.metadata.uid, 'u2');
  });
}

const next = { name: 'shop-1', uid: 'u2' };

test("of a ReplicaSet's pod the owner makes the next one while it terminates", async (t) => {
  const { look, server } = await rig(t, {
    pods: [pod({ owner: 'ReplicaSet' }), pod({ owner: 'ReplicaSet', metadata: next })],
    migrations: [held({ strategy: 'NewName', target: next })],
  });
  t.deepEqual(await look(), ['PUT move/status', 'DELETE pods/shop-0']);
  const [{ body } = { body: undefined }] = server.asked('DELETE', /pods\/shop-0/);
  t.deepEqual(Object.keys(Object(body)).toSorted(), ['apiVersion', 'kind', 'preconditions'], 'gracefully');
});

test('a Job does not count the attempt that goes on elsewhere', async (t) => {
  const counted = pod({ owner: 'Job', metadata: { finalizers: [jobTrackingFinalizer, 'example.com/own'] } });
  const { look, server } = await rig(t, {
    pods: [counted, pod({ owner: 'Job', metadata: next })],
    migrations: [held({ strategy: 'AfterDelete', target: next })],
  });
  t.deepEqual(await look(), ['PUT move/status', 'PATCH pods/shop-0', 'DELETE pods/shop-0']);
  t.like(server.asked('PATCH', /pods\/shop-0/)[0]?.body, { metadata: { finalizers: ['example.com/own'] } });
});

/** The server knows it, the watch does not yet. */
const late: [string, Migration][] = [
  ['cancelled', held({ phase: 'Replacing' }, { spec: { cancel: true } })],
  ['deleted', held({ phase: 'Replacing' }, { metadata: { deletionTimestamp: at(60) } })],
  [
    'given up',
    held({
      phase: 'Replacing',
      conditions: [condition('Admitted'), condition('Held'), condition('Succeeded', 'False')],
    }),
  ],
  ['held no longer', held({ phase: 'Replacing', holdUntil: at(61) })],
  ['made anew', held({ phase: 'Replacing' }, { metadata: { uid: 'm2' } })],
];
for (const [what, meanwhile] of late) {
  test(`nothing is deleted for a Migration that was ${what} a moment ago`, async (t) => {
    const { server, look, thePod, caughtUp } = await rig(t, {
      pods: [lonely],
      migrations: [held({ phase: 'Replacing' })],
    });
    await caughtUp();
    server.fail('GET', /migrations\/move$/, { status: 200, body: meanwhile });
    t.deepEqual(await look(), []);
    t.is((await thePod())?.metadata.uid, 'u1');
  });
}

test('a commit that comes in between wins over everything that was decided before', async (t) => {
  const { put, look, theMove, ends, caughtUp } = await rig(t, {
    pods: [lonely],
    migrations: [held({}, { spec: { cancel: true } })],
  });
  await caughtUp();
  const commit: MigrationStatus['commit'] = { handover: 'm1-1', decision: 'committed', decidedAt: at(60) };
  const looked = look();
  put(held({ commit }, { spec: { cancel: true } }));
  t.deepEqual(await looked, []);
  t.deepEqual(ends, []);
  t.like((await theMove()).status, { commit });
});

const gone = {
  conditions: [condition('Admitted'), condition('Held'), condition('Succeeded', 'False', 'Cancelled')],
  finishedAt: at(60),
};
const forgotten: [string, MigrationStatus, Pod[], boolean][] = [
  ['whose source may run without an object', gone, [], false],
  ['whose source has ended', { ...gone, handover: { id: 'm1-1', state: 'released' } }, [], true],
  ['whose source runs on', gone, [lonely], true],
];
for (const [what, status, those, goes] of forgotten) {
  test(`a deleted Migration ${what} ${goes ? 'goes' : 'stays'}`, async (t) => {
    const { look, theMove } = await rig(t, {
      pods: those,
      migrations: [
        held(status, { metadata: { deletionTimestamp: at(60), finalizers: ['example.com/own', migrationFinalizer] } }),
      ],
    });
    t.deepEqual(await look(), goes ? ['PATCH migrations/move'] : []);
    t.deepEqual(
      (await theMove()).metadata.finalizers,
      goes ? ['example.com/own'] : ['example.com/own', migrationFinalizer],
    );
  });
}

test('the end is told once, when it was written', async (t) => {
  const { look, ends } = await rig(t, { pods: [lonely], migrations: [held({}, { spec: { cancel: true } })] });
  t.deepEqual(await look(), ['PUT move/status']);
  await look();
  t.deepEqual(ends, ['Cancelled']);
});

test('moves that are asked for at the same time keep to the limit of their node', async (t) => {
  const names = ['shop-0', 'shop-1', 'shop-2', 'shop-3'];
  const { api, reconciler, caughtUp } = await rig(t, {
    pods: names.map((name) => pod({ metadata: { name, uid: `uid-${name}` } })),
    migrations: names.map((name) =>
      migration({ metadata: { name: `move-${name}`, uid: `move-${name}` }, spec: { podName: name } }),
    ),
  });
  await caughtUp();
  await Promise.all(names.map((name) => reconciler.reconcile({ namespace: 'default', name: `move-${name}` })));
  const { items } = await api.list(migrations);
  t.is(items.filter(({ status }) => findCondition(status?.conditions, 'Admitted')?.status === 'True').length, 2);
  t.is(
    items.filter(({ status }) =>
      /2 moves leave a, 2 are allowed/.test(findCondition(status?.conditions, 'Admitted')?.message ?? ''),
    ).length,
    2,
  );
});

const trial = /pods\?dryRun=All$/;
const exceeded = (used: number, limited: number) => ({
  status: 403,
  body: statusBody(
    403,
    'Forbidden',
    `pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=${used}, limited: pods=${limited}`,
  ),
});

test('a pod whose replacement no quota has room for is refused before it is held', async (t) => {
  const { look, theMove, ends, server } = await rig(t, { pods: [lonely], migrations: [migration()] });
  server.fail('POST', trial, exceeded(2, 1));
  t.deepEqual(await look(), ['PUT move/status']);
  t.deepEqual(ends, ['PreflightRefused']);
  t.like((await theMove()).status?.refusals?.[0], { code: 'PREFLIGHT_QUOTA' });
});

test('a quota that fills up before the object goes ends the move, and the pod stays', async (t) => {
  const { look, ends, thePod, server } = await rig(t, { pods: [lonely], migrations: [held({ phase: 'Replacing' })] });
  server.fail('POST', trial, exceeded(2, 1));
  t.deepEqual(await look(), ['PUT move/status']);
  t.deepEqual(ends, ['PreflightRefused']);
  t.is((await thePod())?.metadata.uid, 'u1');
});

test('a move that waits is tried at its first look, and again when its turn has come', async (t) => {
  const { look, server } = await rig(t, { pods: [lonely], nodes: [node('a')], migrations: [migration()] });
  await look();
  t.is(server.asked('POST', trial).length, 1);
  await look();
  t.is(server.asked('POST', trial).length, 0);
});

test('a pod is not held while the webhook of Godwit does not answer, and moves when it does', async (t) => {
  const { look, theMove, server } = await rig(t, { pods: [lonely], migrations: [migration()] });
  const answering = server.admit;
  server.admit = (_kinds, object) => object;
  t.deepEqual(await look(), ['PUT move/status']);
  const { conditions } = (await theMove()).status ?? {};
  t.like(findCondition(conditions, 'Admitted'), { status: 'False', reason: 'Waiting' });
  t.regex(findCondition(conditions, 'Admitted')?.message ?? '', /webhook of Godwit does not answer/);
  server.admit = answering;
  await look();
  t.like(findCondition((await theMove()).status?.conditions, 'Admitted'), { status: 'True' });
});

test('the object of a held pod does not go while the webhook of Godwit does not answer: the move says so until its deadline', async (t) => {
  const { look, theMove, thePod, server, clock, ends } = await rig(t, {
    pods: [lonely],
    migrations: [held({ phase: 'Replacing' })],
  });
  server.admit = (_kinds, object) => object;
  t.deepEqual(await look(), ['PUT move/status']);
  t.regex(
    findCondition((await theMove()).status?.conditions, 'Claimed')?.message ?? '',
    /webhook of Godwit does not answer/,
  );
  t.deepEqual(await look(), []);
  clock.advance(100_000);
  t.deepEqual(await look(), ['PUT move/status']);
  t.deepEqual(ends, ['DeadlineExceeded']);
  t.regex(
    findCondition((await theMove()).status?.conditions, 'Succeeded')?.message ?? '',
    /webhook of Godwit does not answer/,
  );
  t.is((await thePod())?.metadata.uid, 'u1');
});

test('a copy that the API server refuses is remembered with its words', async (t) => {
  const { look, theMove, server } = await rig(t, {
    pods: [],
    migrations: [held({ phase: 'Replacing', podManifest: JSON.stringify(lonely) })],
  });
  server.fail('POST', /pods$/, exceeded(1, 1));
  await t.throwsAsync(look(), { code: 'ERR_KUBE_FORBIDDEN' });
  t.like(findCondition((await theMove()).status?.conditions, 'Claimed'), {
    status: 'False',
    reason: 'ReplacementRefused',
  });
  t.regex(findCondition((await theMove()).status?.conditions, 'Claimed')?.message ?? '', /exceeded quota: q/);
});

test('moves that are asked for at the same time keep to the budget of their pods', async (t) => {
  const names = ['shop-0', 'shop-1', 'shop-2'];
  const budget = {
    metadata: { name: 'shop', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'shop' } }, maxUnavailable: 1 },
  };
  const { api, reconciler, caughtUp } = await rig(t, {
    budgets: [budget],
    pods: names.map((name) =>
      pod({
        metadata: { name, uid: `uid-${name}`, labels: { app: 'shop' } },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      }),
    ),
    migrations: names.map((name) =>
      migration({ metadata: { name: `move-${name}`, uid: `move-${name}` }, spec: { podName: name, trigger: 'Drain' } }),
    ),
  });
  await caughtUp();
  await Promise.all(names.map((name) => reconciler.reconcile({ namespace: 'default', name: `move-${name}` })));
  const { items } = await api.list(migrations);
  const admitted = items.map(({ status }) => findCondition(status?.conditions, 'Admitted'));
  t.is(admitted.filter((one) => one?.status === 'True').length, 1);
  t.is(
    admitted.filter((one) => one?.message.startsWith('PodDisruptionBudget shop wants 2 of 3 pods ready, and 1 beside'))
      .length,
    2,
  );
});

test('moves that wait for their turn ask the API server nothing, and begin when it has come', async (t) => {
  const names = Array.from({ length: 20 }, (_, index) => `shop-${index}`);
  const { api, server, reconciler, caughtUp, cluster } = await rig(t, {
    pods: names.map((name) => pod({ metadata: { name, uid: `uid-${name}` } })),
    migrations: names.map((name) =>
      migration({
        metadata: { name, uid: `move-${name}` },
        spec: { podName: name, trigger: 'Drain', deadlineSeconds: 600 },
      }),
    ),
  });
  const lookAtAll = async (): Promise<void> => {
    await caughtUp();
    for (const name of names) await reconciler.reconcile({ namespace: 'default', name });
  };
  await lookAtAll();
  await caughtUp();
  const waiting = cluster.migrations.list().filter(isWaiting);
  t.is(waiting.length, 18);
  server.received.splice(0);
  for (const { metadata } of waiting) t.true(((await reconciler.reconcile(metadata)).requeueAfterMs ?? 0) >= 5_000);
  t.deepEqual(
    server.received.filter(({ path }) => !path.includes('watch=')),
    [],
  );
  const begun = cluster.migrations.list().find((one) => !isWaiting(one));
  await api.delete(migrations, { namespace: 'default', name: begun?.metadata.name ?? '' });
  await lookAtAll();
  await caughtUp();
  t.is(cluster.migrations.list().filter(isWaiting).length, 17);
});
