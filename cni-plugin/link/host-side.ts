// The node's end of all links: sockets of the namespace in which bridges and uplinks live, and the removal of links.
import { closeSync, openSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { closeOffLoop, inNetns, packetOpen, packetSend } from '#cni/native/addon.ts';
import { allLinks, changeLink, deleteGroup, findLink, type LinkFacts } from '../netlink/link-messages.ts';
import { KernelRefusal } from '../netlink/kernel-refusal.ts';
import { RouteSocket, unlessRefused } from '../netlink/route-socket.ts';

/** Device group of links that wait for their removal. */
const doomedGroup = 0x67647778;

export interface HostSide {
  readonly route: RouteSocket;
  /** Inode of the node's network namespace. */
  readonly inode: number;
  /** Bridges whose frames connection tracking leaves alone. */
  readonly untracked: Set<string>;
  /** Runs synchronous work inside the node's namespace. */
  inside(work: () => void): void;
  /** Opens a packet socket in the node's namespace; see packetOpen. */
  openPacket(ifIndex: number, mac: Buffer, receiveBytes: number): number;
  /** Sends a frame (with virtio-net header) out of a device of the node. */
  send(ifIndex: number, frame: Buffer): void;
  /** Shuts a device for good and lets it be deleted soon, in one go with others; its name is free when this returns. */
  doom(link: LinkFacts): void;
  /** Waits until everything doomed is deleted. */
  settle(): Promise<void>;
  /** Devices of the namespace, without those that wait for removal. */
  links(): LinkFacts[];
  close(): Promise<void>;
}

/** `netns`: path of the namespace that plays the node; the process's own when undefined. */
export function openHostSide(netns: string | undefined): HostSide {
  const path = netns ?? '/proc/thread-self/ns/net';
  const fd = openSync(path, 'r');
  const [route, deletions, sender] = inNetns(fd, () => [new RouteSocket(), new RouteSocket(), packetOpen()] as const);
  const removal = groupRemoval(deletions);
  return {
    route,
    inode: statSync(path).ino,
    untracked: new Set(),
    inside: (work) => inNetns<void>(fd, work),
    openPacket: (ifIndex, mac, receiveBytes) => inNetns(fd, () => packetOpen(ifIndex, mac, receiveBytes)),
    send: (ifIndex, frame) => packetSend(sender, ifIndex, frame),
    doom(link) {
      retire(route, link);
      removal.schedule();
    },
    settle: () => removal.settled(),
    links: () => allLinks(route).filter(({ group }) => group !== doomedGroup),
    async close() {
      await removal.settled();
      await deletions[Symbol.asyncDispose]();
      route.close();
      await closeOffLoop(sender);
      closeSync(fd);
    },
  };
}

/** Down, out of its bridge and under another name: what is left to do needs no hurry. A device that is gone is well. */
export function retire(route: RouteSocket, { index }: LinkFacts): void {
  unlessRefused(['ENODEV'], () => {
    changeLink(route, index, { up: false, master: 0, group: doomedGroup });
    changeLink(route, index, { name: `gdwx${index}` });
  });
}

/**
 * A deletion holds the kernel's one lock for network devices: let the rest of a burst of removals be shut before it.
 */
const gatherMs = 10;

/** Group deletions that never overlap; links doomed while one runs go with the next. */
function groupRemoval(socket: RouteSocket): { schedule(): void; settled(): Promise<void> } {
  let wanted = false;
  let running: Promise<void> | undefined;
  let failure: unknown;
  async function run(): Promise<void> {
    while (wanted) {
      await setTimeout(gatherMs);
      wanted = false;
      await deleteDoomed(socket).catch((error: unknown) => {
        failure = error;
      });
    }
    running = undefined;
  }
  return {
    schedule() {
      wanted = true;
      running ??= run();
    },
    async settled() {
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}

async function deleteDoomed(socket: RouteSocket): Promise<void> {
  try {
    await deleteGroup(socket, doomedGroup);
  } catch (error) {
    // the namespaces went and took the links along
    if (!(error instanceof KernelRefusal && error.code === 'ENODEV')) throw error;
  }
}

/** Shuts a link both ways; false when the device is gone. */
export function shut(route: RouteSocket, name: string): boolean {
  const link = findLink(route, name);
  return link !== undefined && unlessRefused(['ENODEV'], () => changeLink(route, link.index, { master: 0 }));
}
