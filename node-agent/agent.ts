// The node agent, put together: sockets for containerd, CNI, peers and people around one engine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLinks } from '#cni/links.ts';
import { serveCni } from '#cni/socket-server.ts';
import { systemClock } from '#core/clock.ts';
import { asGodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import type { AgentConfig } from '#agent/config.ts';
import { serveControl } from '#agent/control/server.ts';
import { HookDesk } from '#agent/criu/hook-desk.ts';
import {
  imageDirectoriesOf,
  leftoverHandovers,
  mountImageMemory,
  removeImageDirectories,
} from '#agent/criu/image-memory.ts';
import { LateMemory } from '#agent/criu/late-memory.ts';
import { CriuConfigurations } from '#agent/criu/configuration.ts';
import { diagnose } from '#agent/doctor.ts';
import { Handovers } from '#agent/engine/handovers.ts';
import { fileJournals, type JournalStore } from '#agent/engine/journal.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import { fileMover } from '#agent/files/mover.ts';
import { listContainers } from '#agent/plain-host/containers.ts';
import { nodeFactsReader } from '#agent/plain-host/node-facts.ts';
import { kubernetesPlatform } from '#agent/kubernetes/platform.ts';
import { handoverOfKey } from '#agent/kubernetes/pod/member-images.ts';
import { plainPlatform } from '#agent/plain-host/platform.ts';
import type { PlainTargetHost } from '#agent/plain-host/target-port.ts';
import type { Closable, Platform } from '#agent/platform.ts';
import { containerOfKey, DumpRehearsal } from '#agent/plain-host/dump-rehearsal.ts';
import { NodeRehearsals } from '#agent/rehearsal/rehearsals.ts';
import { Containerd } from '#agent/runtime/containerd.ts';
import { ContainerRegistry } from '#agent/runtime/container-registry.ts';
import { CreateDesk } from '#agent/runtime/create-desk.ts';
import { endsContainer } from '#agent/runtime/container-signal.ts';
import { SignalGate } from '#agent/runtime/signal-gate.ts';
import { ExecGate } from '#agent/runtime/exec-gate.ts';
import { attendRuntime } from '#agent/runtime/runtime-desk.ts';
import { spareFromOomKiller } from '#agent/runtime/processes.ts';
import { serveWrappers } from '#agent/runtime/wrapper-server.ts';
import { connectPeer, servePeers } from '#agent/transfer/peers.ts';
import { isMarked, unmark } from '#agent/runtime/marks.ts';

export interface Agent {
  /** Stops serving; containers, links and held handovers stay as they are for the next agent. */
  close(): Promise<void>;
}

/** The engine's way to the world: its ports and where it writes its journals. */
export interface EngineWorld {
  ports: EnginePorts;
  journals: JournalStore;
}

/**
 * Starts the agent. Handovers of a former agent are picked up before anybody can ask for a new one.
 * @param adapt what the engine gets instead of the real world; tests inject faults by it
 */
export async function startAgent(
  config: AgentConfig,
  log: Log,
  adapt: (world: EngineWorld) => EngineWorld = (world) => world,
): Promise<Agent> {
  spareFromOomKiller();
  mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const imageRoot = join(config.runDir, 'images');
  await mountImageMemory(imageRoot, config.imageLimitBytes);
  const criu = new CriuConfigurations(join(config.runDir, 'criu'), config.criuHook);

  const {
    links,
    handleCni,
    start: startLinks,
    close: closeLinks,
  } = await createLinks({ stateDir: config.stateDir, networks: () => platform.networks(), log });
  await startLinks();
  const host: PlainTargetHost = {
    config,
    imageRoot,
    links,
    criu,
    lateMemory: new LateMemory(imageRoot, log),
    containerd: new Containerd(config.containerdSocket),
    registry: new ContainerRegistry(join(config.runDir, 'containers')),
    hooks: new HookDesk(imageRoot),
    creates: new CreateDesk(),
    execs: new ExecGate(),
    signals: new SignalGate(),
    rehearsals: new NodeRehearsals(config.rehearsal.keepMs),
  };
  const platform: Platform =
    config.kubernetes === undefined
      ? plainPlatform(host, log, () => handovers)
      : await kubernetesPlatform(host, config.kubernetes, log, () => handovers);
  const ports: EnginePorts = {
    config,
    log,
    links,
    ...platform.ports,
    clock: systemClock,
    files: fileMover,
    peers: () => platform.peers.names(),
    connect: (node) => connectPeer(platform.peers, node),
    nodeFacts: await nodeFactsReader(imageRoot, config, links),
  };
  const world = adapt({ ports, journals: fileJournals(join(config.stateDir, 'handovers')) });
  const handovers: Handovers = new Handovers(world.ports, world.journals);
  handovers.recover();
  recoverRehearsals(host, log);
  sweepImages(imageRoot, host.lateMemory, handovers.underway());

  const servers = await serveAll(config, log, host, handovers, platform, platform.cni(handleCni));
  log.info({ address: config.listen, peers: platform.peers.names() }, 'Agent started');
  return {
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await closeLinks();
      host.containerd.close();
    },
  };
}

async function serveAll(
  config: AgentConfig,
  log: Log,
  host: PlainTargetHost,
  handovers: Handovers,
  platform: Platform,
  handleCni: Parameters<typeof serveCni>[1],
): Promise<Closable[]> {
  const { hooks, creates, execs, signals, registry, containerd, links, criu } = host;
  const wrappers = await serveWrappers(
    join(config.runDir, 'runtime.sock'),
    (conversation) =>
      attendRuntime(conversation, {
        registry,
        creates,
        hooks,
        execs,
        signals,
        criu,
        ...(platform.pods === undefined ? {} : { pods: platform.pods }),
        leaving: (container) =>
          handovers.leaving(container) === undefined
            ? undefined
            : handovers.committed(container)
              ? 'after-commit'
              : 'before-commit',
        onKill: (container) => handovers.abortFor(container, 'the container was killed'),
        isEnding: (container, signal) => endsContainer(registry.get(container), signal, containerd),
        isRestored: (container) => isMarked(config.runDir, 'restored', container),
        forget: (container) => {
          for (const kind of ['restored', 'held'] as const) unmark(config.runDir, kind, container);
        },
      }),
    log,
  );
  const cni = await serveCni(join(config.runDir, 'cni.sock'), handleCni);
  const peers = await servePeers(
    platform.peers,
    (node, connection) => {
      handovers.accept(node, connection).catch((thrown: unknown) => {
        const error = asGodwitError(thrown);
        log.warn({ node, code: error.code, error: error.message }, 'Peer connection ended with an error');
      });
    },
    (reason) => log.warn({ reason }, 'Peer rejected'),
  );
  const control = await serveControl(
    join(config.runDir, 'control.sock'),
    {
      containers: () =>
        listContainers({ registry, containerd, links, leaving: (container) => handovers.leaving(container)?.id }),
      plan: (request) => handovers.plan({ ...request, container: registry.find(request.container).id }),
      begin: (request) => handovers.begin({ ...request, container: registry.find(request.container).id }),
      list: () => handovers.list(),
      get: (id) => handovers.get(id),
      cancel: (id) => handovers.cancel(id, 'cancelled by the user'),
      changes: (signal) => handovers.changes(signal),
      diagnose: async () =>
        diagnose(config, links, [...(await platform.networks()).values()], async (node) =>
          (await connectPeer(platform.peers, node)).destroy(),
        ),
    },
    log,
  );
  return [wrappers, cni, peers, control, ...(await platform.start({ handovers, peers }))];
}

/** Containers that a former agent had stopped for a rehearsal run on. */
function recoverRehearsals(host: PlainTargetHost, log: Log): void {
  for (const container of leftoverHandovers(host.imageRoot)
    .map(containerOfKey)
    .filter((id) => id !== undefined)) {
    log.info({ container }, 'Found a rehearsal of a former agent');
    host.rehearsals
      .during(container, () => new DumpRehearsal(host, container).recover())
      .catch((error: unknown) =>
        log.error({ container, error: asGodwitError(error).message }, 'Rehearsal of a former agent not undone'),
      );
  }
}

/** Images of handovers that are over or unknown, as soon as no container reads its pages from them. */
function sweepImages(imageRoot: string, lateMemory: LateMemory, running: ReadonlySet<string>): void {
  for (const handover of leftoverHandovers(imageRoot)) {
    if (running.has(handoverOfKey(handover)) || containerOfKey(handover) !== undefined) continue;
    void lateMemory
      .settled(imageDirectoriesOf(imageRoot, handover))
      .then(() => removeImageDirectories(imageRoot, handover));
  }
}
