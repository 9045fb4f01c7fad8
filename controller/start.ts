// The controller, put together: watches, webhooks on every replica, decisions on the leader.
import { randomUUID } from 'node:crypto';
import { claimGate } from '#core/api/names.ts';
import { Events } from '#core/kube/events.ts';
import { serveStatus } from '#core/status-server.ts';
import { controllerMetrics } from '#controller/metrics.ts';
import { tellEnd } from '#controller/migration/end-event.ts';
import { systemClock as clock } from '#core/clock.ts';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi, type Access } from '#core/kube/connection.ts';
import { Controller, type Reconciler } from '#core/kube/controller.ts';
import { LeaderElection } from '#core/kube/leader-election.ts';
import { ListWatch } from '#core/kube/reflector.ts';
import { certificateRequests } from '#core/kube/resources.ts';
import type { Log } from '#core/log.ts';
import { clusterAuthority } from '#controller/certificates/authority.ts';
import { NodeSigner } from '#controller/certificates/node-signer.ts';
import { Claims } from '#controller/claims/claims.ts';
import { Cluster } from '#controller/cluster.ts';
import { Interruptions } from '#controller/interruptions/interruptions.ts';
import { defaultLimits } from '#controller/migration/limits.ts';
import { MigrationReconciler } from '#controller/migration/reconciler.ts';
import { AttachmentDefinitions } from '#controller/network/attachment-definitions.ts';
import { ReleasedAddresses } from '#controller/network/released-addresses.ts';
import { serveWebhooks } from '#controller/webhooks/server.ts';

export interface ControllerSettings {
  access: Access;
  /** Of the controller itself; the Service and the webhook configurations have the name `service`. */
  namespace: string;
  service: string;
  webhookPort: number;
  healthPort: number;
}

/** A watch that is silent for longer is not trusted. */
const staleMs = 300_000;

export async function startController(settings: ControllerSettings, log: Log): Promise<{ close(): Promise<void> }> {
  const { namespace, service } = settings;
  const account = (name: string): string => `system:serviceaccount:${namespace}:${name}`;
  const connection = connectApi(settings.access);
  const api = createKubeApi(connection);
  const cluster = new Cluster({ api, connection, clock, log });
  await cluster.start();
  const election = new LeaderElection({ api, clock, log }, { name: service, namespace, identity: `${process.env['HOSTNAME'] ?? service}-${randomUUID()}` });
  const controllers = new Map<string, Controller>();
  const metrics = controllerMetrics({
    underway: () => cluster.underway().length,
    depths: () => Object.fromEntries([...controllers].map(([name, { depth }]) => [name, depth])),
    isLeader: () => election.isLeading,
  });
  const webhooks = await serveWebhooks(cluster, { port: settings.webhookPort, namespace, service, own: [account('godwit-controller'), account('godwit-node-agent')], onEviction: metrics.evicted });
  const statusServer = await serveStatus(settings.healthPort, { ailments: () => deafWatches(cluster), metrics: metrics.registry });
  const events = new Events(api, clock, log, { controller: 'godwit.dev/controller', instance: process.env['HOSTNAME'] ?? service });
  const requests = new ListWatch({ api, connection, clock, log }, certificateRequests);
  requests.start();
  const authority = await clusterAuthority(api, namespace, clock);

  election.start((signal) => {
    const run = (reconciler: Reconciler): Controller => {
      const controller = new Controller(reconciler, clock, log);
      controllers.set(reconciler.name, controller);
      signal.addEventListener('abort', () => void controller.close());
      return controller;
    };
    const subscribe = (stop: () => void): void => signal.addEventListener('abort', stop);
    const migrationReconciler = new MigrationReconciler(cluster, defaultLimits, (migration, next) => {
      metrics.ended(migration, next);
      return tellEnd(events, migration, next);
    });
    const claims = new Claims(cluster);
    const interruptions = new Interruptions(cluster);
    const signer = new NodeSigner(api, authority, account('godwit-node-agent'), clock);
    const attachments = new AttachmentDefinitions(cluster);
    const released = new ReleasedAddresses(cluster);
    const ofMigrations = run({ name: 'migrations', reconcile: (name) => migrationReconciler.reconcile(name) });
    const ofClaims = run({ name: 'claims', reconcile: (name) => claims.reconcile(name), workers: 1 });
    const ofInterruptions = run({ name: 'interruptions', reconcile: (name) => interruptions.reconcile(name) });
    const ofRequests = run({ name: 'node-signer', reconcile: (name) => signer.reconcile(name) });
    const ofNetworks = run({ name: 'stable-networks', reconcile: (name) => attachments.reconcile(name) });
    const ofAddresses = run({ name: 'stable-ips', reconcile: (name) => released.reconcile(name) });

    const onPod = (pod: { metadata: { name: string; namespace?: string | undefined; annotations?: Record<string, string> | undefined }; spec: { schedulingGates?: { name: string }[] | undefined } }): void => {
      ofInterruptions.add(pod.metadata);
      if (pod.spec.schedulingGates?.some(({ name }) => name === claimGate) === true) ofClaims.add(pod.metadata);
      for (const { metadata, status } of cluster.underway(pod.metadata.namespace)) {
        if (status?.source?.name === pod.metadata.name || Object.values(pod.metadata.annotations ?? {}).includes(metadata.uid ?? '')) ofMigrations.add(metadata);
      }
    };
    subscribe(cluster.pods.onChange(({ object, type }) => {
      onPod(object);
      if (type === 'deleted') for (const { metadata } of cluster.stableIPs.list()) ofAddresses.add(metadata);
    }));
    subscribe(cluster.migrations.onChange(({ object }) => ofMigrations.add(object.metadata)));
    subscribe(cluster.stableNetworks.onChange(({ object }) => ofNetworks.add(object.metadata)));
    subscribe(cluster.stableIPs.onChange(({ object }) => ofAddresses.add(object.metadata)));
    subscribe(requests.onChange(({ object }) => ofRequests.add(object.metadata)));
    subscribe(cluster.nodes.onChange(({ object, ...change }) => {
      const before = 'previous' in change ? change.previous : undefined;
      if (before?.spec?.unschedulable === true && object.spec?.unschedulable !== true) void interruptions.uncordoned(object.metadata.name).catch((error: unknown) => log.error({ error: String(error) }, 'Moves of an uncordoned node not cancelled'));
      for (const pod of cluster.pods.list()) if (pod.spec.nodeName === object.metadata.name && before?.status?.conditions !== object.status?.conditions) ofInterruptions.add(pod.metadata);
    }));
    for (const pod of cluster.pods.list()) onPod(pod);
    for (const { metadata } of cluster.migrations.list()) ofMigrations.add(metadata);
    for (const { metadata } of cluster.stableNetworks.list()) ofNetworks.add(metadata);
    for (const { metadata } of cluster.stableIPs.list()) ofAddresses.add(metadata);
    for (const { metadata } of requests.list()) ofRequests.add(metadata);
  });

  return {
    async close() {
      await election.close();
      await webhooks.close();
      await statusServer.close();
      await requests.close();
      await cluster.close();
      connection.close();
    },
  };
}

/** Watches that were silent for too long: a restart helps then. */
function deafWatches(cluster: Cluster): string[] {
  return Object.entries(cluster.silencesMs()).filter(([, silentMs]) => silentMs > staleMs).map(([name]) => `not heard of: ${name}`);
}
