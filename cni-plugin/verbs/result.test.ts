// Multus makes the pod's annotation network-status of what ADD prints: the interface inside the pod, its MAC, and its
// addresses.
import test from 'ava';
import { z } from 'zod';
import { supportedVersions } from './request.ts';
import { formatResult, type ResultFacts } from './result.ts';

const facts: ResultFacts = {
  bridge: { name: 'gw-stable', mac: '02:00:00:00:00:aa', mtu: 1500 },
  host: { name: 'gdw0123', mac: '02:00:00:00:00:bb', mtu: 1500 },
  pod: { name: 'net1', mac: '02:00:00:00:00:01', mtu: 1500, sandbox: '/run/netns/pod' },
  addresses: ['198.18.0.10/24', 'fd00::a/64'],
  gatewayOf: () => undefined,
  routes: [],
};
const resultSchema = z.object({
  interfaces: z.array(z.object({ name: z.string(), mac: z.string(), sandbox: z.string().optional() })),
  ips: z.array(z.object({ address: z.string(), interface: z.number() })),
});

/** As the client library of Multus reads a result: interfaces with a sandbox, and the addresses that point to them. */
function networkStatus(result: string): object[] {
  const { interfaces, ips } = resultSchema.parse(JSON.parse(result));
  return interfaces.flatMap(({ name, mac, sandbox }, index) =>
    sandbox === undefined
      ? []
      : [
          {
            interface: name,
            mac,
            ips: ips.filter((ip) => ip.interface === index).map(({ address }) => address.split('/')[0]),
          },
        ],
  );
}

const ours = { interface: 'net1', mac: '02:00:00:00:00:01', ips: ['198.18.0.10', 'fd00::a'] };
for (const version of supportedVersions)
  test(`network-status of a result of ${version}`, (t) =>
    t.deepEqual(networkStatus(formatResult(version, facts, undefined)), [ours]));

test('in a chain the addresses point to our own interface', (t) => {
  const before = {
    interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:02', sandbox: '/run/netns/pod' }],
    ips: [{ address: '10.0.0.2/24', interface: 0 }],
  };
  t.deepEqual(networkStatus(formatResult('1.0.0', facts, before)), [
    { interface: 'eth0', mac: '02:00:00:00:00:02', ips: ['10.0.0.2'] },
    ours,
  ]);
});
