// The controller's view of a cluster over an API server in this process, with the objects of a test in it.
import type { ExecutionContext } from 'ava';
import { Cluster } from '#controller/cluster.ts';
import type { DisruptionBudget } from '#core/api/disruption-budget.ts';
import type { InterruptionPolicy } from '#core/api/interruption-policy.ts';
import type { Migration } from '#core/api/migration.ts';
import { groupVersion } from '#core/api/names.ts';
import type { Node, Pod } from '#core/api/pod.ts';
import { testCluster, type TestCluster } from '#core/kube/testing/access.ts';
import type { ApiServer } from '#core/kube/testing/api-server.ts';
import { HandClock } from '#core/kube/testing/hand-clock.ts';
import { until } from '#core/kube/testing/until.ts';
import { silentLog } from '#core/log.ts';
import { node, policy, time } from '#core/testing/objects.ts';
import { mutatePod } from '#controller/webhooks/pod-mutation.ts';
import { applyPatch } from './json-patch.ts';

export interface Seed {
  pods?: Pod[];
  nodes?: Node[];
  migrations?: Migration[];
  policies?: InterruptionPolicy[];
  budgets?: DisruptionBudget[];
}

export interface RunningCluster extends Pick<TestCluster, 'api' | 'server'> {
  cluster: Cluster;
  clock: HandClock;
  /** Writes a pod or Migration on the server; the watch hears of it a little later. */
  put(object: Pod | Migration): void;
  /** Resolves when the watches have heard of everything. */
  caughtUp(): Promise<void>;
}

const kindsOf = {
  pods: '/api/v1/pods',
  nodes: '/api/v1/nodes',
  migrations: `/apis/${groupVersion}/migrations`,
  policies: `/apis/${groupVersion}/interruptionpolicies`,
  budgets: '/apis/policy/v1/poddisruptionbudgets',
};

/** @param seconds the time, since everything was made; nodes `a` and `b` are there unless the seed says otherwise */
export async function runningCluster(
  t: ExecutionContext,
  { pods = [], nodes = [node('a'), node('b')], migrations = [], policies = [policy()], budgets = [] }: Seed,
  seconds = 61,
): Promise<RunningCluster> {
  const { api, connection, server } = await testCluster(t);
  server.admit = withGates;
  for (const [kind, objects] of Object.entries({ pods, nodes, migrations, policies, budgets }))
    for (const object of objects) write(server, kind, object);
  const clock = new HandClock(0, time(seconds));
  const cluster = new Cluster({ api, connection, clock, log: silentLog });
  await cluster.start();
  t.teardown(() => cluster.close());
  const isKnown = (): boolean =>
    [[cluster.pods, kindsOf.pods] as const, [cluster.migrations, kindsOf.migrations] as const].every(
      ([watch, kinds]) => versions(watch.list()) === versions(server.store.list({ kinds, namespace: undefined })),
    );
  return {
    api,
    server,
    cluster,
    clock,
    put: (object) => write(server, object.kind === 'Migration' ? 'migrations' : 'pods', object),
    caughtUp: () => until(isKnown, 'the watches hear of everything'),
  };
}

/** The API server's part of the webhook for pods; everything counts as made by the controller itself. */
export function withGates(kinds: string, object: unknown): unknown {
  if (kinds !== kindsOf.pods) return object;
  const verdict = mutatePod(
    { uid: 'review', operation: 'CREATE', namespace: 'default', object, userInfo: { username: 'controller' } },
    ['controller'],
  );
  return verdict.allowed ? applyPatch(Object(object), verdict.patch ?? []) : object;
}

function write(server: ApiServer, kind: string, object: object & { metadata: Pod['metadata'] }): void {
  const kinds = Object.entries(kindsOf).find(([name]) => name === kind)?.[1] ?? '';
  server.store.write(kinds, object);
}

const versions = (objects: readonly { metadata: Pod['metadata'] }[]): string =>
  objects
    .map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
    .toSorted()
    .join();
