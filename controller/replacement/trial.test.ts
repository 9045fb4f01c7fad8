// What is asked of the API server before a pod goes, and what its answers mean for the move.
import test, { type ExecutionContext } from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { testCluster } from '#core/kube/testing/access.ts';
import { statusBody } from '#core/kube/testing/status-body.ts';
import { pod } from '#core/testing/objects.ts';
import type { Owner } from '#controller/migration/prospect.ts';
import { withGates } from '#controller/testing/running-cluster.ts';
import { tryReplacement, untried } from './trial.ts';

const template = {
  metadata: { labels: { app: 'shop' }, annotations: { note: 'x' } },
  spec: {
    runtimeClassName: 'godwit',
    containers: [{ name: 'app', image: 'shop:1' }],
    volumes: [{ name: 'cache', emptyDir: {} }],
  },
};
const meta = { name: 'shop', uid: 'owner-uid' };
const replicaSet: Owner = { kind: 'ReplicaSet', object: { metadata: meta, spec: { template } } };
const job: Owner = { kind: 'Job', object: { metadata: meta, spec: { template } } };
const statefulSet = (updateRevision: string, type = 'RollingUpdate'): Owner => ({
  kind: 'StatefulSet',
  object: {
    metadata: meta,
    spec: { template, updateStrategy: { type }, volumeClaimTemplates: [{ metadata: { name: 'data' } }] },
    status: { updateRevision },
  },
});
const claim = { name: 'data', persistentVolumeClaim: { claimName: 'data-shop-0' } };

/** A pod that the owner made of the template. */
const made = (owner: Owner | undefined, more: Partial<Pod['spec']> = {}): Pod => {
  const volumes = owner?.kind === 'StatefulSet' ? [claim, ...template.spec.volumes] : template.spec.volumes;
  return pod({
    owner: owner?.kind,
    metadata: { labels: { app: 'shop', 'controller-revision-hash': 'r1' } },
    spec: { ...template.spec, volumes, ...more },
  });
};

async function rig(t: ExecutionContext, pass?: { code: number; message: string }) {
  const { api, server } = await testCluster(t);
  server.admit = withGates;
  const stop =
    pass === undefined
      ? undefined
      : server.fail('POST', /default\/pods\?dryRun=All$/, {
          status: pass.code,
          body: statusBody(pass.code, 'Reason', pass.message),
        });
  return { api, server, stop };
}

for (const owner of [replicaSet, job, statefulSet('r1'), undefined]) {
  test(`a replacement by ${owner?.kind ?? 'nobody'} is asked for as its owner makes it, and is not made`, async (t) => {
    const { api, server } = await rig(t);
    t.deepEqual(await tryReplacement(api, made(owner), owner), untried);
    const [request, ...more] = server.asked('POST', /./);
    t.deepEqual([request?.path, more], ['/api/v1/namespaces/default/pods?dryRun=All', []]);
    t.like(request?.body, {
      metadata: { name: 'shop-0-trial', labels: { app: 'shop' } },
      spec: { containers: [{ image: 'shop:1' }] },
    });
    t.deepEqual(server.store.list({ kinds: '/api/v1/pods', namespace: undefined }), []);
  });
}

const overdrawn =
  'pods "shop-0-trial" is forbidden: exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=2';
const full = overdrawn.replace('pods=2', 'pods=3');
const refusals: [string, number, string, string, RegExp][] = [
  [
    'a quota that has no room either way',
    403,
    overdrawn,
    'PREFLIGHT_QUOTA',
    /^ResourceQuota q has no room .*: pods \(exceeded quota: q/,
  ],
  [
    'a quota that asks for limits',
    403,
    'pods "x" is forbidden: failed quota: q: must specify limits.cpu for: app',
    'PREFLIGHT_QUOTA',
    /^failed quota: q: must specify/,
  ],
  [
    'a LimitRange',
    403,
    'pods "x" is forbidden: maximum cpu usage per Container is 100m, but limit is 200m',
    'PREFLIGHT_ADMISSION',
    /^maximum cpu usage/,
  ],
  [
    'Pod Security',
    403,
    'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
    'PREFLIGHT_ADMISSION',
    /^violates PodSecurity/,
  ],
  [
    'a policy',
    422,
    "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
    'PREFLIGHT_ADMISSION',
    /^ValidatingAdmissionPolicy 'p'/,
  ],
  [
    'a webhook',
    400,
    'admission webhook "w.example.com" denied the request: no',
    'PREFLIGHT_ADMISSION',
    /^admission webhook/,
  ],
];
for (const [what, code, message, refusal, fact] of refusals) {
  test(`${what} refuses the move: ${refusal}`, async (t) => {
    const { api } = await rig(t, { code, message });
    const {
      refusals: [found, ...more],
      wait,
      needsItsPlace,
    } = await tryReplacement(api, made(replicaSet), replicaSet);
    t.deepEqual([found?.code, more, wait, needsItsPlace], [refusal, [], undefined, false]);
    t.regex(found?.fact ?? '', fact);
    t.not(found?.remedy ?? '', '');
  });
}

test('a quota that has room when the pod is gone: it goes first', async (t) => {
  const { api } = await rig(t, { code: 403, message: full });
  t.deepEqual(await tryReplacement(api, made(replicaSet), replicaSet), { ...untried, needsItsPlace: true });
});

test('a webhook that is away: the move waits, and says so', async (t) => {
  const { api } = await rig(t, {
    code: 500,
    message: 'Internal error occurred: failed calling webhook "w.example.com"',
  });
  t.regex(
    (await tryReplacement(api, made(replicaSet), replicaSet)).wait ?? '',
    /failed calling webhook "w\.example\.com"/,
  );
});

test('one that takes no dry run says nothing about the move', async (t) => {
  const { api } = await rig(t, { code: 400, message: 'admission webhook "w.example.com" does not support dry run' });
  t.deepEqual(await tryReplacement(api, made(replicaSet), replicaSet), untried);
});

test('a server that does not answer, or is busy, is asked again', async (t) => {
  for (const [code, error] of [
    [503, 'ERR_KUBE_UNAVAILABLE'],
    [429, 'ERR_KUBE_TOO_MANY'],
  ] as const) {
    const { api } = await rig(t, { code, message: 'later' });
    await t.throwsAsync(tryReplacement(api, made(replicaSet), replicaSet), { code: error });
  }
});

const silent = (_kinds: string, object: unknown): unknown => object;
const answers: [string, { code: number; message: string } | undefined][] = [
  ['the answer is a pod without its gate', undefined],
  ['a quota has room when the pod is gone', { code: 403, message: full }],
  ['a webhook takes no dry run', { code: 400, message: 'admission webhook "w.example.com" does not support dry run' }],
];
for (const [what, answer] of answers) {
  test(`while Godwit's own webhook does not answer the move waits: ${what}`, async (t) => {
    const { api, server } = await rig(t, answer);
    server.admit = silent;
    const { refusals: found, wait } = await tryReplacement(api, made(replicaSet), replicaSet);
    t.deepEqual(found, []);
    t.regex(wait ?? '', /webhook of Godwit does not answer/);
  });
}

test('where nobody can tell whether the webhook answers the move waits, and says why', async (t) => {
  const { api, server } = await rig(t, { code: 403, message: full });
  server.fail('POST', /godwit-system\/pods/, {
    status: 403,
    body: statusBody(403, 'Forbidden', 'no room for a probe'),
  });
  t.regex((await tryReplacement(api, made(replicaSet), replicaSet)).wait ?? '', /not known: .*no room for a probe/);
});

test('a template that names its node has no replacement that could be held at a gate', async (t) => {
  const { api } = await rig(t);
  const owner: Owner = {
    kind: 'ReplicaSet',
    object: { metadata: meta, spec: { template: { ...template, spec: { ...template.spec, nodeName: 'a' } } } },
  };
  t.regex((await tryReplacement(api, made(owner), owner)).wait ?? '', /names the node a itself/);
});

test('an owner that is gone is not asked for a replacement', async (t) => {
  const { api, server } = await rig(t, { code: 403, message: full });
  t.deepEqual(await tryReplacement(api, made(replicaSet), 'gone'), untried);
  t.deepEqual(server.asked('POST', /./), []);
});

const other = (owner: Owner | undefined): Pod => made(owner, { containers: [{ name: 'app', image: 'shop:0' }] });
const differences: [string, Pod, Owner | undefined, boolean][] = [
  ['a ReplicaSet whose pods a webhook makes of another image now', other(replicaSet), replicaSet, true],
  ['a StatefulSet that has another template since', other(statefulSet('r1')), statefulSet('r1'), true],
  [
    'a StatefulSet that has another template since, and waits for its pods to be deleted',
    other(statefulSet('r2')),
    statefulSet('r2', 'OnDelete'),
    true,
  ],
  [
    'a StatefulSet that is being rolled out: which template counts is not known',
    other(statefulSet('r2')),
    statefulSet('r2'),
    false,
  ],
  ['a Job, which adds to its template', other(job), job, false],
];
for (const [what, running, owner, differs] of differences) {
  test(`${what}: ${differs ? 'refused' : 'not refused'}`, async (t) => {
    const { api } = await rig(t);
    t.deepEqual(
      (await tryReplacement(api, running, owner)).refusals.map(({ code }) => code),
      differs ? ['PREFLIGHT_REPLACEMENT_DIFFERS'] : [],
    );
  });
}
