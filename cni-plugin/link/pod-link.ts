// One link: a veth pair between the node and a container's network namespace, configured and still shut.
import { closeSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { GodwitError } from '#core/errors.ts';
import { closeOffLoop, packetOpen, packetSend } from '#cni/native/addon.ts';
import type { Log } from '#core/log.ts';
import { familyOf, parseCidr } from '#core/addresses/text.ts';
import { addAddress, addRoute, forwardToPort, type RouteFacts } from '../netlink/address-messages.ts';
import { changeLink, createVeth, findLink, type LinkFacts } from '../netlink/link-messages.ts';
import { RouteSocket } from '../netlink/route-socket.ts';
import { announcements } from './frames.ts';
import { retire, type HostSide } from './host-side.ts';
import { enterNetns, insideNetns, netnsInode, withNetnsFd } from './netns.ts';

export interface LinkPlan {
  netns: string;
  ifName: string;
  hostName: string;
  mac: string;
  mtu: number;
  /** `address/prefix` texts. */
  addresses: readonly string[];
  routes: readonly RouteFacts[];
}

/**
 * Builds the link, shut: its host end is on no bridge. ERR_LINK_EXISTS when the interface name is in use. After any
 * error nothing changed.
 */
export function buildLink(host: HostSide, plan: LinkPlan): void {
  const inside = enterNetns(plan.netns, () => new RouteSocket());
  try {
    if (findLink(inside, plan.ifName) !== undefined)
      throw new GodwitError('ERR_LINK_EXISTS', `${plan.ifName} exists in ${plan.netns}`);
    buildUnused(host, inside, plan);
  } finally {
    inside.close();
  }
}

function buildUnused(host: HostSide, inside: RouteSocket, plan: LinkPlan): void {
  const { route } = host;
  const leftover = findLink(route, plan.hostName);
  if (leftover !== undefined) host.doom(leftover);
  withNetnsFd(plan.netns, (netnsFd) =>
    createVeth(
      route,
      { name: plan.hostName, mtu: plan.mtu },
      { name: plan.ifName, mac: plan.mac, mtu: plan.mtu, netnsFd },
    ),
  );
  try {
    changeLink(route, requireLink(route, plan.hostName).index, { up: true, linkLocal: 'none' });
    configure(inside, plan);
  } catch (error) {
    removeLink(host, plan);
    throw error;
  }
}

/** Undo of `buildLink`: both ends are shut and their names free when this returns. */
export function removeLink(
  host: HostSide,
  { netns, ifName, mac, hostName }: Pick<LinkPlan, 'netns' | 'ifName' | 'mac' | 'hostName'>,
): void {
  const inode = netnsInode(netns);
  if (inode !== undefined) retirePodEnd(netns, inode, ifName, mac);
  const link = findLink(host.route, hostName);
  if (link !== undefined) host.doom(link);
}

function configure(inside: RouteSocket, plan: LinkPlan): void {
  const { index } = requireLink(inside, plan.ifName);
  const six = plan.addresses.some((address) => familyOf(address) === 6);
  if (six) {
    enterNetns(plan.netns, () => {
      writeFileSync(`/proc/sys/net/ipv6/conf/${plan.ifName}/disable_ipv6`, '0');
      writeFileSync(`/proc/sys/net/ipv6/conf/${plan.ifName}/accept_dad`, '0');
    });
    changeLink(inside, index, { linkLocal: 'eui64' });
  }
  changeLink(inside, index, { up: true });
  for (const address of plan.addresses) addAddress(inside, index, parseCidr(address));
  for (const path of plan.routes) addRoute(inside, index, path);
}

function requireLink(socket: RouteSocket, name: string): LinkFacts {
  const link = findLink(socket, name);
  if (link === undefined) throw new GodwitError('ERR_LINK_UNKNOWN', `there is no device ${name}`);
  return link;
}

/** Opens a link: on the bridge, with an entry that no frame from elsewhere can move. */
export function openLink(route: RouteSocket, name: string, bridgeIndex: number, mac: string): void {
  const { index } = requireLink(route, name);
  changeLink(route, index, { up: true, master: bridgeIndex });
  forwardToPort(route, index, mac);
}

/**
 * The container's end is renamed and shut, so that its name is free at once; nothing happens when the namespace is
 * gone.
 */
export function retirePodEnd(netns: string, inode: number, ifName: string, mac: string): void {
  if (netnsInode(netns) !== inode) return;
  insideNetns(netns, (inside) => {
    const link = findLink(inside, ifName);
    if (link?.mac === mac) retire(inside, link);
  });
}

/** When to announce again, after the first: a bridge or switch may lose one. */
const repeatsMs = [50, 250] as const;

/**
 * Announces the link from its own inside end, so that the frames take the way the workload's frames take. The first
 * ones are on their way when this returns; with `again` they are repeated. The returned promise settles after the last.
 */
export function announce(
  plan: Pick<LinkPlan, 'netns' | 'ifName' | 'mac' | 'addresses'>,
  bareAddresses: readonly string[],
  again: boolean,
  log: Log,
): Promise<void> {
  const frames = announcements(plan.mac, bareAddresses);
  const { socket, index } = insideNetns(plan.netns, (inside) => ({
    index: requireLink(inside, plan.ifName).index,
    socket: packetOpen(),
  }));
  const sendAll = (): void => {
    for (const frame of frames) packetSend(socket, index, frame);
  };
  try {
    sendAll();
  } catch (error) {
    closeSync(socket);
    throw error;
  }
  return repeat(sendAll, again ? repeatsMs : [], log).then(async () => closeOffLoop(socket));
}

/** Sends again after each delay; never rejects. */
async function repeat(send: () => void, delaysMs: readonly number[], log: Log): Promise<void> {
  const sleeps = delaysMs.map(async (delayMs) => {
    await setTimeout(delayMs);
    try {
      send();
    } catch (error) {
      log.debug({ err: error }, 'repeated announcement not sent'); // the link may be gone by now
    }
  });
  await Promise.all(sleeps);
}
