// The agent on a node of a cluster: pods, Migrations, StableIPs; the Migration's status as arbiter.
import { freemem } from 'node:os';
import { peerPort } from '#core/api/names.ts';
import { isNodeGone, type Migration } from '#core/api/migration.ts';
import { runningTogether, type Pod } from '#core/api/pod.ts';
import { systemClock } from '#core/clock.ts';
import { asGodwitError } from '#core/errors.ts';
import { createKubeApi } from '#core/kube/api.ts';
import { connectApi } from '#core/kube/connection.ts';
import { Controller } from '#core/kube/controller.ts';
import { ServerClock } from '#core/kube/server-clock.ts';
import type { Log } from '#core/log.ts';
import type { AgentConfig } from '#agent/config.ts';
import { freeImageBytes } from '#agent/criu/image-memory.ts';
import type { Handovers } from '#agent/engine/handovers.ts';
import { ClusterView } from '#agent/kubernetes/cluster-view.ts';
import { HeldKills } from '#agent/kubernetes/kills/held-kills.ts';
import { agentMetrics, type AgentMetrics } from '#agent/kubernetes/metrics.ts';
import { serveStatus } from '#core/status-server.ts';
import { fence } from '#agent/kubernetes/stable-addresses/fence.ts';
import { MigrationArbiter } from '#agent/kubernetes/migrations/migration-arbiter.ts';
import { mustBeExpected } from '#agent/kubernetes/migrations/expected-handover.ts';
import { SourceMigrations } from '#agent/kubernetes/migrations/source-migrations.ts';
import { keepCertificate } from '#agent/kubernetes/node-certificate.ts';
import { announceNode, withdrawNode } from '#agent/kubernetes/node-status.ts';
import { Arrivals } from '#agent/kubernetes/pod/arrivals.ts';
import { runningContainers } from '#agent/kubernetes/pod/pod-containers.ts';
import { PodSource, type LeavingPod } from '#agent/kubernetes/pod/pod-source.ts';
import { PodTarget, type PodTargetHost } from '#agent/kubernetes/pod/pod-target.ts';
import { podTargetRefusals } from '#agent/kubernetes/pod/target-checks.ts';
import { KubernetesPodDesk } from '#agent/kubernetes/pod-desk.ts';
import { clusterWide } from '#agent/kubernetes/stable-addresses/cluster-wide.ts';
import { AddressHolders } from '#agent/kubernetes/stable-addresses/holders.ts';
import { holdArrived, openLinks } from '#agent/kubernetes/stable-addresses/open-links.ts';
import { ClusterNetworks } from '#agent/kubernetes/stable-addresses/networks.ts';
import { startWatches } from '#agent/kubernetes/watches.ts';
import { nodeFactsReader } from '#agent/plain-host/node-facts.ts';
import type { PlainTargetHost } from '#agent/plain-host/target-port.ts';
import type { Platform } from '#agent/platform.ts';
import { migrationOfHandover } from '#agent/kubernetes/migrations/handover-id.ts';
import type { RehearsalReport } from '#core/api/rehearsal.ts';
import { readRuncStateIfAny } from '#agent/runtime/runc-state.ts';
import { killProcess } from '#agent/runtime/processes.ts';

type Settings = NonNullable<AgentConfig['kubernetes']>;

/** @param handovers asked late: they are made of this */
export async function kubernetesPlatform(
  host: PlainTargetHost,
  settings: Settings,
  log: Log,
  handovers: () => Handovers,
): Promise<Platform> {
  const { config, links, registry, containerd } = host;
  const { node } = config;
  const clock = new ServerClock(systemClock);
  const connection = connectApi(settings, (date) => clock.hear(date));
  const api = createKubeApi(connection);
  const watches = await startWatches(node, api, connection, clock, log);
  const certificate = await keepCertificate({ api, node, pki: config.pki, namespace: settings.namespace, clock, log });
  const view = new ClusterView(node, api, watches);
  const networks = new ClusterNetworks(node, watches.stableNetworks, view, log);
  const holders = new AddressHolders(api, node, watches.stableIPs);
  const arrivals = new Arrivals();
  const containersOf = (podUid: string) => runningContainers(registry, podUid, view.lastSeen(podUid));
  const sandboxOf = (podUid: string): string => containersOf(podUid)[0]?.pod?.sandbox ?? '';

  const kills = new HeldKills(
    systemClock,
    log,
    config.runDir,
    async (podUid) => {
      handovers().abortFor(sandboxOf(podUid), 'the hold expired');
      await handovers().settled(sandboxOf(podUid), config.deadlines.dumpMs);
    },
    (outcome) => metrics.letGo(outcome),
  );
  const podHost: PodTargetHost = {
    ...host,
    arrivals,
    parentSnapshot: async (id) => {
      const record = await containerd.container(kubernetesNamespace, id);
      return containerd.snapshotParent(kubernetesNamespace, record.snapshotter, record.snapshot_key);
    },
    emptyDirsOf: async (pod) => emptyDirsOf(view.lastSeen(pod.uid) ?? (await view.livePod(pod))),
    onArrived: async (netns, pod) => {
      const overtaken = await holdArrived({ links, holders }, netns, pod);
      if (overtaken.length > 0)
        log.warn(
          { pod: `${pod.namespace}/${pod.name}`, networks: overtaken },
          'Old epoch: links of a pod that arrived shut',
        );
    },
  };
  host.rehearsals.observe((report) => metrics.rehearsed(report));
  const metrics = agentMetrics({
    heldKills: () => kills.count,
    unreadable: () => watches.unreadable(),
    bytesToCome: () => host.lateMemory.bytesToCome(),
    underway: () =>
      handovers()
        .list()
        .filter(({ finishedAt }) => finishedAt === undefined).length,
  });
  const leavingPodOf = (uid: string, migration: string, known: Migration | undefined): LeavingPod => {
    const containers = containersOf(uid);
    const pod = view.lastSeen(uid);
    const expected =
      pod === undefined
        ? containers.map((registration) => registration.pod?.container ?? '')
        : runningTogether(pod).map(({ name }) => name);
    const rehearsal = pod === undefined ? undefined : view.policyOf(pod)?.spec.rehearsal;
    return { migration, containers, expected, sessions: sessionsDuring(known), rehearsal };
  };
  const leavingPod = (handover: string, sandbox: string): LeavingPod => {
    const uid = registry.all().find(({ pod }) => pod?.sandbox === sandbox)?.pod?.uid ?? '';
    const migration = migrationOfHandover(handover)?.uid ?? '';
    return leavingPodOf(uid, migration, view.knownMigration(migration));
  };

  return {
    peers: {
      node,
      listen: config.listen,
      pki: config.pki,
      names: () => view.nodes(), // this one as well, since a pod may stay
      endpointOf: (name) => {
        const address = view.addressOf(name);
        return address === undefined ? undefined : { host: address, port: peerPort };
      },
    },
    ports: {
      arbiter: new MigrationArbiter(api, view, clock),
      mustBeExpected: (name, handover) => mustBeExpected(view, name, handover),
      isGone: (name) => isNodeGone(view.node(name)),
      source: (handover, sandbox) => new PodSource(host, handover, () => leavingPod(handover, sandbox)),
      target: (handover) => new PodTarget(podHost, handover),
      targetChecks: (request) =>
        Promise.resolve(
          podTargetRefusals(request, {
            networks: new Set(networks.all().keys()),
            isOwn: request.pod !== undefined && containersOf(request.pod.uid).length > 0,
            imageFreeBytes: freeImageBytes(host.imageRoot),
            availableBytes: freemem(),
          }),
        ),
    },
    networks: () => Promise.resolve(networks.all()),
    pods: new KubernetesPodDesk({
      clock,
      log,
      runDir: config.runDir,
      criuHook: config.criuHook,
      view,
      kills,
      execs: host.execs,
      arrivals,
      openLinks: (netns, pod) => openLinks({ links, holders, stableIPs: watches.stableIPs }, netns, pod),
      endSandbox: (root, sandbox) => {
        const state = readRuncStateIfAny(root, sandbox);
        if (state !== undefined) killProcess(state.pid);
      },
      onDecision: (decision) => metrics.decided(decision),
    }),
    cni: (next) => clusterWide({ view, networks, holders, links, log }, next),
    async start({ handovers: engine, peers }) {
      const migrations = new SourceMigrations({
        node,
        api,
        cache: watches.migrations,
        view,
        handovers: engine,
        kills,
        clock,
        log,
        preCopying: config,
        containersOf,
        preflight: async (podUid, migration) =>
          rehearsed(new PodSource(host, `plan-${podUid}`, () => leavingPodOf(podUid, podUid, migration))),
      });
      const controller = new Controller(
        { name: 'source-migrations', reconcile: (name) => migrations.reconcile(name) },
        clock,
        log,
      );
      const follow = new AbortController();
      void requeueByHandover(engine, follow.signal, watches.migrations, controller, metrics);
      watches.migrations.onChange(({ object }) => controller.add(object.metadata));
      for (const { metadata } of watches.migrations.list()) controller.add(metadata);
      fence({
        node,
        links,
        stableIPs: watches.stableIPs,
        holders,
        log,
        onRefused: () => metrics.epochRefused(),
        podOf: (sandbox) => registry.all().find(({ pod }) => pod?.sandbox === sandbox)?.pod,
      });
      certificate.onRenewed(() => peers.reload());
      const status = await serveStatus(settings.metricsPort, { ailments: () => [], metrics: metrics.registry });
      const facts = await nodeFactsReader(host.imageRoot, config, links);
      await announceNode(api, node, await facts());
      watches.stableNetworks.onChange(
        () =>
          void facts()
            .then((now) => announceNode(api, node, now))
            .catch((error: unknown) =>
              log.warn({ error: asGodwitError(error).message }, 'Networks of this node not announced'),
            ),
      );
      return [
        {
          async close() {
            follow.abort();
            await status.close();
            await controller.close();
            certificate.close();
            await withdrawNode(api, node).catch((error: unknown) =>
              log.warn({ error: asGodwitError(error).message }, 'Node not withdrawn'),
            );
            await watches.close();
            connection.close();
          },
        },
      ];
    },
  };
}

/** What would be found by a dump only is found before the pod is held. */
async function rehearsed(source: PodSource): Promise<RehearsalReport> {
  const { refusals, notes } = await source.facts();
  if (refusals.length > 0) return { refusals, notes };
  const report = await source.rehearse();
  return { ...report, notes: [...notes, ...report.notes] };
}

/** A user can end a session, or wait; an interruption would end it with the pod. */
const sessionsDuring = (migration: Migration | undefined): 'refuse' | 'end' =>
  migration?.spec.trigger === 'User' ? 'refuse' : 'end';

function emptyDirsOf(pod: Pod | undefined): ReadonlySet<string> {
  return new Set(pod?.spec.volumes?.flatMap(({ name, emptyDir }) => (emptyDir === undefined ? [] : [name])));
}

/** containerd's namespace of the kubelet's containers. */
const kubernetesNamespace = 'k8s.io';

/** What becomes of a handover is looked at by its Migration's reconciler. */
async function requeueByHandover(
  engine: Handovers,
  signal: AbortSignal,
  migrations: { list(): { metadata: { uid?: string | undefined; name: string; namespace?: string | undefined } }[] },
  controller: Controller,
  metrics: AgentMetrics,
): Promise<void> {
  for await (const record of engine.changes(signal)) {
    const { id, finishedAt } = record;
    if (finishedAt === undefined) continue;
    metrics.ended(record);
    const found = migrations.list().find(({ metadata }) => metadata.uid === migrationOfHandover(id)?.uid);
    if (found !== undefined) controller.add(found.metadata);
  }
}
