// What the token of a node agent is worth that was taken from its node: it speaks about that node only.
import type { ExecutionContext } from 'ava';
import { join } from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { groupVersion, labels as names, nodeFactsAnnotation } from '#core/api/names.ts';
import type { Migration } from '#core/api/migration.ts';
import { stableIPName, stableIPSchema } from '#core/api/stable-ip.ts';
import { apply, eventually, kubectl, migrationOf, namespaceFor, nodeOf, podOf, stableAddress } from './cluster.ts';
import { otherWorker } from './nodes.ts';
import { scenario } from './scenario.ts';
import { owners } from './workloads.ts';

type Kubectl = (...args: string[]) => Promise<string>;

/** `kubectl` with the token of the agent on that node, as a thief of the token has it. */
async function agentOf(
  t: ExecutionContext,
  node: string,
): Promise<{ as: Kubectl; replaceStatus(object: object): Promise<string> }> {
  const pod = (
    await kubectl(
      '-n',
      'godwit-system',
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/name=godwit-node-agent',
      '--field-selector',
      `spec.nodeName=${node}`,
      '-o',
      'jsonpath={.items[0].metadata.name}',
    )
  ).trim();
  const token = (
    await kubectl(
      '-n',
      'godwit-system',
      'create',
      'token',
      'godwit-node-agent',
      '--bound-object-kind=Pod',
      `--bound-object-name=${pod}`,
    )
  ).trim();
  const server = (await kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')).trim();
  const directory = mkdtempSync(join(tmpdir(), 'godwit-agent-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const config = join(directory, 'kubeconfig');
  writeFileSync(
    config,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'agent',
      contexts: [{ name: 'agent', context: { cluster: 'kind', user: 'agent' } }],
      clusters: [{ name: 'kind', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'agent', user: { token } }],
    }),
    { mode: 0o600 },
  );
  const as: Kubectl = (...args) => kubectl('--kubeconfig', config, ...args);
  return {
    as,
    async replaceStatus(object) {
      const file = join(directory, 'object.json');
      writeFileSync(file, JSON.stringify(object));
      return as('replace', '--subresource=status', '-f', file);
    },
  };
}

async function assertDenied(t: ExecutionContext, attempt: Promise<string>, why: RegExp): Promise<void> {
  const error = await t.throwsAsync(attempt);
  t.regex(error.message, /ValidatingAdmissionPolicy 'godwit-node-agent'/);
  t.regex(error.message, why);
}

scenario(
  "the token of a node agent writes about its own node only, and there only what is the agent's",
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'token');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const node = await nodeOf(namespace, pod);
    const { as } = await agentOf(t, node);
    const patched = (name: string, patch: object) =>
      as('patch', 'node', name, '--type=merge', '-p', JSON.stringify(patch));
    await t.notThrowsAsync(patched(node, { metadata: { labels: { [names.agentReady]: 'true' } } }));
    await assertDenied(
      t,
      patched(otherWorker(node), { metadata: { labels: { [names.agentReady]: null } } }),
      /may not write about another node/,
    );
    await assertDenied(
      t,
      patched(otherWorker(node), { metadata: { annotations: { [nodeFactsAnnotation]: '{}' } } }),
      /may not write about another node/,
    );
    await assertDenied(
      t,
      patched(node, { spec: { taints: [{ key: 'godwit.test/mine', effect: 'NoSchedule' }] } }),
      /may not change the spec/,
    );
    await assertDenied(
      t,
      patched(node, { metadata: { labels: { 'topology.kubernetes.io/zone': 'mine' } } }),
      /of the labels/,
    );
    await assertDenied(t, patched(node, { metadata: { labels: { 'kubernetes.io/hostname': null } } }), /of the labels/);
    await assertDenied(
      t,
      patched(node, { metadata: { annotations: { 'godwit.test/mine': 'yes' } } }),
      /of the annotations/,
    );
  },
);

scenario(
  'the token of a node agent neither draws a pod of another node to it, nor commits or ends its move, nor takes its address',
  ['client'],
  async (t) => {
    const namespace = await namespaceFor(t, 'token');
    await apply(owners.StatefulSet(namespace));
    const pod = await podOf(namespace);
    const node = await nodeOf(namespace, pod);
    const foreign = otherWorker(node);
    await kubectl('cordon', foreign); // so that the move waits
    t.teardown(async () => void (await kubectl('uncordon', foreign)));
    await apply({
      apiVersion: groupVersion,
      kind: 'Migration',
      metadata: { name: 'move', namespace },
      spec: { podName: pod },
    });
    const waiting = await eventually('a move that waits', async () => {
      const migration = await migrationOf(namespace, 'move');
      return migration.status?.source?.nodeName === undefined ? undefined : migration;
    });
    const stranger = await agentOf(t, foreign);
    const own = await agentOf(t, node);
    const now = new Date().toISOString();
    const changed = async (status: Migration['status']): Promise<Migration> => {
      const fresh = await migrationOf(namespace, 'move');
      return { ...fresh, status: { ...fresh.status, ...status } };
    };
    const target = { name: pod, uid: waiting.status?.source?.uid ?? '', nodeName: foreign };
    const commit = { handover: `${waiting.metadata.uid}-1`, decision: 'committed', decidedAt: now } as const;
    await assertDenied(t, stranger.replaceStatus(await changed({ target })), /neither leaves .* nor arrives there/);
    await assertDenied(t, stranger.replaceStatus(await changed({ commit })), /neither leaves .* nor arrives there/);
    await assertDenied(t, own.replaceStatus(await changed({ target })), /may not change what the controller says/);
    await assertDenied(
      t,
      own.replaceStatus(
        await changed({
          conditions: [{ type: 'Succeeded', status: 'False', reason: 'Mine', message: '', lastTransitionTime: now }],
        }),
      ),
      /may not change what the controller says/,
    );

    const address = await stableAddress(namespace, pod);
    const name = stableIPName('stable', address);
    const stableIP = stableIPSchema.parse(JSON.parse(await kubectl('get', 'stableip', name, '-o', 'json')));
    await assertDenied(t, stranger.as('delete', 'stableip', name), /held on another node/);
    const heldBy = (nodeName: string, epoch: number) => ({
      ...stableIP,
      status: { ...stableIP.status, epoch, holder: { name: pod, uid: 'u', nodeName } },
    });
    await assertDenied(t, stranger.replaceStatus(heldBy(node, 9)), /has to be there/);
    await assertDenied(t, own.replaceStatus(heldBy(node, 0)), /does not go back/);
  },
);

scenario(
  "Kubernetes' own roles of a namespace say who follows moves, who moves pods and who writes policies",
  [],
  async (t) => {
    const namespace = await namespaceFor(t, 'roles');
    for (const role of ['view', 'edit', 'admin'])
      await kubectl('-n', namespace, 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}er`);
    const may = async (role: string, verb: string, kind: string, where = namespace): Promise<boolean> =>
      kubectl('auth', 'can-i', verb, kind, '-n', where, `--as=${role}er`).then(
        (answer) => answer.trim() === 'yes',
        () => false,
      );
    await eventually('the rules in the role of admins', async () =>
      (await may('admin', 'create', 'interruptionpolicies.godwit.dev')) ? true : undefined,
    );
    const rights = async (role: string) => [
      await may(role, 'watch', 'migrations.godwit.dev'),
      await may(role, 'create', 'migrations.godwit.dev'),
      await may(role, 'create', 'interruptionpolicies.godwit.dev'),
      await may(role, 'watch', 'migrations.godwit.dev', '--all-namespaces'),
      await may(role, 'update', 'migrations.godwit.dev', '--subresource=status'),
    ];
    t.deepEqual(await rights('view'), [true, false, false, false, false]);
    t.deepEqual(await rights('edit'), [true, true, false, false, false]);
    t.deepEqual(await rights('admin'), [true, true, true, false, false]);
  },
);
