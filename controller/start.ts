// The controller, put together: watches, webhooks on every replica, decisions on the leader.
import { randomUUID } from 'node:crypto';
import { annotations, runtimeClassName } from '#core/api/names.ts';
import { isUnderway, type Migration } from '#core/api/migration.ts';
import { isShuttingDown, type Pod } from '#core/api/pod.ts';
import { Events } from '#core/kube/events.ts';
import { serveStatus } from '#core/status-server.ts';
import { controllerMetrics } from '#controller/metrics.ts';
import { Story } from '#controller/migration/story.ts';
import { systemClock } from '#core/clock.ts';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi, type Access } from '#core/kube/connection.ts';
import { Controller, type Reconciler } from '#core/kube/controller.ts';
import { LeaderElection } from '#core/kube/leader-election.ts';
import { ListWatch } from '#core/kube/reflector.ts';
import { ServerClock } from '#core/kube/server-clock.ts';
import { certificateRequests } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';
import { clusterAuthority } from '#controller/certificates/authority.ts';
import { NodeSigner } from '#controller/certificates/node-signer.ts';
import { Claims } from '#controller/claims/claims.ts';
import { Cluster } from '#controller/cluster.ts';
import { Interruptions } from '#controller/interruptions/interruptions.ts';
import { keepPolicyStatuses } from '#controller/interruptions/policy-statuses.ts';
import { Uncordons } from '#controller/interruptions/uncordons.ts';
import type { Limits } from '#controller/migration/limits.ts';
import { isWaiting, MigrationReconciler } from '#controller/migration/reconciler.ts';
import { keepStableNetworks } from '#controller/network/keep-stable-networks.ts';
import { serveWebhooks } from '#controller/webhooks/server.ts';

export interface ControllerSettings {
  access: Access;
  /** Of the controller itself; the Service and the webhook configurations have the name `service`. */
  namespace: string;
  service: string;
  webhookPort: number;
  /** Moves at a time. */
  limits: Limits;
  healthPort: number;
}

/** A watch that is silent for longer is not trusted. */
const staleMs = 300_000;

export async function startController(settings: ControllerSettings, log: Log): Promise<{ close(): Promise<void> }> {
  const { namespace, service, limits } = settings;
  const account = (name: string): string => `system:serviceaccount:${namespace}:${name}`;
  const clock = new ServerClock(systemClock);
  const connection = connectApi(settings.access, (date) => clock.hear(date));
  const api = createKubeApi(connection);
  const cluster = new Cluster({ api, connection, clock, log });
  await cluster.start();
  const election = new LeaderElection(
    { api, clock, log },
    { name: service, namespace, identity: `${process.env['HOSTNAME'] ?? service}-${randomUUID()}` },
  );
  const controllers = new Map<string, Controller>();
  const metrics = controllerMetrics({
    underway: () => cluster.underway().length,
    depths: () => Object.fromEntries([...controllers].map(([name, { depth }]) => [name, depth])),
    isLeader: () => election.isLeading,
    unreadable: () => cluster.unreadable(),
  });
  const webhooks = await serveWebhooks(cluster, {
    port: settings.webhookPort,
    namespace,
    service,
    own: [account('godwit-controller'), account('godwit-node-agent')],
    onEviction: metrics.evicted,
  });
  const statusServer = await serveStatus(settings.healthPort, {
    ailments: () => deafWatches(cluster),
    metrics: metrics.registry,
  });
  const events = new Events(api, clock, log, {
    controller: 'godwit.dev/controller',
    instance: process.env['HOSTNAME'] ?? service,
  });
  const requests = new ListWatch({ api, connection, clock, log }, certificateRequests);
  requests.start();

  election.start((signal) => {
    const run = (reconciler: Reconciler): Controller => {
      const controller = new Controller(reconciler, clock, log);
      controllers.set(reconciler.name, controller);
      signal.addEventListener('abort', () => void controller.close());
      return controller;
    };
    const subscribe = (stop: () => void): void => signal.addEventListener('abort', stop);
    const migrationReconciler = new MigrationReconciler(cluster, limits, new Story(events, clock), metrics.ended);
    const claims = new Claims(cluster, limits);
    const interruptions = new Interruptions(cluster);
    const uncordons = new Uncordons(cluster);
    const signer = new NodeSigner(
      api,
      () => clusterAuthority(api, namespace, clock),
      account('godwit-node-agent'),
      clock,
    );
    const ofMigrations = run({ name: 'migrations', reconcile: (name) => migrationReconciler.reconcile(name) });
    const ofClaims = run({ name: 'claims', reconcile: (name) => claims.reconcile(name) });
    const ofInterruptions = run({ name: 'interruptions', reconcile: (name) => interruptions.reconcile(name) });
    const ofUncordons = run({ name: 'uncordons', reconcile: (name) => uncordons.reconcile(name) });
    const ofRequests = run({ name: 'node-signer', reconcile: (name) => signer.reconcile(name) });

    const onPod = (pod: Pod): void => {
      ofInterruptions.add(pod.metadata);
      if (
        pod.spec.runtimeClassName === runtimeClassName &&
        pod.metadata.annotations?.[annotations.migration] === undefined
      )
        ofClaims.add(pod.metadata);
      for (const { metadata, status } of cluster.underway(pod.metadata.namespace)) {
        if (
          status?.source?.name === pod.metadata.name ||
          Object.values(pod.metadata.annotations ?? {}).includes(metadata.uid ?? '')
        )
          ofMigrations.add(metadata);
      }
    };
    const leading = { cluster, events, run, subscribe };
    keepStableNetworks(leading);
    keepPolicyStatuses(leading);
    subscribe(cluster.pods.onChange(({ object }) => onPod(object)));
    /** A place is free. */
    const nextInLine = (): void => {
      for (const migration of cluster.underway()) if (isWaiting(migration)) ofMigrations.add(migration.metadata);
    };
    const onMigration = (migration: Migration): void => {
      ofMigrations.add(migration.metadata);
      const node = uncordons.nodeOf(migration);
      if (node !== undefined) ofUncordons.add({ name: node });
    };
    subscribe(
      cluster.migrations.onChange(({ type, object, previous }) => {
        onMigration(object);
        if (previous !== undefined && isUnderway(previous) && (type === 'deleted' || !isUnderway(object))) nextInLine();
        ofClaims.add({ namespace: object.metadata.namespace, name: object.spec.podName });
      }),
    );
    subscribe(requests.onChange(({ object }) => ofRequests.add(object.metadata)));
    subscribe(
      cluster.nodes.onChange(({ object, ...change }) => {
        const before = 'previous' in change ? change.previous : undefined;
        if (object.spec?.unschedulable !== true) ofUncordons.add({ name: object.metadata.name });
        if (!isShuttingDown(object) || (before !== undefined && isShuttingDown(before))) return;
        for (const { metadata } of cluster.podsOn(object.metadata.name)) ofInterruptions.add(metadata);
      }),
    );
    for (const pod of cluster.pods.list()) onPod(pod);
    for (const migration of cluster.migrations.list()) onMigration(migration);
    for (const { metadata } of requests.list()) ofRequests.add(metadata);
  });

  return {
    async close() {
      await election.close();
      await statusServer.close(); // not ready any more
      await webhooks.close();
      await requests.close();
      await cluster.close();
      connection.close();
    },
  };
}

/** Watches that were silent for too long: a restart helps then. */
function deafWatches(cluster: Cluster): string[] {
  return Object.entries(cluster.silencesMs())
    .filter(([, silentMs]) => silentMs > staleMs)
    .map(([name]) => `not heard of: ${name}`);
}
