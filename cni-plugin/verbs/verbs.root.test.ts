// The rules of CNI 1.1.0 that runtimes rely on, each against real namespaces.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import * as fc from 'fast-check';
import { encodeCall } from '../call-frame.ts';
import { cniCall, Lab, networkConfig, sh, succeed, type CallFields, type LabNode } from '../testing/lab.ts';

const lab = new Lab();
test.after.always(() => lab.close());
const dual = networkConfig({
  ipam: {
    ranges: [
      { subnet: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.199', gateway: '198.18.0.1' },
      { subnet: 'fd00:18::/64', gateway: 'fd00:18::1' },
    ],
    routes: [{ dst: '198.19.0.0/16' }, { dst: 'fd00:19::/64' }],
  },
});
let node: LabNode;
let podCount = 0;
test.before(async () => {
  node = await lab.node('node');
});

/** A fresh namespace and container id. */
function pod(): { netns: string; containerId: string; name: string } {
  podCount += 1;
  const name = `pod${podCount}`;
  return { name, netns: lab.namespace(name), containerId: `c${podCount}` };
}

async function fails(fields: CallFields): Promise<{ code: number; msg: string; cniVersion: string }> {
  const reply = await node.agent.handleCni(cniCall({ config: dual, ...fields }));
  if (reply.exitCode === 0) throw new Error(`${fields.command} succeeded: ${reply.stdout}`);
  return JSON.parse(reply.stdout);
}

function add(fields: Partial<CallFields> & { netns: string }): Promise<string> {
  return succeed(node, { command: 'ADD', config: dual, ...fields });
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function leases(): string[] {
  return readdirSync(join(node.stateDir, 'leases')).filter((name) => name.endsWith('.json'));
}

test.serial('ADD prints interfaces, addresses of both families, routes', async (t) => {
  const { netns, containerId, name } = pod();
  const result = JSON.parse(await add({ netns, containerId }));
  t.is(result.cniVersion, '1.1.0');
  t.like(result.interfaces[2], { name: 'net1', sandbox: netns, mtu: 1500 });
  t.is(result.interfaces[1].sandbox, undefined);
  t.deepEqual(result.ips, [
    { address: '198.18.0.10/24', gateway: '198.18.0.1', interface: 2 },
    { address: 'fd00:18::2/64', gateway: 'fd00:18::1', interface: 2 },
  ]);
  t.deepEqual(result.routes, [
    { dst: '198.19.0.0/16', gw: '198.18.0.1' },
    { dst: 'fd00:19::/64', gw: 'fd00:18::1' },
  ]);
  const shown = lab.ip(name, 'addr', 'show', 'net1');
  t.true(shown.includes('198.18.0.10/24') && shown.includes('fd00:18::2/64'));
  t.false(/tentative|dadfailed/.test(shown));
  t.true(shown.includes(result.interfaces[2].mac) && result.interfaces[2].mac.startsWith('02:'));
  t.true(lab.ip(name, 'route').includes('198.19.0.0/16 via 198.18.0.1'));
});

for (const [version, mtu, ipVersion] of [
  ['0.4.0', undefined, '4'],
  ['1.0.0', undefined, undefined],
  ['1.1.0', 1500, undefined],
] as const) {
  test.serial(`the result has the form of ${version}`, async (t) => {
    const { netns, containerId } = pod();
    const result = JSON.parse(await add({ netns, containerId, config: { ...dual, cniVersion: version } }));
    t.is(result.cniVersion, version);
    t.is(result.interfaces[2].mtu, mtu);
    t.is(result.ips[0].version, ipVersion);
  });
}

test.serial('ADD fails and changes nothing when the interface exists', async (t) => {
  const { netns, containerId, name } = pod();
  lab.ip(name, 'link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'other');
  const before = [leases(), lab.ip(name, '-o', 'link')];
  t.is((await fails({ command: 'ADD', netns, containerId })).code, 103);
  t.deepEqual([leases(), lab.ip(name, '-o', 'link')], before);
});

test.serial('ADD twice fails and leaves the first one whole', async (t) => {
  const { netns, containerId } = pod();
  const first = await add({ netns, containerId });
  t.is((await fails({ command: 'ADD', netns, containerId })).code, 103);
  await succeed(node, { command: 'CHECK', netns, containerId, config: { ...dual, prevResult: JSON.parse(first) } });
});

test.serial('ADD extends the result of an earlier plugin', async (t) => {
  const { netns, containerId } = pod();
  const prevResult = {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: netns }],
    ips: [{ address: '198.19.9.9/24', interface: 0 }],
    dns: { domain: 'x' },
  };
  const result = JSON.parse(await add({ netns, containerId, config: { ...dual, prevResult } }));
  t.is(result.interfaces[0].name, 'eth0');
  t.is(result.ips[0].interface, 0);
  t.is(result.interfaces[result.ips[1].interface].name, 'net1');
  t.deepEqual(result.dns, { domain: 'x' });
});

for (const ifName of ['a234567890123456', 'a/b', 'a:b', 'a b', '.', '..']) {
  test.serial(`an interface named ${JSON.stringify(ifName)} is refused`, async (t) => {
    const { netns, containerId } = pod();
    t.is((await fails({ command: 'ADD', netns, containerId, ifName })).code, 4);
  });
}

test.serial("the node's own namespace is refused", async (t) => {
  t.is((await fails({ command: 'ADD', netns: node.netns })).code, 8);
  t.is((await fails({ command: 'ADD', netns: '/run/netns/missing' })).code, 8);
  t.is((await fails({ command: 'ADD', netns: '/etc/hostname' })).code, 8);
});

test.serial(
  'requested addresses: runtimeConfig before args before CNI_ARGS; taken and strange ones are refused',
  async (t) => {
    const [one, two, three, four] = [pod(), pod(), pod(), pod()];
    const wishes = { ...dual, runtimeConfig: { ips: ['198.18.0.50/24'] }, args: { cni: { ips: ['198.18.0.51'] } } };
    const first = JSON.parse(
      await add({ ...one, config: wishes, env: { CNI_ARGS: 'IgnoreUnknown=1;IP=198.18.0.52' } }),
    );
    t.is(first.ips[0].address, '198.18.0.50/24');
    t.is(first.ips.length, 2);
    const second = JSON.parse(
      await add({
        ...two,
        config: { ...dual, args: { cni: { ips: ['198.18.0.51'] } } },
        env: { CNI_ARGS: 'IP=198.18.0.52' },
      }),
    );
    t.is(second.ips[0].address, '198.18.0.51/24');
    const third = JSON.parse(await add({ ...three, env: { CNI_ARGS: 'IP=198.18.0.52;MAC=02:11:22:33:44:55' } }));
    t.is(third.ips[0].address, '198.18.0.52/24');
    t.is(third.interfaces[2].mac, '02:11:22:33:44:55');
    const refused = (ip: string): Promise<{ code: number }> =>
      fails({ command: 'ADD', ...four, config: { ...dual, runtimeConfig: { ips: [ip] } } });
    t.is((await refused('198.18.0.50')).code, 101);
    t.is((await refused('198.19.0.1')).code, 7);
    t.is((await refused('198.18.0.60/16')).code, 7);
    t.is((await refused('nonsense')).code, 7);
  },
);

test.serial('DEL succeeds in each of five states and frees the address', async (t) => {
  const gone = pod();
  const count = leases().length;
  await add(gone);
  lab.removeNamespace(gone.name);
  await succeed(node, { command: 'DEL', config: dual, ...gone });
  t.is(leases().length, count, 'namespace gone');
  await succeed(node, { command: 'DEL', config: dual, ...gone });
  const empty = pod();
  await add(empty);
  await succeed(node, { command: 'DEL', config: dual, ...empty, netns: '' });
  t.false(lab.ip(empty.name, '-o', 'link').includes('net1'), 'no namespace given');
  const lost = pod();
  await add(lost);
  lab.ip(lost.name, 'link', 'del', 'net1');
  await succeed(node, { command: 'DEL', config: dual, ...lost });
  await succeed(node, { command: 'DEL', config: dual, ...pod() });
  t.is(leases().length, count);
});

test.serial('after DEL the name is free at once', async (t) => {
  const it = pod();
  await add(it);
  await succeed(node, { command: 'DEL', config: dual, ...it });
  await t.notThrowsAsync(async () => add(it));
});

test.serial('a failed ADD leaves nothing', async (t) => {
  const it = pod();
  const count = leases().length;
  const { code } = await fails({ command: 'ADD', ...it, config: { ...dual, bridge: 'br-none', uplink: 'none0' } });
  t.is(code, 7);
  const routeless = {
    ...dual,
    ipam: { ranges: [{ subnet: '198.18.0.0/24' }], routes: [{ dst: '198.19.0.0/16', gw: '203.0.113.1' }] },
  };
  t.is((await fails({ command: 'ADD', ...it, config: routeless })).code, 107);
  t.is(leases().length, count);
  t.false(lab.ip(it.name, '-o', 'link').includes('net1'));
});

test.serial('CHECK is content after ADD and names what was changed', async (t) => {
  const it = pod();
  const config = { ...dual, prevResult: JSON.parse(await add(it)) };
  await succeed(node, { command: 'CHECK', ...it, config });
  lab.ip(it.name, 'addr', 'add', '203.0.113.9/32', 'dev', 'net1');
  await succeed(node, { command: 'CHECK', ...it, config });
  lab.ip(it.name, 'route', 'del', '198.19.0.0/16');
  t.regex((await fails({ command: 'CHECK', ...it, config })).msg, /route 198\.19\.0\.0\/16/);
  lab.ip(it.name, '-6', 'addr', 'flush', 'dev', 'net1');
  t.regex((await fails({ command: 'CHECK', ...it, config })).msg, /address fd00:18::/);
  lab.ip(it.name, 'link', 'del', 'net1');
  t.regex((await fails({ command: 'CHECK', ...it, config })).msg, /host end/);
  await succeed(node, { command: 'DEL', ...it, config });
  t.regex((await fails({ command: 'CHECK', ...it, config })).msg, /lease/);
  t.is((await fails({ command: 'CHECK', ...it, config: dual })).code, 7);
});

test.serial('GC removes what is not in the list, nothing without a list, nothing of other networks', async (t) => {
  const config = { ...dual, name: 'collected', bridge: 'br-gc', uplink: undefined };
  const [keep, drop] = [pod(), pod()];
  await add({ ...keep, config });
  await add({ ...drop, config });
  const count = leases().length;
  await succeed(node, { command: 'GC', config });
  t.is(leases().length, count);
  await succeed(node, { command: 'GC', config: { ...config, name: 'foreign', 'cni.dev/valid-attachments': [] } });
  t.is(leases().length, count);
  t.is(
    await succeed(node, {
      command: 'GC',
      config: { ...config, 'cni.dev/attachments': [{ containerID: keep.containerId, ifname: 'net1' }] },
    }),
    '',
  );
  t.is(leases().length, count - 1);
  t.false(lab.ip(drop.name, '-o', 'link').includes('net1'));
  await succeed(node, { command: 'GC', config: { ...config, 'cni.dev/valid-attachments': [] } });
  t.is(leases().length, count - 2);
});

test.serial('STATUS: served, exhausted, uplink gone', async (t) => {
  const tiny = {
    ...dual,
    name: 'tiny',
    bridge: 'br-tiny',
    uplink: undefined,
    ipam: { ranges: [{ subnet: '198.18.9.0/30' }] },
  };
  await succeed(node, { command: 'STATUS', config: tiny });
  await add({ ...pod(), config: tiny });
  await add({ ...pod(), config: tiny });
  t.is((await fails({ command: 'ADD', ...pod(), config: tiny })).code, 102);
  t.is((await fails({ command: 'STATUS', config: tiny })).code, 50);
  t.is((await fails({ command: 'STATUS', config: { ...dual, bridge: 'br-none', uplink: 'none0' } })).code, 50);
});

test.serial('50 ADDs at once get 50 addresses', async (t) => {
  const it = pod();
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      add({ netns: it.netns, containerId: `many${index}`, ifName: `n${index}` }),
    ),
  );
  const addresses = results.flatMap((text) => JSON.parse(text).ips.map(({ address }: { address: string }) => address));
  t.is(new Set(addresses).size, 100);
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      succeed(node, {
        command: 'DEL',
        config: dual,
        netns: it.netns,
        containerId: `many${index}`,
        ifName: `n${index}`,
      }),
    ),
  );
});

test.serial('two ADDs race for one address: one wins', async (t) => {
  const [one, two] = [pod(), pod()];
  const config = { ...dual, runtimeConfig: { ips: ['198.18.0.180'] } };
  const replies = await Promise.all(
    [one, two].map(async (it) => node.agent.handleCni(cniCall({ command: 'ADD', config, ...it }))),
  );
  t.deepEqual(new Set(replies.map(({ exitCode }) => exitCode)), new Set([0, 1]));
});

test.serial('leases survive a restart; leftovers without a lease do not; recorded deletions are run', async (t) => {
  const [alive, dead, late] = [pod(), pod(), pod()];
  const config = { ...dual, prevResult: JSON.parse(await add(alive)) };
  await add(dead);
  await add(late);
  const count = leases().length;
  lab.removeNamespace(dead.name);
  lab.ip('node', 'link', 'add', 'gdwleftover', 'type', 'veth', 'peer', 'name', 'gdwpeer');
  mkdirSync(join(node.stateDir, 'pending-del'), { recursive: true });
  writeFileSync(
    join(node.stateDir, 'pending-del', '1-late'),
    encodeCall(cniCall({ command: 'DEL', config: dual, ...late })),
  );
  await node.restart();
  await succeed(node, { command: 'CHECK', ...alive, config });
  t.is(leases().length, count - 2);
  t.deepEqual(readdirSync(join(node.stateDir, 'pending-del')), []);
  t.false(lab.ip(late.name, '-o', 'link').includes('net1'));
  t.false(lab.ip('node', '-o', 'link').includes('gdwleftover'));
});

test.serial('VERSION reads no input; unknown verbs are refused; no verb is a call for help', async (t) => {
  const version = await node.agent.handleCni({ env: { CNI_COMMAND: 'VERSION' }, stdin: '' });
  t.deepEqual(JSON.parse(version.stdout), { cniVersion: '1.1.0', supportedVersions: ['0.4.0', '1.0.0', '1.1.0'] });
  t.is((await fails({ command: 'TOAST' })).code, 4);
  t.deepEqual(await node.agent.handleCni({ env: {}, stdin: '' }), { exitCode: 0, stdout: '' });
});

test.serial('whatever comes in, JSON or nothing comes out, and no lease is left', async (t) => {
  const count = leases().length;
  const verb = fc.constantFrom('ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION', 'X');
  const keyed = fc.record(
    {
      cniVersion: fc.constantFrom('0.4.0', '1.1.0', '9'),
      name: fc.string(),
      runtimeConfig: fc.jsonValue(),
      args: fc.jsonValue(),
      prevResult: fc.jsonValue(),
      ipam: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const stdin = fc.oneof(
    fc.string(),
    fc.json(),
    keyed.map((changes) => JSON.stringify({ ...dual, ...changes })),
  );
  await fc.assert(
    fc.asyncProperty(verb, stdin, fc.string(), async (command, text, id) => {
      const reply = await node.agent.handleCni({
        env: {
          CNI_COMMAND: command,
          CNI_CONTAINERID: id,
          CNI_NETNS: '/etc/hostname',
          CNI_IFNAME: 'net1',
          CNI_PATH: '/',
        },
        stdin: text,
      });
      return reply.stdout === '' ? reply.exitCode === 0 : typeof JSON.parse(reply.stdout) === 'object';
    }),
    { numRuns: 400 },
  );
  t.is(leases().length, count);
});

test.serial('no descriptor stays open after many calls', async (t) => {
  const it = pod();
  await add(it);
  await succeed(node, { command: 'DEL', config: dual, ...it });
  await node.restart();
  const before = openDescriptors();
  for (let round = 0; round < 40; round += 1) {
    await add({ ...it, containerId: `r${round}` });
    await succeed(node, { command: 'DEL', config: dual, ...it, containerId: `r${round}` });
  }
  await node.restart();
  t.true(openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
  t.true(sh('ip', '-n', lab.id + it.name, '-o', 'link').includes('lo'));
});
