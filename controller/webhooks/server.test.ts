// The webhooks answer whoever knows the path that is written into their configurations, and nobody else.
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { runningCluster } from '#controller/testing/running-cluster.ts';
import { migrations, webhookConfigurations } from '#core/kube/resources.ts';
import { pod } from '#core/testing/objects.ts';
import { serveWebhooks } from './server.ts';

const names = { namespace: 'godwit-system', service: 'godwit-controller' };
const eviction = { request: { uid: 'review', name: 'shop-0', namespace: 'default', operation: 'CREATE', object: {} } };

async function rig(t: ExecutionContext) {
  const { api, cluster, clock } = await runningCluster(t, { pods: [pod()] });
  const [mutating, validating] = webhookConfigurations;
  for (const [resource, name] of [
    [mutating, 'pods.godwit.dev'],
    [validating, 'evictions.godwit.dev'],
  ] as const) {
    if (resource !== undefined)
      await api.create(resource, {
        metadata: { name: names.service },
        webhooks: [{ name, clientConfig: { service: { ...names } } }],
      });
  }
  const serve = async () => {
    const webhooks = await serveWebhooks(cluster, { ...names, port: 0, own: [], onEviction: () => undefined });
    t.teardown(async () => {
      const closed = webhooks.close();
      clock.advance(10_000);
      await closed;
    });
    return webhooks;
  };
  const told = async () =>
    (await Promise.all(webhookConfigurations.map((resource) => api.get(resource, { name: names.service })))).map(
      ({ webhooks = [] }) => webhooks[0]?.clientConfig.service?.path ?? '',
    );
  return { api, serve, told, begun: async () => (await api.list(migrations)).items.length };
}

async function ask(port: number, path: string, body: unknown): Promise<{ status: number; said: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; said: string }>();
  request(
    { port, path, method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json' } },
    (response) => void text(response).then((said) => resolve({ status: response.statusCode ?? 0, said }), reject),
  )
    .on('error', reject)
    .end(JSON.stringify(body));
  return promise;
}

test('a review that anybody sends begins no move', async (t) => {
  const { serve, told, begun } = await rig(t);
  const { port } = await serve();
  const [, path = ''] = await told();
  const guesses = [
    '/',
    '/validate-evictions',
    '/evictions.godwit.dev',
    '/evictions.godwit.dev/',
    '/evictions.godwit.dev/undefined',
    `${path.slice(0, -1)}0`,
    `${path.slice(0, -1)}1`,
    `${path}/x`,
    path.toUpperCase(),
  ];
  for (const guess of guesses.filter((one) => one !== path))
    t.is((await ask(port, guess, eviction)).status, 404, guess);
  t.is(await begun(), 0);
});

test('the API server is answered, and by every replica', async (t) => {
  const { serve, told, begun } = await rig(t);
  const ports = [(await serve()).port, (await serve()).port];
  const [pods = '', evictions = ''] = await told();
  for (const port of ports) {
    const { status, said } = await ask(port, evictions, eviction);
    t.is(status, 200);
    t.like(JSON.parse(said), { response: { uid: 'review', allowed: false, status: { code: 429 } } });
    t.like(
      JSON.parse(
        (await ask(port, pods, { request: { ...eviction.request, object: pod({ spec: { nodeName: undefined } }) } }))
          .said,
      ),
      { response: { allowed: true, patchType: 'JSONPatch' } },
    );
    t.is((await ask(port, evictions, 'nothing')).status, 400);
  }
  t.is(await begun(), 1);
});
