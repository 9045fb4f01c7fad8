// Hosts without a shared segment: the stable network is a tunnel between them, and the client lives on a third host.
import test from 'ava';
import type { Host } from '#hosts/host.ts';
import { move } from '#pair/move.ts';
import { addStableLink, startStable } from '#pair/stable-container.ts';
import { upPair } from '#pair/pair.ts';
import { startClient } from '#workloads/workload.ts';
import { redisCounter } from '#workloads/workloads.ts';

/** Programs of the client run in a network namespace of a host. */
function inNamespace(host: Host, name: string): Host {
  const inside = (argv: readonly string[]) => ['ip', 'netns', 'exec', name, ...argv];
  return {
    ...host,
    exec: (argv, options) => host.exec(inside(argv), options),
    must: (argv, options) => host.must(inside(argv), options),
    spawn: (argv, options) => host.spawn(inside(argv), options),
  };
}

test("a Redis moves over VXLAN, there, back and to the client's own host; nothing is lost", async (t) => {
  await using pair = await upPair({
    name: `vxlan-${process.pid}`,
    third: true,
    network: (host, hosts) => ({
      mode: 'vxlan',
      uplink: undefined,
      mtu: 1450,
      vxlan: {
        id: 42,
        local: host.mgmtAddress,
        peers: hosts.nodes.filter(({ name }) => name !== host.name).map(({ mgmtAddress }) => mgmtAddress),
      },
    }),
  });
  const { a, b, c } = pair.hosts;
  if (c === undefined) throw new TypeError('the set has no third host');
  const container = await startStable(pair, a, redisCounter, pair.hosts.stableIp(50));
  await addStableLink(c, 'client', pair.hosts.stableIp(60));
  const client = await startClient(redisCounter, inNamespace(c, 'client'), container.address, { connections: 4 });
  await client.more(500);
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, c],
    [c, b],
  ] as const) {
    const record = await move(pair, container.id, from, to);
    t.is(record.state, 'succeeded', record.error?.message);
    await client.more(500);
  }
  const { lost, duplicated, resets, faults } = await client.stop();
  t.deepEqual({ lost, duplicated, resets, faults }, { lost: 0, duplicated: 0, resets: 0, faults: [] });
});
