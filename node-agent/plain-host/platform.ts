// The agent on a plain host: containers of containerd, peers of the configuration, the source's journal as arbiter.
import { readNetworks } from '#cni/network-configs.ts';
import type { Log } from '#core/log.ts';
import type { Handovers } from '#agent/engine/handovers.ts';
import { PlainSource } from '#agent/plain-host/source-port.ts';
import { plainTargetRefusals } from '#agent/plain-host/target-checks.ts';
import { PlainTarget, type PlainTargetHost } from '#agent/plain-host/target-port.ts';
import type { Platform } from '#agent/platform.ts';
import { configuredPeers } from '#agent/transfer/peers.ts';

/** @param handovers asked late: they are made of this */
export function plainPlatform(host: PlainTargetHost, log: Log, handovers: () => Handovers): Platform {
  const { config, containerd } = host;
  const networks = () => readNetworks(config.networkDir, log);
  return {
    peers: configuredPeers(config),
    ports: {
      // Between two plain hosts the source's journal is the arbiter: entering `activating` is written and synced before
      // anybody is told.
      mustBeExpected: () => Promise.resolve(), // the configuration says who may hand over to this host
      arbiter: {
        remembers: false,
        commit: () => Promise.resolve('committed'),
        revoke: () => Promise.resolve('revoked'),
        outcome: () => Promise.resolve('pending'),
      },
      isGone: () => false,
      source: (handover, container) => new PlainSource(host, handover, container),
      target: (handover) => new PlainTarget(host, handover),
      targetChecks: async (request) => {
        // one that was just rolled back, or is leaving for good
        await handovers().settled(request.container.id, config.deadlines.prepareMs / 3);
        return plainTargetRefusals(request, containerd, new Set((await networks()).keys()));
      },
    },
    networks,
    cni: (next) => next,
    start: () => Promise.resolve([]),
  };
}
