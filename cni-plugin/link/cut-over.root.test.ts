// A stable link moves between two nodes of a switch: silence, parked frames, epochs, rollback.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { GodwitError } from '#core/errors.ts';
import { readNetworks } from '../network-configs.ts';
import { silentLog } from '#core/log.ts';
import { createLinks } from '../links.ts';
import { hostName } from '../leases/lease.ts';
import { forwardingPort } from '../netlink/address-messages.ts';
import { findLink } from '../netlink/link-messages.ts';
import type { Attachment } from '../port.ts';
import { cniCall, Lab, networkConfig, succeed, type LabNode } from '../testing/lab.ts';
import { answers, udpEcho, udpIn } from '../testing/sockets.ts';
import { insideNetns } from './netns.ts';

const lab = new Lab();
test.after.always(() => lab.close());
const config = networkConfig({ ipam: { ranges: [{ subnet: '198.18.0.0/24' }, { subnet: 'fd00:18::/64' }] } });
/** Addresses of the test that runs: each test has its own, since an address that moved is not forgotten. */
let address = '';
let addressSix = '';
let one: LabNode;
let two: LabNode;
let moves = 0;
test.before(async () => {
  one = await lab.node('one', config);
  two = await lab.node('two', config);
  lab.client('client', '198.18.0.200/24', 'fd00:18::200/64');
});

/** The configuration with a wish for the test's addresses. */
function wish(settings: object): object {
  return { ...settings, runtimeConfig: { ips: [address, addressSix] } };
}

interface Move {
  source: Attachment;
  target: Attachment;
  sourceName: string;
  targetName: string;
}

/** An open link on node one and a parked one for the same address on node two, each in a namespace of its own. */
async function prepare(
  t: ExecutionContext,
  on: LabNode = one,
  to: LabNode = two,
  settings: object = config,
): Promise<Move> {
  moves += 1;
  address = `198.18.0.${100 + moves}`;
  addressSix = `fd00:18::${100 + moves}`;
  const [sourceName, targetName] = [`s${moves}`, `t${moves}`];
  lab.namespace(sourceName);
  lab.namespace(targetName);
  await succeed(on, { command: 'ADD', netns: lab.path(sourceName), containerId: sourceName, config: wish(settings) });
  const [source] = await on.agent.links.attachmentsOf(lab.path(sourceName));
  if (source === undefined) throw new Error('no attachment after ADD');
  const target = await to.agent.links.addParked(lab.path(targetName), targetName, { ...source });
  t.teardown(async () => {
    await on.agent.links.remove(sourceName, 'net1');
    await to.agent.links.remove(targetName, 'net1');
  });
  return { source, target, sourceName, targetName };
}

/** Name of the switch port behind which the switch believes the MAC. */
function switchPort(mac: string): string | undefined {
  return insideNetns(lab.path('switch'), (inside) => {
    const bridge = findLink(inside, 'sw')?.index ?? 0;
    const port = forwardingPort(inside, bridge, mac);
    return { name: ['p1', 'p2'].find((name) => findLink(inside, name)?.index === port) };
  }).name;
}

/** Name of the port that the node's own bridge has for the MAC. */
function bridgePort(node: string, mac: string): string | undefined {
  return lab
    .exec(node, 'bridge', 'fdb', 'show', 'br', 'br-stable')
    .split('\n')
    .map((line) => new RegExp(`^${mac} dev (\\S+) .*static`).exec(line)?.[1])
    .find((name) => name !== undefined);
}

const reached = (to = address, own = '198.18.0.200', tries?: number): Promise<boolean> =>
  answers(lab.path('client'), own, to, 7, tries);

test.serial('both families answer at the source, then at the target', async (t) => {
  const { source, target } = await prepare(t);
  const [four, six] = [await udpEcho(source.netns, address, 7), await udpEcho(source.netns, addressSix, 7)];
  t.true(await reached());
  t.true(await reached(addressSix, 'fd00:18::200'));
  await one.agent.links.gate(source);
  t.is((await one.agent.links.attachmentsOf(source.netns))[0]?.state, 'gated');
  t.false(await reached(address, undefined, 2));
  four.close();
  six.close();
  const parking = await two.agent.links.park(target);
  const [newFour, newSix] = [await udpEcho(target.netns, address, 7), await udpEcho(target.netns, addressSix, 7)];
  await two.agent.links.activate(target, source.epoch + 1);
  await parking.replay();
  t.is(
    bridgePort('two', source.mac),
    hostOf(target.containerId),
    'the end of parking leaves the entry of the open link alone',
  );
  t.true(await reached());
  t.true(await reached(addressSix, 'fd00:18::200'));
  t.like((await two.agent.links.attachmentsOf(target.netns))[0], {
    state: 'active',
    epoch: source.epoch + 1,
    mac: source.mac,
    addresses: source.addresses,
  });
  newFour.close();
  newSix.close();
});

test.serial('frames sent while parked arrive once, in order, after replay; then others go through', async (t) => {
  const { source, target } = await prepare(t);
  const client = await udpIn(lab.path('client'), '198.18.0.200');
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await reached());
  echo.close();
  await one.agent.links.gate(source);
  const parking = await two.agent.links.park(target);
  const receiver = await udpIn(target.netns, address, 7);
  const got: string[] = [];
  receiver.on('message', (message) => got.push(message.toString()));
  for (let index = 0; index < 20; index += 1) client.send(`kept ${index}`, 7, address);
  await waitUntil(() => parking.counts().frames >= 20);
  t.deepEqual(got, []);
  t.is(parking.counts().dropped, 0);
  t.true(parking.counts().bytes > 20 * 42);
  await two.agent.links.activate(target, source.epoch + 1);
  t.like(await parking.replay(), { replayed: 20, dropped: 0 });
  client.send('after', 7, address);
  await waitUntil(() => got.includes('after'));
  t.deepEqual(got, [...Array.from({ length: 20 }, (_, index) => `kept ${index}`), 'after']);
  t.like(await parking.replay(), { replayed: 0 });
  await parking.discard();
  receiver.close();
  client.close();
});

test.serial('a machine on the target node is parked too', async (t) => {
  const { source, target } = await prepare(t);
  lab.namespace('neighbour');
  await succeed(two, {
    command: 'ADD',
    netns: lab.path('neighbour'),
    containerId: 'neighbour',
    config: { ...config, runtimeConfig: { ips: ['198.18.0.60', 'fd00:18::60'] } },
  });
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await answers(lab.path('neighbour'), '198.18.0.60', address, 7));
  echo.close();
  await one.agent.links.gate(source);
  const parking = await two.agent.links.park(target);
  const [sender, receiver] = [await udpIn(lab.path('neighbour'), '198.18.0.60'), await udpIn(target.netns, address, 7)];
  const first = once(receiver, 'message');
  sender.send('from next door', 7, address);
  await waitUntil(() => parking.counts().frames >= 1);
  await two.agent.links.activate(target, source.epoch + 1);
  await parking.replay();
  t.is(String((await first)[0]), 'from next door');
  sender.close();
  receiver.close();
  await two.agent.links.remove('neighbour', 'net1');
});

test.serial('a parked link says nothing, whatever happens to it', async (t) => {
  const { source, target, targetName } = await prepare(t);
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await reached());
  const before = switchPort(source.mac);
  t.is(before, 'p1');
  const host = hostOf(targetName);
  for (const change of [['mtu', '1400'], ['alias', 'x'], ['promisc', 'on'], ['down'], ['up']])
    lab.ip('two', 'link', 'set', host, ...change);
  lab.ip(targetName, 'link', 'set', 'net1', 'down');
  lab.ip(targetName, 'link', 'set', 'net1', 'up');
  const noise = await udpIn(target.netns, address);
  noise.send('x', 9, '198.18.0.201');
  noise.send('x', 9, '198.18.0.255');
  t.true(await reached());
  t.is(switchPort(source.mac), before);
  lab.ip('two', 'link', 'set', host, 'master', 'br-stable');
  noise.send('x', 9, '198.18.0.201');
  await waitUntil(() => switchPort(source.mac) === 'p2');
  noise.close();
  echo.close();
});

test.serial('rollback: the source opens again and has its traffic back', async (t) => {
  const { source, target } = await prepare(t);
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await reached());
  await one.agent.links.gate(source);
  await one.agent.links.gate(source);
  const parking = await two.agent.links.park(target);
  await waitUntil(() => switchPort(source.mac) === 'p2');
  await parking.discard();
  await parking.discard();
  await two.agent.links.remove(target.containerId, 'net1');
  await one.agent.links.reopen(source);
  await one.agent.links.reopen(source);
  t.true(await reached());
  t.is(switchPort(source.mac), 'p1');
  echo.close();
});

test.serial('an old epoch stays silent: refused, also after restart, until a newer claim comes', async (t) => {
  const { source, target, sourceName } = await prepare(t);
  await one.agent.links.gate(source);
  await t.throwsAsync(two.agent.links.activate(target, source.epoch), { code: 'ERR_LINK_EPOCH' });
  await two.agent.links.activate(target, source.epoch + 1);
  await two.agent.links.activate(target, source.epoch + 1);
  await one.agent.links.surrender(source, source.epoch + 1, 'two');
  await one.agent.links.surrender(source, source.epoch + 1, 'two');
  await t.throwsAsync(one.agent.links.reopen(source), { code: 'ERR_LINK_EPOCH' });
  await t.throwsAsync(two.agent.links.surrender(target, source.epoch + 1, 'one'), { code: 'ERR_LINK_EPOCH' });
  lab.ip('one', 'link', 'set', hostOf(sourceName), 'master', 'br-stable');
  await one.restart();
  t.false(lab.ip('one', '-o', 'link', 'show', hostOf(sourceName)).includes('master'));
  await one.agent.links.remove(sourceName, 'net1');
  const refused = await one.agent.handleCni(
    cniCall({ command: 'ADD', netns: source.netns, containerId: 'other', config: wish(config) }),
  );
  t.regex(refused.stdout, /ERR_ADDRESS_TAKEN/);
  await one.restart();
  await t.throwsAsync(one.agent.links.addParked(source.netns, 'back', { ...source }), { code: 'ERR_LINK_EPOCH' });
  const back = await one.agent.links.addParked(source.netns, 'back', { ...source, epoch: source.epoch + 1 });
  await t.throwsAsync(one.agent.links.activate(back, source.epoch + 1), { code: 'ERR_LINK_EPOCH' });
  await two.agent.links.gate(target);
  await one.agent.links.activate(back, source.epoch + 2);
  await two.agent.links.surrender(target, source.epoch + 2, 'one');
  await two.agent.links.remove(target.containerId, 'net1');
  await one.agent.links.remove('back', 'net1');
  await succeed(one, { command: 'ADD', netns: source.netns, containerId: 'again', config: wish(config) });
  t.is(
    (await one.agent.links.attachmentsOf(source.netns))[0]?.epoch,
    source.epoch + 2,
    'epochs go on where the last holder was',
  );
  await one.agent.links.remove('again', 'net1');
});

test.serial('a kept link of a target that lost its copy after the commit is parked for the next attempt', async (t) => {
  const { source, target } = await prepare(t);
  await one.agent.links.gate(source);
  await two.agent.links.activate(target, source.epoch + 1);
  await two.agent.links.gate(target); // the copy was lost, and its sandbox stays
  await one.agent.links.activate(source, source.epoch + 2);
  await t.throwsAsync(two.agent.links.addParked(target.netns, target.containerId, { ...source }), {
    code: 'ERR_LINK_EPOCH',
  });
  const again = await two.agent.links.addParked(target.netns, target.containerId, {
    ...source,
    epoch: source.epoch + 2,
  });
  t.like(again, { state: 'parked', epoch: source.epoch + 2 });
  const parking = await two.agent.links.park(again);
  await parking.discard();
  await one.agent.links.gate(source);
  await two.agent.links.activate(again, source.epoch + 3);
  t.like((await two.agent.links.attachmentsOf(target.netns))[0], { state: 'active', epoch: source.epoch + 3 });
});

test.serial('a late DEL of the old container leaves the link of the new one alone', async (t) => {
  const { source, target, sourceName } = await prepare(t, one, one);
  await one.agent.links.gate(source);
  await one.agent.links.activate(target, source.epoch + 1);
  await succeed(one, { command: 'DEL', netns: source.netns, containerId: sourceName, config });
  const echo = await udpEcho(target.netns, address, 7);
  t.true(await reached());
  const refused = await one.agent.handleCni(
    cniCall({ command: 'ADD', netns: source.netns, containerId: 'third', config: wish(config) }),
  );
  t.regex(refused.stdout, /ERR_ADDRESS_TAKEN/);
  echo.close();
});

test.serial('CNI ADD with a claim makes the same parked link', async (t) => {
  const { source } = await prepare(t);
  const netns = lab.namespace('claimed');
  const { network, ifName, addresses, mac, mtu, epoch } = source;
  const claim = JSON.stringify({ network, ifName, addresses, mac, mtu, epoch });
  await succeed(two, {
    command: 'ADD',
    netns,
    containerId: 'claimed',
    config: { ...config, args: { cni: { 'godwit.dev/claim': claim } } },
  });
  t.like((await two.agent.links.attachmentsOf(netns))[0], { state: 'parked', mac, addresses, epoch });
  await two.agent.links.remove('claimed', 'net1');
});

test.serial('every step names what it does not know', async (t) => {
  const { source } = await prepare(t);
  const stranger = { ...source, containerId: 'nobody' };
  await t.throwsAsync(one.agent.links.gate(stranger), { instanceOf: GodwitError, code: 'ERR_LINK_UNKNOWN' });
  await t.throwsAsync(one.agent.links.park(source), { code: 'ERR_LINK_EPOCH' });
  await t.throwsAsync(one.agent.links.addParked(source.netns, 'x', { ...source, network: 'none' }), {
    code: 'ERR_LINK_NETWORK',
  });
  await t.throwsAsync(
    one.agent.links.addParked(source.netns, 'x', { ...source, ifName: 'net2', addresses: ['203.0.113.1/24'] }),
    { code: 'ERR_ADDRESS_INVALID' },
  );
  await t.notThrowsAsync(one.agent.links.remove('nobody', 'net1'));
});

test.serial('neighbour entries move along', async (t) => {
  const { source, target } = await prepare(t);
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await reached());
  const entries = await one.agent.links.neighbours(source);
  t.true(entries.some((entry) => entry.address === '198.18.0.200' && entry.ifName === 'net1'));
  await two.agent.links.setNeighbours(target, entries);
  t.deepEqual(await two.agent.links.neighbours(target), entries);
  echo.close();
});

test.serial('a node that comes after the tunnel was made is flooded to from the next link on', async (t) => {
  lab.ip('one', 'addr', 'replace', '198.19.0.1/24', 'dev', 'br-stable');
  const add = async (name: string, peers: string[], ip: string): Promise<void> => {
    lab.namespace(name);
    const { vxlan, ...settings } = tunnel('198.19.0.1', '198.19.0.2');
    await succeed(one, {
      command: 'ADD',
      netns: lab.path(name),
      containerId: name,
      config: { ...settings, vxlan: { ...vxlan, peers }, runtimeConfig: { ips: [ip] } },
    });
    t.teardown(() => one.agent.links.remove(name, 'net1'));
  };
  await add('early', ['198.19.0.2'], '198.18.0.71');
  t.deepEqual(peersOf(one.netns), ['198.19.0.2']);
  await add('later', ['198.19.0.2', '198.19.0.3'], '198.18.0.72');
  t.deepEqual(peersOf(one.netns), ['198.19.0.2', '198.19.0.3']);
});

test.serial('VXLAN between the nodes: the same move over tunnels', async (t) => {
  for (const [name, own] of [
    ['one', '198.19.0.1'],
    ['two', '198.19.0.2'],
  ] as const)
    lab.ip(name, 'addr', 'replace', `${own}/24`, 'dev', 'br-stable');
  const [oneConfig, twoConfig] = [tunnel('198.19.0.1', '198.19.0.2'), tunnel('198.19.0.2', '198.19.0.1')];
  for (const [node, name, ip, settings] of [
    [one, 'far1', '198.18.0.61', oneConfig],
    [two, 'far2', '198.18.0.62', twoConfig],
  ] as const) {
    lab.namespace(name);
    await succeed(node, {
      command: 'ADD',
      netns: lab.path(name),
      containerId: name,
      config: { ...settings, runtimeConfig: { ips: [ip] } },
    });
  }
  address = '198.18.0.90';
  addressSix = 'fd00:18::90';
  const pod = lab.namespace('tunnelled');
  await succeed(one, { command: 'ADD', netns: pod, containerId: 'tunnelled', config: wish(oneConfig) });
  const [source] = await one.agent.links.attachmentsOf(pod);
  if (source === undefined) throw new Error('no attachment');
  const echo = await udpEcho(pod, address, 7);
  t.true(await answers(lab.path('far1'), '198.18.0.61', address, 7));
  t.true(await answers(lab.path('far2'), '198.18.0.62', address, 7));
  echo.close();
  const netns = lab.namespace('tunnelled2');
  const { network, ifName, addresses, mac, mtu, epoch } = source;
  const claim = { network, ifName, addresses, mac, mtu, epoch };
  await succeed(two, {
    command: 'ADD',
    netns,
    containerId: 'tunnelled2',
    config: { ...twoConfig, args: { cni: { 'godwit.dev/claim': claim } } },
  });
  const [target] = await two.agent.links.attachmentsOf(netns);
  if (target === undefined) throw new Error('no attachment');
  await one.agent.links.gate(source);
  const parking = await two.agent.links.park(target);
  const receiver = await udpIn(netns, address, 7);
  const first = once(receiver, 'message');
  const sender = await udpIn(lab.path('far1'), '198.18.0.61');
  sender.send('through the tunnel', 7, address);
  await waitUntil(() => parking.counts().frames >= 1);
  await two.agent.links.activate(target, source.epoch + 1);
  await parking.replay();
  t.is(String((await first)[0]), 'through the tunnel');
  receiver.close();
  sender.close();
  for (const node of [one, two])
    for (const id of ['far1', 'far2', 'tunnelled', 'tunnelled2']) await node.agent.links.remove(id, 'net1');
});

test.serial('the buffer has a limit and counts what it drops', async (t) => {
  const small = await lab.node('small', config);
  await small.agent.close();
  small.agent = await createLinks({
    stateDir: small.stateDir,
    networks: () => readNetworks(small.configDir, silentLog),
    netns: small.netns,
    log: silentLog,
    parkingLimitBytes: 5000,
  });
  const { source, target } = await prepare(t, one, small);
  const echo = await udpEcho(source.netns, address, 7);
  t.true(await reached());
  await one.agent.links.gate(source);
  const parking = await small.agent.links.park(target);
  const client = await udpIn(lab.path('client'), '198.18.0.200');
  for (let index = 0; index < 40; index += 1) client.send(Buffer.alloc(1000, index), 7, address);
  await waitUntil(() => parking.counts().frames + parking.counts().dropped >= 40);
  const { bytes, dropped } = parking.counts();
  t.true(bytes <= 5000 && dropped >= 35);
  await parking.discard();
  client.close();
  echo.close();
});

/** To whom the tunnel of that node floods. */
function peersOf(netns: string): string[] {
  const entries = execFileSync('ip', ['netns', 'exec', basename(netns), 'bridge', 'fdb', 'show', 'dev', 'gdwvx77'], {
    encoding: 'utf8',
  }).split('\n');
  return entries.flatMap((line) => /^00:00:00:00:00:00 dst (\S+)/.exec(line)?.[1] ?? []).toSorted();
}

function tunnel(local: string, peer: string) {
  return {
    ...config,
    name: 'tunnel',
    uplink: undefined,
    mode: 'vxlan',
    bridge: 'br-tunnel',
    mtu: 1450,
    vxlan: { id: 77, local, peers: [peer] },
  };
}

function hostOf(containerId: string): string {
  return hostName('stable', containerId, 'net1');
}

/** Waits for the next turns of the event loop until the condition holds; the test's own time limit ends a vain wait. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition())
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
}
