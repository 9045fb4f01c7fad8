// The node agent, put together: sockets for containerd, CNI, peers and people around one engine.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createLinks } from '#cni/links.ts';
import { readNetworks } from '#cni/network-configs.ts';
import { serveCni } from '#cni/socket-server.ts';
import { systemClock } from '#core/clock.ts';
import { asGodwitError } from '#core/errors.ts';
import type { Log } from '#core/log.ts';
import type { AgentConfig } from '#agent/config.ts';
import { serveControl } from '#agent/control/server.ts';
import { HookDesk } from '#agent/criu/hook-desk.ts';
import { imageDirectoriesOf, leftoverHandovers, mountImageMemory, removeImageDirectories } from '#agent/criu/image-memory.ts';
import { untilLoaded } from '#agent/criu/left-behind.ts';
import { CriuConfiguration } from '#agent/criu/configuration.ts';
import { diagnose } from '#agent/doctor.ts';
import { Handovers } from '#agent/engine/handovers.ts';
import { fileJournals, type JournalStore } from '#agent/engine/journal.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import { fileMover } from '#agent/files/mover.ts';
import { listContainers } from '#agent/plain-host/containers.ts';
import { nodeFactsReader } from '#agent/plain-host/node-facts.ts';
import { PlainSource } from '#agent/plain-host/source-port.ts';
import { plainTargetRefusals } from '#agent/plain-host/target-checks.ts';
import { PlainTarget, type PlainTargetHost } from '#agent/plain-host/target-port.ts';
import { Containerd } from '#agent/runtime/containerd.ts';
import { ContainerRegistry } from '#agent/runtime/container-registry.ts';
import { CreateDesk } from '#agent/runtime/create-desk.ts';
import { isMarkedRestored, unmarkRestored } from '#agent/runtime/restored-marks.ts';
import { attendRuntime } from '#agent/runtime/runtime-desk.ts';
import { serveWrappers } from '#agent/runtime/wrapper-server.ts';
import { connectPeer, servePeers } from '#agent/transfer/peers.ts';

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
 * Starts the agent on a plain host. Handovers of a former agent are picked up before anybody can ask for a new one.
 * @param adapt what the engine gets instead of the real world; tests inject faults by it
 */
export async function startAgent(config: AgentConfig, log: Log, adapt: (world: EngineWorld) => EngineWorld = (world) => world): Promise<Agent> {
  mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  const imageRoot = join(config.runDir, 'images');
  await mountImageMemory(imageRoot, config.imageLimitBytes);
  const criu = new CriuConfiguration(join(config.runDir, 'criu.conf'), config.criuHook);

  const { links, handleCni, start: startLinks, close: closeLinks } = await createLinks({ stateDir: config.stateDir, configDir: config.networkDir, log });
  await startLinks();
  const host: PlainTargetHost = {
    config, imageRoot, links, criu,
    containerd: new Containerd(config.containerdSocket),
    registry: new ContainerRegistry(join(config.runDir, 'containers')),
    hooks: new HookDesk(imageRoot),
    creates: new CreateDesk(),
  };
  const ports: EnginePorts = {
    config, log, links,
    clock: systemClock,
    files: fileMover,
    // Between two plain hosts the source's journal is the arbiter: entering `activating` is written and synced before anybody is told.
    arbiter: { commit: () => Promise.resolve('committed'), revoke: () => Promise.resolve('revoked') },
    peers: () => Object.keys(config.peers),
    connect: (node) => connectPeer(config, node),
    source: (handover, container) => new PlainSource(host, handover, container),
    target: (handover) => new PlainTarget(host, handover),
    targetChecks: async (request) => {
      await handovers.settled(request.container.id, config.deadlines.prepareMs / 3); // one that was just rolled back, or is leaving for good
      return plainTargetRefusals(request, host.containerd, new Set((await readNetworks(config.networkDir, log)).keys()));
    },
    nodeFacts: await nodeFactsReader(imageRoot, config.runc),
  };
  const world = adapt({ ports, journals: fileJournals(join(config.stateDir, 'handovers')) });
  const handovers = new Handovers(world.ports, world.journals);
  handovers.recover();
  sweepImages(imageRoot, new Set(handovers.list().filter(({ finishedAt }) => finishedAt === undefined).map(({ id }) => id)));

  const servers = await serveAll(config, log, host, handovers, handleCni);
  log.info({ address: config.listen, peers: Object.keys(config.peers) }, 'Agent started');
  return {
    async close() {
      await Promise.all(servers.map((server) => server.close()));
      await closeLinks();
      host.containerd.close();
    },
  };
}

type Closable = { close(): unknown };

async function serveAll(
  config: AgentConfig, log: Log, host: PlainTargetHost, handovers: Handovers, handleCni: Parameters<typeof serveCni>[1],
): Promise<Closable[]> {
  const { hooks, creates, registry, containerd, links, criu } = host;
  const wrappers = await serveWrappers(join(config.runDir, 'runtime.sock'), (conversation) => attendRuntime(conversation, {
    registry, creates, hooks, criuConfiguration: criu.path,
    leaving: (container) => (handovers.leaving(container) === undefined ? undefined : handovers.committed(container) ? 'after-commit' : 'before-commit'),
    onKill: (container) => handovers.abortFor(container, 'the container was killed'),
    isRestored: (container) => isMarkedRestored(config.runDir, container),
    forgetRestored: (container) => unmarkRestored(config.runDir, container),
  }), log);
  const cni = await serveCni(join(config.runDir, 'cni.sock'), handleCni);
  const peers = await servePeers(
    config,
    (node, connection) => {
      handovers.accept(node, connection).catch((thrown: unknown) => {
        const error = asGodwitError(thrown);
        log.warn({ node, code: error.code, error: error.message }, 'Peer connection ended with an error');
        connection.destroy();
      });
    },
    (reason) => log.warn({ reason }, 'Peer rejected'),
  );
  const control = await serveControl(join(config.runDir, 'control.sock'), {
    containers: () => listContainers({ registry, containerd, links, leaving: (container) => handovers.leaving(container)?.id }),
    plan: (request) => handovers.plan({ ...request, container: registry.find(request.container).id }),
    begin: (request) => handovers.begin({ ...request, container: registry.find(request.container).id }),
    list: () => handovers.list(),
    get: (id) => handovers.get(id),
    cancel: (id) => handovers.cancel(id, 'cancelled by the user'),
    changes: (signal) => handovers.changes(signal),
    diagnose: () => diagnose(config, async (node) => (await connectPeer(config, node)).destroy()),
  }, log);
  return [wrappers, cni, peers, control];
}

/** Images of handovers that are over or unknown, as soon as no container reads its pages from them. */
function sweepImages(imageRoot: string, running: ReadonlySet<string>): void {
  for (const handover of leftoverHandovers(imageRoot)) {
    if (running.has(handover)) continue;
    void untilLoaded(imageDirectoriesOf(imageRoot, handover).images).then(() => removeImageDirectories(imageRoot, handover));
  }
}
