// What the node agent's engine asks of stable links. The engine knows nothing of bridges, frames or CNI beyond this.

/** A stable link of one network namespace on this node, as recorded by its lease. */
export interface Attachment {
  /** CNI network name; the lease lives under it. */
  network: string;
  /** CNI container id: the sandbox in Kubernetes, any id elsewhere. */
  containerId: string;
  /** Interface name inside the namespace, e.g. `net1`. */
  ifName: string;
  /** Path of the network namespace, e.g. `/run/netns/redis`. */
  netns: string;
  /** `address/prefix` texts, IPv6 in RFC 5952 form. */
  addresses: string[];
  /** Constant for the life of the lease. */
  mac: string;
  mtu: number;
  /** Fencing number: grows by one at every commit. */
  epoch: number;
  state: 'active' | 'parked' | 'gated';
}

/** What moves with a stable address from the source to the target's ADD: enough to build the same link, parked. */
export interface LeaseClaim {
  network: string;
  ifName: string;
  addresses: string[];
  mac: string;
  mtu: number;
  /** The epoch the source holds; the target becomes active with `epoch + 1`. */
  epoch: number;
}

/**
 * One neighbour entry of the pod's namespace (`mac` is the neighbour's), copied so that the target need not resolve it.
 */
export interface Neighbour {
  ifName: string;
  address: string;
  mac: string;
}

/** The largest packet that gets through, and the device that decides. */
export interface PathMtu {
  mtu: number;
  device: string;
}

/** Frames kept for a parked link. */
export interface Parking {
  /** Frames and bytes kept, and frames dropped because the buffer was full. */
  counts(): { frames: number; bytes: number; dropped: number };
  /**
   * Injects what was kept into the (now active) link and stops capturing; frames since activation go through by
   * themselves.
   */
  replay(): Promise<{ replayed: number; dropped: number }>;
  /** Stops capturing and forgets the frames. Safe to call twice and after `replay`. */
  discard(): Promise<void>;
}

/** Cut-over of stable links. Every method is safe to call twice; each rejects with a GodwitError `ERR_LINK_...`. */
export interface LinkPort {
  /** Attachments of a network namespace (compared by inode, so any path to it will do). */
  attachmentsOf(netns: string): Promise<Attachment[]>;
  /** Newest epoch of these addresses that this node remembers; -1 for none. */
  knownEpoch(network: string, addresses: readonly string[]): number;
  /** Of every network of this node, by name. */
  pathMtus(): Promise<Record<string, PathMtu>>;
  /** All attachments of this node. */
  attachments(): Promise<Attachment[]>;
  /**
   * Builds a parked link in `netns` for an address that another node holds: configured, silent, host end not enslaved.
   * The same effect as CNI ADD with a claim; the network is this node's own configuration of that name.
   */
  addParked(netns: string, containerId: string, claim: LeaseClaim): Promise<Attachment>;
  /** Removes link and record of this container (CNI DEL); never releases an address that another holder has. */
  remove(containerId: string, ifName: string): Promise<void>;
  /** Shuts the link both ways (host end leaves its bridge). Takes effect before it resolves. */
  gate(attachment: Attachment): Promise<void>;
  /** Undo of `gate` on the source: link back on the bridge, traffic pulled back by gratuitous ARP / unsolicited NA. */
  reopen(attachment: Attachment): Promise<void>;
  /** Target: starts keeping frames for the link and pulls its traffic to this node's uplink early. */
  park(attachment: Attachment): Promise<Parking>;
  /** Target: link on the bridge with a static forwarding entry, gratuitous ARP; the lease records `epoch`, fsynced. */
  activate(attachment: Attachment, epoch: number): Promise<void>;
  /**
   * Source, after commit: the address is held elsewhere with `epoch`; this node stays silent for good. Link itself
   * stays until `remove`.
   */
  surrender(attachment: Attachment, epoch: number, holder: string): Promise<void>;
  /** Neighbour entries of the stable interfaces in the namespace. */
  neighbours(attachment: Attachment): Promise<Neighbour[]>;
  /** Sets them in the (parked) target namespace, so that no resolution starts while the link is silent. */
  setNeighbours(attachment: Attachment, neighbours: Neighbour[]): Promise<void>;
}
