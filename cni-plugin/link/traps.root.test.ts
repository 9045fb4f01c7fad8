// Four things that each kept a client waiting for a second or more: what happens without the cure, and with it.
import { closeSync } from 'node:fs';
import test from 'ava';
import { closeOffLoop, packetOpen, packetReceive, packetSend } from '#cni/native/addon.ts';
import { addressBytes } from '#core/addresses/text.ts';
import { hostName } from '../leases/lease.ts';
import { forwardingPort, neighboursOf } from '../netlink/address-messages.ts';
import { findLink } from '../netlink/link-messages.ts';
import type { Attachment } from '../port.ts';
import { Lab, networkConfig, succeed, type LabNode } from '../testing/lab.ts';
import { udpIn } from '../testing/sockets.ts';
import { announcements, checksum } from './frames.ts';
import { parseMac } from './mac.ts';
import { insideNetns } from './netns.ts';

const lab = new Lab();
test.after.always(() => lab.close());
const config = networkConfig();
let one: LabNode;
let two: LabNode;
let pods = 0;
test.before(async () => {
  one = await lab.node('one', config);
  two = await lab.node('two', config);
  lab.client('client', '198.18.0.200/24');
});

/** An open link on node one, and the parked link for its address on node two. */
async function parked(): Promise<{ source: Attachment; target: Attachment }> {
  pods += 1;
  const [from, to] = [lab.namespace(`s${pods}`), lab.namespace(`t${pods}`)];
  await succeed(one, { command: 'ADD', netns: from, containerId: `s${pods}` });
  const [source] = await one.agent.links.attachmentsOf(from);
  if (source === undefined) throw new Error('no attachment');
  await one.agent.links.gate(source);
  return { source, target: await two.agent.links.addParked(to, `t${pods}`, { ...source }) };
}

interface Tap {
  mac: string;
  /** Frames with this text that have come so far. */
  seen(text: string): number;
  close(): Promise<void>;
}

/** Watches what a device in a namespace takes for its own MAC. */
function tap(netns: string, device: string): Tap {
  const frames: Buffer[] = [];
  const { socket, mac } = insideNetns(netns, (inside) => {
    const link = findLink(inside, device);
    if (link === undefined) throw new Error(`no ${device}`);
    return { mac: link.mac, socket: packetOpen(link.index, parseMac(link.mac), 1 << 20) };
  });
  return {
    mac,
    seen(text) {
      frames.push(...packetReceive(socket, 1000));
      return frames.filter((frame) => frame.includes(text)).length;
    },
    close: () => closeOffLoop(socket),
  };
}

function bare(attachment: Attachment): string {
  return attachment.addresses[0]?.split('/')[0] ?? '';
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition())
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
}

test.serial('1: what the workload says before the link is active is lost; after it, it arrives', async (t) => {
  const { target } = await parked();
  const client = tap(lab.path('client'), 'eth0');
  await two.agent.links.setNeighbours(target, [{ ifName: 'net1', address: '198.18.0.200', mac: client.mac }]);
  const workload = await udpIn(target.netns, bare(target));
  workload.send('too early', 9, '198.18.0.200');
  await two.agent.links.activate(target, 1);
  workload.send('in time', 9, '198.18.0.200');
  await until(() => client.seen('in time') === 1);
  t.is(client.seen('too early'), 0);
  workload.close();
  await client.close();
});

for (const cured of [false, true]) {
  test.serial(
    `2: neighbour entries ${cured ? 'copied: the first frame needs no resolution' : 'not copied: the workload has to ask first'}`,
    async (t) => {
      const { target } = await parked();
      const client = tap(lab.path('client'), 'eth0');
      if (cured)
        await two.agent.links.setNeighbours(target, [{ ifName: 'net1', address: '198.18.0.200', mac: client.mac }]);
      const workload = await udpIn(target.netns, bare(target));
      workload.send('while parked', 9, '198.18.0.200');
      const resolved = insideNetns(target.netns, (inside) =>
        neighboursOf(inside, findLink(inside, 'net1')?.index ?? 0),
      ).some(({ address }) => address === '198.18.0.200');
      t.is(resolved, cured);
      await two.agent.links.activate(target, 1);
      t.is(incomplete(target.netns), !cured, 'a resolution begun while parked is retried only after a second');
      workload.close();
      await client.close();
    },
  );
}

/** Whether the namespace waits for an answer to a resolution. */
function incomplete(netns: string): boolean {
  return lab.ip(netns.slice(lab.path('').length), 'neigh', 'show', 'dev', 'net1').includes('INCOMPLETE');
}

test.serial(
  '3: a frame that connection tracking calls invalid is dropped on a plain bridge, not on ours',
  async (t) => {
    const { source } = await parked();
    const next = lab.namespace('next');
    await succeed(one, { command: 'ADD', netns: next, containerId: 'next' });
    await one.agent.links.reopen(source);
    lab.exec('one', 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1');
    lab.exec('one', 'iptables', '-A', 'FORWARD', '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP');
    lab.ip('one', 'link', 'add', 'plain', 'type', 'bridge');
    lab.ip('one', 'link', 'set', 'plain', 'up');
    const receiver = tap(source.netns, 'net1');
    sendFrame(next, receiver.mac, invalidSegment());
    await until(() => receiver.seen('nonsense') === 1);
    for (const id of [`s${pods}`, 'next'])
      lab.ip('one', 'link', 'set', hostName('stable', id, 'net1'), 'master', 'plain');
    sendFrame(next, receiver.mac, invalidSegment());
    sendFrame(next, receiver.mac, notIp());
    await until(() => receiver.seen('the end of it') === 1);
    t.is(receiver.seen('nonsense'), 1);
    await receiver.close();
  },
);

/** Protocol and body of a TCP segment that both opens and closes a connection: no connection has it. */
function invalidSegment(): Buffer {
  const ip = Buffer.concat([
    Buffer.from('450000300000400040060000', 'hex'),
    addressBytes('198.18.0.77'),
    addressBytes('198.18.0.78'),
  ]);
  ip.writeUInt16BE(checksum(ip), 10);
  const tcp = Buffer.from('10e1000700000001000000005003020000000000', 'hex');
  return Buffer.concat([Buffer.from('0800', 'hex'), ip, tcp, Buffer.from('nonsense')]);
}

/** A frame that no packet filter looks at: when it is there, those sent before it are there or dropped. */
function notIp(): Buffer {
  return Buffer.concat([
    Buffer.from('88b5', 'hex'),
    Buffer.from('the end of it, and some more bytes to fill the frame'),
  ]);
}

function sendFrame(netns: string, to: string, typeAndBody: Buffer): void {
  insideNetns(netns, (inside) => {
    const link = findLink(inside, 'net1');
    if (link === undefined) throw new Error('no net1');
    const socket = packetOpen();
    packetSend(socket, link.index, Buffer.concat([Buffer.alloc(10), parseMac(to), parseMac(link.mac), typeAndBody]));
    closeSync(socket);
  });
}

test.serial('4: a late frame from elsewhere moves a learned entry of the bridge, not ours', async (t) => {
  const { target } = await parked();
  const name = hostName('stable', target.containerId, 'net1');
  await two.agent.links.activate(target, 1);
  const port = insideNetns(two.netns, (inside) => findLink(inside, name)?.index);
  announceFromSwitch(target);
  const held = insideNetns(two.netns, (inside) => ({ port: entry(inside, target.mac) }));
  t.is(held.port, port);
  for (const change of [['nomaster'], ['master', 'br-stable']]) lab.ip('two', 'link', 'set', name, ...change);
  announceFromSwitch(target);
  const uplink = insideNetns(two.netns, (inside) => findLink(inside, 'up0')?.index);
  await until(() => insideNetns(two.netns, (inside) => ({ is: entry(inside, target.mac) })).is === uplink);
});

function entry(inside: Parameters<typeof findLink>[0], mac: string): number | undefined {
  return forwardingPort(inside, findLink(inside, 'br-stable')?.index ?? 0, mac);
}

/** The old holder's frame, as it comes in from the switch. */
function announceFromSwitch(target: Attachment): void {
  insideNetns(lab.path('switch'), (inside) => {
    const socket = packetOpen();
    for (const frame of announcements(target.mac, [bare(target)]))
      packetSend(socket, findLink(inside, 'p2')?.index ?? 0, frame);
    closeSync(socket);
  });
}
