// `kubectl godwit doctor`: what is missing is a failed check with a remedy, never the end of the diagnosis.
import test, { type ExecutionContext } from 'ava';
import { nodes, pods, stableNetworks } from '#core/kube/resources.ts';
import { stableNetwork } from '#core/testing/stable-objects.ts';
import { plugin } from './testing/plugin.ts';

const facts = JSON.stringify({ kernel: '6.12', criu: '4.2.1', runc: '1.3.0', cgroupVersion: 2, architecture: 'x64' });

/** Two nodes with agents, a controller of two replicas, one pod that opted in. */
async function ready(t: ExecutionContext) {
  const kube = await plugin(t);
  for (const name of ['node-a', 'node-b']) {
    await kube.api.patch(
      nodes,
      { name },
      { metadata: { labels: { 'godwit.dev/agent-ready': 'true' }, annotations: { 'godwit.dev/node-facts': facts } } },
    );
    await kube.api.patch(nodes, { name }, { status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 'status');
  }
  for (const name of ['c-1', 'c-2']) {
    await kube.api.create(pods, {
      metadata: { name, namespace: 'godwit-system', labels: { 'app.kubernetes.io/name': 'godwit-controller' } },
      spec: { containers: [] },
      status: { containerStatuses: [{ name: 'controller', ready: name === 'c-1' }] },
    });
  }
  await kube.api.patch(pods, { name: 'shop-0', namespace: 'shop' }, { spec: { runtimeClassName: 'godwit' } });
  return kube;
}

test('a cluster that is ready exits with 0, also without policies', async (t) => {
  const { godwit } = await ready(t);
  const { code, stdout } = await godwit(['doctor']);
  t.is(code, 0);
  t.regex(stdout, /✓ Migration +is served and readable/);
  t.regex(stdout, /✓ controller +1 of 2 replicas are ready/);
  t.regex(stdout, /✓ agents +2 of 2 nodes have an agent that is ready/);
  t.regex(stdout, /✓ node-b +kernel 6\.12, CRIU 4\.2\.1, runc 1\.3\.0, cgroup v2/);
  t.regex(stdout, /✓ policies +none in shop: its pods move by Migrations only/);
  t.regex(stdout, /✓ pods +1 of runtime class godwit in shop/);
  t.regex(stdout, /✓ ready: 10 checks passed/);
});

test('nothing installed: every check fails for itself, with its remedy', async (t) => {
  const { server, godwit } = await plugin(t);
  server.fail('GET', /godwit\.dev/, { status: 404, body: '404 page not found' });
  const { code, stdout } = await godwit(['doctor']);
  t.is(code, 1);
  t.regex(stdout, /✗ Migration +404 page not found \(GET .*\)\n +→ Apply the manifests; check your own rights\./);
  t.regex(stdout, /✗ controller +0 of 0 replicas are ready\n +→ kubectl -n godwit-system describe/);
  t.regex(stdout, /✗ agents +0 of 2 nodes/);
});

test('what a user may not see is a failed check', async (t) => {
  const { server, godwit } = await ready(t);
  server.fail('GET', /\/nodes/, { status: 403, body: { message: 'nodes is forbidden' } });
  const { code, stdout } = await godwit(['doctor', '-o', 'json']);
  t.is(code, 1);
  const { checks }: { checks: { check: string; ok: boolean; fact: string }[] } = JSON.parse(stdout);
  t.regex(checks.find(({ check }) => check === 'agents')?.fact ?? '', /nodes is forbidden/);
  t.true(checks.find(({ check }) => check === 'controller')?.ok);
});

test('a node whose agent wrote nothing readable, and one that is not ready, are named', async (t) => {
  const { api, godwit } = await ready(t);
  await api.patch(nodes, { name: 'node-a' }, { metadata: { annotations: { 'godwit.dev/node-facts': '{"kernel":' } } });
  await api.patch(
    nodes,
    { name: 'node-b' },
    { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
    'status',
  );
  const { code, stdout } = await godwit(['doctor']);
  t.is(code, 1);
  t.regex(stdout, /✗ node-a +the agent has not said what the node is\n +→ Look at the agent's log/);
  t.regex(stdout, /✗ node-b +the node is not ready/);
});

test('a pod that waits for a network which does not serve its namespace is named', async (t) => {
  const { api, godwit } = await ready(t);
  await api.create(stableNetworks, stableNetwork());
  await api.create(pods, {
    metadata: { name: 'shop-1', namespace: 'shop', annotations: { 'k8s.v1.cni.cncf.io/networks': 'stable' } },
    spec: { containers: [] },
    status: { phase: 'Pending' },
  });
  const { code, stdout } = await godwit(['doctor']);
  t.is(code, 1);
  t.regex(
    stdout,
    /✗ shop-1 +StableNetwork stable does not serve the namespace shop: the pod cannot start\n +→ Name the namespace in spec\.namespaces/,
  );
});

test('an object that cannot be read is named', async (t) => {
  const { server, godwit } = await ready(t);
  server.store.write('/apis/godwit.dev/v1alpha1/stablenetworks', {
    metadata: { name: 'newer' },
    spec: { mode: 'GENEVE' },
  });
  const { code, stdout } = await godwit(['doctor']);
  t.is(code, 1);
  t.regex(stdout, /✗ StableNetwork +newer cannot be read, and is left out: .*\n[^]*→ Delete it/);
  t.regex(stdout, /✓ Migration +is served and readable/);
});
