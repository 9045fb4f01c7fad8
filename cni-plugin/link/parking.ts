// Frames for a parked link are kept by the kernel, in the order they came, until the workload can take them.
import type { Log } from '#core/log.ts';
import { closeOffLoop, packetDrops, packetReceive } from '#cni/native/addon.ts';
import { announcements, readResolution, vnetHeaderBytes } from './frames.ts';
import { forgetForwardToBridge, forwardToBridge } from '../netlink/address-messages.ts';
import { findLink } from '../netlink/link-messages.ts';
import { parseMac } from './mac.ts';
import type { HostSide } from './host-side.ts';
import type { Parking } from '../port.ts';

export interface ParkingPlan {
  host: HostSide;
  bridgeIndex: number;
  /** Device that leads to the other nodes; undefined for a network of one node. */
  uplinkIndex: number | undefined;
  hostName: string;
  mac: string;
  /** Addresses without prefix. */
  addresses: readonly string[];
  /** Most bytes of frames kept; the kernel's own buffer gets the same limit (and doubles it for its overhead). */
  limitBytes: number;
  log: Log;
}

const batchFrames = 256;

/**
 * Starts to keep frames and pulls the traffic here. All frames for the MAC end at the bridge device, wherever they come
 * from; opening the link moves that one forwarding entry, so that each frame is either kept or delivered, never both.
 */
export function startParking(plan: ParkingPlan): Parking {
  const { host, mac } = plan;
  const socket = host.openPacket(plan.bridgeIndex, parseMac(mac), plan.limitBytes);
  const kept = createKeptFrames(socket, plan.limitBytes);
  forwardToBridge(host.route, plan.bridgeIndex, mac);
  if (plan.uplinkIndex !== undefined)
    for (const frame of announcements(mac, plan.addresses)) host.send(plan.uplinkIndex, frame);

  let ended: Promise<void> | undefined;
  function end(): Promise<void> {
    ended ??= (forgetForwardToBridge(host.route, plan.bridgeIndex, mac), closeOffLoop(socket));
    return ended;
  }
  return {
    counts: () => (ended === undefined ? kept.counts() : { frames: 0, bytes: 0, dropped: kept.counts().dropped }),
    async replay() {
      if (ended !== undefined) return { replayed: 0, dropped: kept.counts().dropped };
      kept.drain();
      const replayed = inject(plan, kept.take());
      void end().catch((error: unknown) => plan.log.warn({ err: error }, 'parking socket not closed'));
      return { replayed: replayed.sent, dropped: kept.counts().dropped + replayed.failed };
    },
    discard: end,
  };
}

/** Answers the first request of each asker and injects everything else into the link. */
function inject(
  { host, hostName, bridgeIndex, mac, addresses, log }: ParkingPlan,
  frames: readonly Buffer[],
): { sent: number; failed: number } {
  const index = findLink(host.route, hostName)?.index;
  const answered = new Set<string>();
  const counts = { sent: 0, failed: 0 };
  for (const frame of frames) {
    const resolution = readResolution(frame, mac, addresses);
    try {
      if (resolution.kind === 'other') {
        if (index === undefined) throw new Error('the link is gone');
        host.send(index, frame);
        counts.sent += 1;
      } else if (resolution.answer !== undefined && !answered.has(resolution.requester)) {
        answered.add(resolution.requester);
        host.send(bridgeIndex, resolution.answer);
      }
    } catch (error) {
      counts.failed += 1;
      log.debug({ err: error }, 'parked frame not replayed');
    }
  }
  return counts;
}

interface KeptFrames {
  /** Moves what the kernel holds into memory, up to the limit. */
  drain(): void;
  take(): Buffer[];
  counts(): { frames: number; bytes: number; dropped: number };
}

function createKeptFrames(socket: number, limitBytes: number): KeptFrames {
  let frames: Buffer[] = [];
  let bytes = 0;
  let dropped = 0;
  let open = true;
  function drain(): void {
    dropped += packetDrops(socket);
    for (let batch = packetReceive(socket, batchFrames); batch.length > 0; batch = packetReceive(socket, batchFrames)) {
      for (const frame of batch) {
        const size = frame.length - vnetHeaderBytes;
        if (bytes + size > limitBytes) {
          dropped += 1;
        } else {
          frames.push(frame);
          bytes += size;
        }
      }
    }
  }
  return {
    drain,
    take() {
      const all = frames;
      frames = [];
      open = false;
      return all;
    },
    counts() {
      if (open) drain();
      return { frames: frames.length, bytes, dropped };
    },
  };
}
