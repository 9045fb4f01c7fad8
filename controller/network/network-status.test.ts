// What `kubectl get stablenetworks` says must be true.
import test from 'ava';
import type { Condition } from '#core/api/conditions.ts';
import type { StableIP } from '#core/api/stable-ip.ts';
import type { StableNetwork } from '#core/api/stable-network.ts';
import { condition, time } from '#core/testing/objects.ts';
import { stableIP, stableNetwork } from '#core/testing/stable-objects.ts';
import { networkStatus, type NetworkStatus } from './network-status.ts';

const attached: Condition = condition('Attached', 'True', 'Attached');
const statusOf = (network: StableNetwork, addresses: StableIP[] = []): NetworkStatus =>
  networkStatus({
    network: { ...network, status: { conditions: [attached], ...network.status } },
    networks: [network],
    nodes: [],
    addresses,
    now: time(5),
  });
const taken = (count: number, prefix = '198.18.0.', first = 10): StableIP[] =>
  Array.from({ length: count }, (_, index) => stableIP(`${prefix}${first + index}`));
const conditionOf = ({ conditions }: NetworkStatus, type: string): Condition | undefined =>
  conditions?.find((one) => one.type === type);

test('addresses are counted', (t) => {
  t.deepEqual(statusOf(stableNetwork(), taken(3)).addresses, { used: 3, total: 10 });
  t.deepEqual(statusOf(stableNetwork('stable', { ranges: [{ cidr: 'shop' }] }), taken(3)).addresses, {
    used: 3,
    total: 0,
  });
  t.is(
    statusOf(stableNetwork('stable', { ranges: [{ cidr: 'fd00::/64' }] })).addresses?.total,
    Number.MAX_SAFE_INTEGER,
  );
});

test('it is ready when it is attached and nothing speaks against it', (t) => {
  t.like(conditionOf(statusOf(stableNetwork()), 'Ready'), {
    status: 'True',
    reason: 'Attached',
    observedGeneration: 1,
  });
  t.like(conditionOf(statusOf(stableNetwork('stable', { ranges: [{ cidr: '127.0.0.0/8' }] })), 'Ready'), {
    status: 'False',
    reason: 'RangesReserved',
  });
});

test('a namespace that is missing is told as attaching found it', (t) => {
  const missing = { ...condition('Attached', 'False', 'NamespaceMissing'), message: 'There is no namespace shop' };
  t.like(conditionOf(statusOf({ ...stableNetwork(), status: { conditions: [missing] } }), 'Ready'), {
    status: 'False',
    reason: 'NamespaceMissing',
    message: 'There is no namespace shop',
  });
});

test('before attaching has spoken nothing is said about readiness', (t) => {
  t.is(conditionOf(statusOf({ ...stableNetwork(), status: { conditions: [] } }), 'Ready'), undefined);
});

const dual = {
  ranges: [{ cidr: '198.18.0.0/24', rangeStart: '198.18.0.10', rangeEnd: '198.18.0.12' }, { cidr: 'fd00::/64' }],
};
const pools: [string, Partial<StableNetwork['spec']>, StableIP[], boolean][] = [
  ['none in use', {}, [], false],
  ['one left', {}, taken(9), false],
  ['all in use', {}, taken(10), true],
  ['addresses beside the range use up nothing', {}, [...taken(9), ...taken(5, '198.18.0.', 100)], false],
  ['one family is enough', dual, taken(3), true],
  ['IPv6 alone does not count for IPv4', dual, [...taken(2), ...taken(8, 'fd00::', 1)], false],
];
for (const [what, spec, addresses, exhausted] of pools) {
  test(`${what}: ${exhausted ? 'exhausted' : 'addresses are free'}`, (t) => {
    const found = conditionOf(statusOf(stableNetwork('stable', spec), addresses), 'Exhausted');
    t.is(found?.status, exhausted ? 'True' : 'False');
    if (exhausted) t.regex(found?.message ?? '', /^All \d+ IPv4 addresses are in use/);
  });
}

test('the same facts give the same status, so that nothing is written', (t) => {
  const network = stableNetwork();
  const status = statusOf(network, taken(2));
  t.deepEqual(
    networkStatus({
      network: { ...network, status },
      networks: [network],
      nodes: [],
      addresses: taken(2),
      now: time(99),
    }),
    status,
  );
});
