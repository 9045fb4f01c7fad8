// `kubectl godwit drain`: the node is cordoned and emptied by the Eviction API, and what stays is told with its reason.
import test, { type ExecutionContext } from 'ava';
import type { Pod } from '#core/api/pod.ts';
import { interruptionPolicies, nodes, pods } from '#core/kube/resources.ts';
import { until } from '#core/kube/testing/until.ts';
import { testTerminal } from '../test-agent.ts';
import { plugin } from './testing/plugin.ts';

const owner = (kind: string) => [{ apiVersion: 'apps/v1', kind, name: 'shop', uid: 'o', controller: true }];
const busy = { status: 429, body: { message: 'Eviction triggered evacuation of pod shop-1' } };

/** Node `node-a` with nothing but `shop-1` of a StatefulSet. */
async function node(t: ExecutionContext) {
  const kube = await plugin(t);
  const add = (
    name: string,
    metadata: Partial<Pod['metadata']> = {},
    spec: Partial<Pod['spec']> = {},
    phase = 'Running',
  ) =>
    kube.api.create(pods, {
      metadata: { name, namespace: 'shop', ...metadata },
      spec: { nodeName: 'node-a', containers: [], ...spec },
      status: { phase },
    });
  await kube.api.delete(pods, { name: 'shop-0', namespace: 'shop' });
  await add('shop-1', { ownerReferences: owner('StatefulSet') });
  return {
    ...kube,
    add,
    left: async () => (await kube.api.list(pods)).items.map(({ metadata }) => metadata.name),
    cordoned: async () => (await kube.api.get(nodes, { name: 'node-a' })).spec?.unschedulable === true,
  };
}

test('the node is cordoned, then its pods are evicted, all but those that a drain leaves', async (t) => {
  const { add, godwit, left, cordoned, server } = await node(t);
  await add('daemon', { ownerReferences: owner('DaemonSet') });
  await add('static', { annotations: { 'kubernetes.io/config.mirror': 'x' } });
  await add('done', { ownerReferences: owner('Job') }, {}, 'Succeeded');
  await add('elsewhere', { ownerReferences: owner('StatefulSet') }, { nodeName: 'node-b' });
  const { code, stdout, stderr } = await godwit(['drain', 'node-a']);
  t.is(code, 0);
  t.is(stderr, '');
  t.is(
    stdout,
    'node-a cordoned\nshop/shop-1  evicted\nshop/shop-1  has left\nnode-a drained; take it back with: kubectl uncordon node-a\n',
  );
  t.true(await cordoned());
  t.deepEqual(
    (await left()).sort((a, b) => a.localeCompare(b)),
    ['daemon', 'done', 'elsewhere', 'static'],
  );
  const methods = server.received.filter(({ method }) => method !== 'GET').slice(-2);
  t.deepEqual(
    methods.map(({ path }) => path),
    ['/api/v1/nodes/node-a', '/api/v1/namespaces/shop/pods/shop-1/eviction'],
  );
  t.deepEqual(server.asked('DELETE', /pods\/shop-1/), []);
});

test('a pod that may not go yet is asked again, and why is shown once', async (t) => {
  const { server, godwit } = await node(t);
  server.fail('POST', /eviction/, busy, 2);
  const { code, stdout } = await godwit(['drain', 'node-a']);
  t.is(code, 0);
  t.is(server.asked('POST', /eviction/).length, 3);
  t.deepEqual(stdout.split('\n').slice(1, 4), [
    'shop/shop-1  Eviction triggered evacuation of pod shop-1',
    'shop/shop-1  evicted',
    'shop/shop-1  has left',
  ]);
});

test('a server that is away for a moment does not end the drain', async (t) => {
  const { server, godwit } = await node(t);
  server.fail('POST', /eviction/, 'cut', 1);
  server.fail('GET', /pods\?.*nodeName/, { status: 503, body: { message: 'starting' } }, 2);
  const { code, stderr } = await godwit(['drain', 'node-a', '--force']);
  t.is(code, 0);
  t.regex(stderr, /ERR_KUBE_UNAVAILABLE: .*starting/);
});

test('what stays at the end of the time is named with its reason; the node stays cordoned', async (t) => {
  const { server, godwit, cordoned } = await node(t);
  server.fail('POST', /eviction/, busy);
  const { code, stderr } = await godwit(['drain', 'node-a', '--timeout', '0.3']);
  t.is(code, 1);
  t.regex(
    stderr,
    /^ERR_DEADLINE: after 0\.3 s, 1 pod still on node-a, which stays cordoned: shop\/shop-1 \(Eviction triggered evacuation of pod shop-1\)/,
  );
  t.true(await cordoned());
});

test('Ctrl-C stops evicting, leaves the node cordoned, and says how to go on or back', async (t) => {
  const { server, godwit, cordoned } = await node(t);
  server.fail('POST', /eviction/, busy);
  const terminal = testTerminal();
  const draining = godwit(['drain', 'node-a'], terminal);
  await until(() => terminal.stdout().includes('evacuation'), 'the first round');
  terminal.interrupt();
  const { code, stderr } = await draining;
  t.is(code, 1);
  t.is(
    stderr,
    'stopped; node-a stays cordoned with 1 pod, and what has begun to move goes on. Go on: kubectl godwit drain node-a. Take it back: kubectl uncordon node-a\n',
  );
  t.true(await cordoned());
});

test('pods that nobody would make again are refused before anything is changed, unless forced', async (t) => {
  const { add, api, godwit, cordoned, left } = await node(t);
  const spec = {
    selector: { matchLabels: { app: 'shop' } },
    action: 'Migrate',
    holdSeconds: 60,
    evictionDeadlineSeconds: 900,
    disruptionBudgets: 'Respect',
    precedence: 0,
  } as const;
  for (const namespace of ['shop', 'bank'])
    await api.create(interruptionPolicies, {
      apiVersion: 'godwit.dev/v1alpha1',
      kind: 'InterruptionPolicy',
      metadata: { name: 'p', namespace },
      spec: namespace === 'shop' ? spec : { ...spec, selector: {} },
    });
  await add('bare');
  await add('moving', { labels: { app: 'shop' } }, { runtimeClassName: 'godwit' });
  await add('staying', {}, { runtimeClassName: 'godwit' });
  const { code, stderr } = await godwit(['drain', 'node-a']);
  t.is(code, 3);
  t.regex(
    stderr,
    /^ERR_REFUSED: nobody makes these pods again, and they cannot move: shop\/bare, shop\/staying; --force evicts them/,
  );
  t.false(await cordoned());
  t.is((await left()).length, 4);
  t.is((await godwit(['drain', 'node-a', '--force'])).code, 0);
  t.deepEqual(await left(), []);
});

test('a refusal that asking again cannot change ends it', async (t) => {
  const { server, godwit } = await node(t);
  server.fail('POST', /eviction/, { status: 403, body: { message: 'alice may not evict' } });
  const { code, stderr } = await godwit(['drain', 'node-a']);
  t.is(code, 1);
  t.regex(stderr, /^ERR_KUBE_FORBIDDEN: .*alice may not evict/);
});

test('no such node, and no such time, change nothing', async (t) => {
  const { server, godwit } = await node(t);
  const before = server.received.length;
  t.is((await godwit(['drain', 'node-a', '--timeout', 'soon'])).code, 2);
  t.is(server.received.length, before);
  const { code, stderr } = await godwit(['drain', 'node-z']);
  t.is(code, 2);
  t.regex(stderr, /^ERR_KUBE_NOT_FOUND: .*"node-z" not found/);
});
