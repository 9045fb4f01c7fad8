// Where the agent works: on a plain host, or on a node of a cluster. All that differs between them.
import type { Network } from '#cni/network-config.ts';
import type { HandleCni } from '#cni/verbs/dispatch.ts';
import type { Handovers } from '#agent/engine/handovers.ts';
import type { EnginePorts } from '#agent/engine/ports.ts';
import type { PodDesk } from '#agent/runtime/pod-desk.ts';
import type { PeerServer, PeerSettings } from '#agent/transfer/peers.ts';

export interface Closable {
  close(): unknown;
}

export interface Platform {
  peers: PeerSettings;
  /** What the engine asks of this place. */
  ports: Pick<EnginePorts, 'arbiter' | 'isGone' | 'mustBeExpected' | 'source' | 'target' | 'targetChecks'>;
  /** This node's stable networks by name. */
  networks(): Promise<ReadonlyMap<string, Network>>;
  /** Absent on a plain host. */
  pods?: PodDesk;
  /** What a CNI call meets before the links do. */
  cni(next: HandleCni): HandleCni;
  /** Begins its own work when the engine and its peers' door stand. */
  start(engine: { handovers: Handovers; peers: PeerServer }): Promise<Closable[]>;
}
